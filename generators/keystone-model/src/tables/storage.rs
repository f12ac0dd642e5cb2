//! `[storage]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Size;

/// Ceph on ZFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Storage {
    /// Copies of every object, each on another storage node.
    #[schemars(range(min = 1))]
    pub replicas: u32,
    /// Size of the zvol that each data disk gives to Ceph. Without it, nine tenths of the disk.
    #[schemars(example = "4TiB")]
    pub osd_size: Option<Size>,
    /// Whether the class `ceph-filesystem` exists.
    pub filesystem: bool,
    /// Whether the class `ceph-object` exists. It makes buckets, not volumes.
    pub object: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self { replicas: 3, osd_size: None, filesystem: true, object: true }
    }
}
