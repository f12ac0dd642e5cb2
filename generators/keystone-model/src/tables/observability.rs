//! `[observability]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Duration, Email, Name};

/// Metrics, logs and alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Observability {
    /// How long metrics are kept.
    #[schemars(example = "30d")]
    pub metrics_retention: Duration,
    /// How long logs are kept on the machine that takes them.
    #[schemars(example = "14d")]
    pub logs_hot: Duration,
    /// How long logs are kept in blob storage.
    #[schemars(example = "365d")]
    pub logs_cold: Duration,
    /// Who hears of alerts, by name.
    pub receivers: BTreeMap<Name, AlertReceiver>,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            metrics_retention: Duration::from_seconds(15 * 86_400),
            logs_hot: Duration::from_seconds(7 * 86_400),
            logs_cold: Duration::from_seconds(90 * 86_400),
            receivers: BTreeMap::new(),
        }
    }
}

/// Somebody who hears of alerts. Tokens and web addresses that are secrets come from the secret of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AlertReceiver {
    /// How.
    pub kind: ReceiverKind,
    /// Address (`kind = "email"`).
    pub to: Option<Email>,
}

/// Ways to hear of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiverKind {
    /// Mail.
    Email,
    /// A Slack channel.
    Slack,
    /// `PagerDuty`.
    Pagerduty,
}
