//! What the API server reads from files: who people are, and what it writes down. The meaning is that of
//! modules/control-plane/authentication.nix and audit.nix.

use keystone_model::AuditLevel;
use serde_json::json;

/// Who people are: those with a certificate. The issuer at which people log in is left out, as a lab asks nobody outside.
pub fn authentication() -> String {
    let open = ["/livez", "/readyz", "/healthz"].map(|path| json!({ "path": path }));
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": { "enabled": true, "conditions": open },
    })
    .to_string()
}

/// What is written down.
pub fn audit(level: AuditLevel) -> String {
    let ordinary = match level {
        AuditLevel::Metadata => "Metadata",
        AuditLevel::Request => "Request",
        AuditLevel::RequestResponse => "RequestResponse",
    };
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "None",
                "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi*", "/metrics"],
            },
            {
                "level": "None",
                "resources": [
                    { "group": "coordination.k8s.io", "resources": ["leases"] },
                    { "group": "", "resources": ["events"] },
                    { "group": "events.k8s.io", "resources": ["events"] },
                ],
            },
            {
                "level": "Metadata",
                "resources": [
                    { "group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"] },
                    { "group": "authentication.k8s.io", "resources": ["tokenreviews"] },
                ],
            },
            { "level": "Metadata", "verbs": ["get", "list", "watch"] },
            { "level": ordinary },
        ],
    })
    .to_string()
}
