//! `[kubernetes]`

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Cidr, Domain, Name};

/// Versions, address ranges and safeguards of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Kubernetes {
    /// Minor version: `1.36`. NixOS decides the patch.
    #[schemars(regex(pattern = "^1\\.[0-9]+$"))]
    pub version: String,
    /// Addresses of pods.
    pub pod_cidr: Cidr,
    /// Addresses of services. DNS takes the tenth.
    #[schemars(example = "10.96.0.0/16")]
    pub service_cidr: Cidr,
    /// Name of the API below the mesh's zone: `https://<apiName>.<mesh.baseDomain>:6443`.
    #[schemars(example = &"kubernetes")]
    pub api_name: Name,
    /// Zone of services inside the cluster.
    #[schemars(example = "cluster.local")]
    pub cluster_domain: Domain,
    /// How Secrets are encrypted in etcd.
    pub encryption: Encryption,
    /// How much the audit log holds of an ordinary request. Secrets never appear in it beyond their names.
    pub audit: AuditLevel,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            version: "1.36".to_owned(),
            pod_cidr: Cidr::fixed_v4(Ipv4Addr::new(10, 244, 0, 0), 16),
            service_cidr: Cidr::fixed_v4(Ipv4Addr::new(10, 96, 0, 0), 16),
            api_name: Name::known("kubernetes"),
            cluster_domain: Domain::known("cluster.local"),
            encryption: Encryption::default(),
            audit: AuditLevel::default(),
        }
    }
}

/// How Secrets are encrypted in etcd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// AES-GCM with keys from a secret of the cluster.
    #[default]
    Aesgcm,
    /// Envelope encryption through a KMS v2 plugin. Not built yet, and refused.
    Kms,
}

/// How much the audit log holds of an ordinary request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditLevel {
    /// Who did what to which object, and the outcome.
    #[default]
    Metadata,
    /// The body of the request too.
    Request,
    /// The bodies of request and response.
    RequestResponse,
}
