//! `[cluster]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Domain, Name};

/// What the cluster is called and which NixOS it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterTable {
    /// Name of the cluster, as it stands in certificates, tags of cloud resources and kubeconfigs.
    #[schemars(example = &"production")]
    pub name: Name,
    /// Public domain below which the cluster's own names lie.
    pub domain: Domain,
    /// The NixOS release that the nodes were installed with (`system.stateVersion`). It does not follow upgrades.
    #[schemars(regex(pattern = "^[0-9]{2}\\.(05|11)$"))]
    pub state_version: String,
}
