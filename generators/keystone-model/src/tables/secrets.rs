//! `[secrets]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The root of trust and the secrets in git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Secrets {
    /// Primers that must take part when the root key signs or a backup is opened: more than half, fewer than all.
    pub quorum_size: u32,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { quorum_size: 2 }
    }
}
