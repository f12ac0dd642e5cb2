//! When nodes are taken down: budgets, drift and repair.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{duration::Duration, patterns};

/// Why a node is taken down by choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum DisruptionReason {
    /// It differs from the spec.
    Drift,
    /// It is older than `expireAfter`.
    Expired,
    /// The pool shrinks.
    ScaleIn,
    /// It stays unhealthy.
    Repair,
}

/// What happens to nodes that differ from the spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// They are replaced within the budgets.
    Auto,
    /// They are reported, and replaced when somebody deletes them.
    #[default]
    OnDelete,
}

/// How many nodes may be taken down at once, and for which reasons.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    /// Limits that hold together: the smallest one that applies now decides. Interruptions by the cloud
    /// are no choice and count against no budget.
    #[serde(default = "default_budgets")]
    #[schemars(length(min = 1, max = 20))]
    pub budgets: Vec<Budget>,

    /// Replace nodes that differ from the spec (`Auto`), or only report them (`OnDelete`).
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

impl Default for Disruption {
    fn default() -> Self {
        Self { budgets: default_budgets(), drift_policy: DriftPolicy::default() }
    }
}

fn default_budgets() -> Vec<Budget> {
    vec![Budget { nodes: default_nodes(), reasons: Vec::new(), schedule: None, duration: None }]
}

/// One limit on nodes that are down at the same time.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.schedule) == has(self.duration)")
    .message("schedule and duration of a budget go together"))]
pub struct Budget {
    /// Nodes, or a share of the pool such as `10%` (rounded up). `0` forbids.
    #[serde(default = "default_nodes")]
    #[schemars(schema_with = "nodes_schema")]
    pub nodes: IntOrString,

    /// Reasons that the limit is for: `Drift`, `Expired`, `ScaleIn`, `Repair`. Absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub reasons: Vec<DisruptionReason>,

    /// When the limit starts to apply, as five cron fields in UTC. Absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = patterns::CRON))]
    pub schedule: Option<String>,

    /// How long the limit applies after each start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')")
        .message("the duration of a budget is at least 1m, as schedules are"))]
    pub duration: Option<Duration>,
}

fn default_nodes() -> IntOrString {
    IntOrString::String("10%".to_owned())
}

fn nodes_schema(_: &mut SchemaGenerator) -> Schema {
    // `minimum` judges the number and `pattern` the text: each keyword skips the other type.
    json_schema!({
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maximum": super::MAX_NODES,
        "pattern": patterns::PERCENT,
        "maxLength": 4,
    })
}

/// Replacement of nodes that stay unhealthy.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// Replace unhealthy nodes. Off by default: a replacement loses what the node held.
    #[serde(default)]
    pub enabled: bool,

    /// A node that is not ready for this long counts as unhealthy.
    #[serde(default = "default_unhealthy_after")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')")
        .message("unhealthyAfter is at least 1m: a node that restarts its kubelet is not ready for a while"))]
    pub unhealthy_after: Duration,

    /// Repair stops while more than this share of the pool is unhealthy, as then the network is the
    /// likelier cause.
    #[serde(default = "default_max_unhealthy_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub max_unhealthy_percent: u32,
}

impl Default for Repair {
    fn default() -> Self {
        Self {
            enabled: false,
            unhealthy_after: default_unhealthy_after(),
            max_unhealthy_percent: default_max_unhealthy_percent(),
        }
    }
}

fn default_unhealthy_after() -> Duration {
    Duration::minutes(30)
}

fn default_max_unhealthy_percent() -> u32 {
    20
}
