//! How a new machine proves that it may join.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns;

/// What a new machine shows to the join service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JoinMode {
    /// A short-lived token that AWS signs for the instance's role.
    AwsWebIdentity,
    /// The signed document of the instance; weaker, as it never expires, but needs no role.
    InstanceIdentityDocument,
    /// A single-use Headscale key that a person put into a Secret.
    PreAuthKeySecretRef,
}

/// How a new machine proves that it may join.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.preAuthKeySecretRef) == (self.mode == 'preAuthKeySecretRef')")
    .message("preAuthKeySecretRef is set exactly when mode is preAuthKeySecretRef"))]
pub struct Join {
    /// `awsWebIdentity`, `instanceIdentityDocument`, or, on bare metal only, `preAuthKeySecretRef`.
    pub mode: JoinMode,

    /// The coordinator of the mesh. Absent: the one of this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = patterns::HTTPS_URL))]
    pub headscale_url: Option<String>,

    /// Tags of the nodes in the mesh; what the access policy knows them by. Absent: the tag of the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 67), regex(pattern = patterns::HEADSCALE_TAG)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub headscale_tags: Vec<String>,

    /// Where the key lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_auth_key_secret_ref: Option<SecretRef>,
}

/// One key of a Secret. The object that refers to it is cluster-scoped, so the namespace is named.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// The namespace of the Secret.
    #[serde(default = "default_namespace")]
    #[schemars(length(max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: String,

    /// The name of the Secret.
    #[schemars(length(max = 253), regex(pattern = patterns::DNS_SUBDOMAIN))]
    pub name: String,

    /// The key inside the Secret.
    #[serde(default = "default_key")]
    #[schemars(length(max = 253), regex(pattern = "^[A-Za-z0-9._-]+$"))]
    pub key: String,
}

fn default_namespace() -> String {
    "keystone-system".to_owned()
}

fn default_key() -> String {
    "authkey".to_owned()
}

/// Short form of `join`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudInit {
    /// Accepted and never used: user-data of a launch template is one text for all machines, readable by
    /// each of their processes and by everyone who may describe launch templates, so no token is ever
    /// rendered into it. The condition `JoinTokenIgnored` reports that the field is set. Nodes join by
    /// an identity that AWS attests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub join_token: Option<String>,

    /// Short form of `join.headscaleUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = patterns::HTTPS_URL))]
    pub headscale_url: Option<String>,
}
