//! `[snapshots]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many ZFS snapshots of each age are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Snapshots {
    /// One an hour.
    pub hourly: u32,
    /// One a day.
    pub daily: u32,
    /// One a week.
    pub weekly: u32,
    /// One a month.
    pub monthly: u32,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { hourly: 24, daily: 7, weekly: 4, monthly: 12 }
    }
}
