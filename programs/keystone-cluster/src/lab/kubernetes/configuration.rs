//! What the API server is told besides where things are: who people are, what it writes down, and flags. It is read
//! from the file from which modules/control-plane takes it, so that a lab runs what a host runs.

use keystone_model::AuditLevel;
use serde::Deserialize;
use serde_json::{Value, json};

/// modules/control-plane/apiserver.json.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Flags without a place or a name in them.
    pub flags: Vec<String>,
    anonymous: Value,
    audit: Audit,
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Audit {
    api_version: String,
    kind: String,
    omit_stages: Vec<String>,
    rules: Vec<Value>,
}

impl Settings {
    /// The file of this build.
    pub fn read() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("../../../../../modules/control-plane/apiserver.json"))
    }

    /// Who people are: those with a certificate. The issuer at which people log in is left out, as a lab asks nobody
    /// outside.
    pub fn authentication(&self) -> String {
        json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "anonymous": self.anonymous,
        })
        .to_string()
    }

    /// What is written down: as the file says, and of everything else as much as the inventory says.
    pub fn audit(&self, level: AuditLevel) -> String {
        let ordinary = match level {
            AuditLevel::Metadata => "Metadata",
            AuditLevel::Request => "Request",
            AuditLevel::RequestResponse => "RequestResponse",
        };
        let mut policy = json!(self.audit);
        if let Some(rules) = policy["rules"].as_array_mut() {
            rules.push(json!({ "level": ordinary }));
        }
        policy.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    /// The first rule that fits counts: what hides Secrets must stand before what the inventory asks for.
    #[test]
    fn the_inventory_says_only_how_the_policy_ends() {
        let settings = Settings::read().unwrap();
        let policy: Value = serde_json::from_str(&settings.audit(AuditLevel::RequestResponse)).unwrap();
        let rules = policy["rules"].as_array().unwrap();
        assert_eq!(rules.last().unwrap(), &json!({ "level": "RequestResponse" }));
        let levels: Vec<&str> = rules.iter().map(|rule| rule["level"].as_str().unwrap()).collect();
        assert_eq!(levels[..levels.len() - 1], ["None", "None", "Metadata", "Metadata"]);
        let hidden = rules[2]["resources"][0]["resources"].as_array().unwrap();
        assert!(hidden.contains(&json!("secrets")), "{hidden:?}");
        let anonymous: Value = serde_json::from_str(&settings.authentication()).unwrap();
        assert_eq!(anonymous["anonymous"]["conditions"].as_array().unwrap().len(), 3);
    }
}
