//! `[backup]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{AwsRegion, Name};

/// Where backups go. All are encrypted to the primers' threshold key before they leave a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Backup {
    /// Targets, by name.
    pub targets: BTreeMap<Name, BackupTarget>,
}

/// A place for backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BackupTarget {
    /// What it is.
    pub kind: BackupTargetKind,
    /// The machine with role `backup` (`kind = "node"`).
    #[schemars(example = "backup-1")]
    pub node: Option<Name>,
    /// Its data set, below which each machine has its own (`kind = "node"`).
    pub dataset: Option<String>,
    /// The bucket (`kind = "s3"`).
    #[schemars(example = "keystone-production-backup")]
    pub bucket: Option<Name>,
    /// Its region (`kind = "s3"`).
    pub region: Option<AwsRegion>,
}

/// Kinds of places for backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackupTargetKind {
    /// A machine of the cluster that receives ZFS streams.
    Node,
    /// A bucket whose objects nobody can overwrite.
    S3,
}
