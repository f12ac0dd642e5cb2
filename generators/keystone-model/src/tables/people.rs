//! `[groups.<name>]` and `[people.<name>]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{AgeRecipient, Email, Name, SshPublicKey};

/// A group of people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Group {
    /// What its members do, for the report.
    #[serde(default)]
    pub description: String,
    /// Groups whose members belong to this one too.
    #[serde(default)]
    #[schemars(example = ["developers"])]
    pub includes: Vec<Name>,
    /// Cluster roles of Kubernetes that its members have in every namespace, bound to each by the person's email. Admins
    /// have `cluster-admin` without being told.
    #[serde(default)]
    #[schemars(example = ["edit"])]
    pub cluster_roles: Vec<Name>,
}

/// A person. What the person may do comes from groups; what the person may decrypt from `admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Person {
    /// Address with which the person logs in to the mesh and to Kubernetes.
    pub email: Email,
    /// Recipients of the person's age identities.
    #[serde(default)]
    pub age_keys: Vec<AgeRecipient>,
    /// SSH keys. age can encrypt to those of kind `ssh-ed25519` and `ssh-rsa` only.
    #[serde(default)]
    pub ssh_keys: Vec<SshPublicKey>,
    /// Groups that the person belongs to, besides `admins`.
    #[serde(default)]
    #[schemars(example = ["developers"])]
    pub groups: Vec<Name>,
    /// Whether the person administers the cluster: reads its secrets, and belongs to the group `admins`.
    #[serde(default)]
    pub admin: bool,
}
