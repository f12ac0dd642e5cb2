//! What the operator has seen and done.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{conditions, time_schema};

/// The most nodes that `status.nodes` lists; those that need attention come first.
pub const MAX_LISTED_NODES: usize = 100;

/// What the operator has seen and done.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Machines that exist, in whatever state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,

    /// Nodes that take work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,

    /// The selector of the pool's nodes, as the scale subresource wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The hash of the spec that new nodes get; a node with another one has drifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_hash: Option<String>,

    /// What the operator made on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsStatus>,

    /// The nodes, at most 100: those that need attention first, then by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_LISTED_NODES), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub nodes: Vec<NodeStatus>,

    /// Offers that the cloud could not fill and that are left out for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub unavailable_offerings: Vec<UnavailableOffering>,

    /// The last call that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,

    /// What holds and what does not. Types: `Ready`, `Validated`, `CredentialsReady`, `AmiReady`,
    /// `NetworkReady`, `LaunchTemplateReady`, `CapacityAvailable`, `JoinServiceReady`,
    /// `RegistrationHealthy`, `Drifted`, `Disrupting`, `Paused`, `Deleting`, `JoinTokenIgnored`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list_schema")]
    pub conditions: Vec<Condition>,
}

/// What the operator made on AWS.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsStatus {
    /// The launch template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_template_id: Option<String>,

    /// The version of the launch template that new machines get; a number, never `$Latest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,

    /// The Auto Scaling group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asg_name: Option<String>,

    /// The image that new machines get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,

    /// When the image's owner has it vanish from searches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub ami_deprecation_time: Option<Time>,
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum NodePhase {
    /// A machine was asked for.
    Requested,
    /// It runs.
    Launched,
    /// It proved what it is.
    Attested,
    /// Its Node object exists.
    Registered,
    /// Its startup taints are gone.
    Initialized,
    /// It takes work.
    Ready,
    /// It differs from the spec.
    Drifted,
    /// It is older than it may be.
    Expired,
    /// The cloud takes it back.
    Interrupted,
    /// It stays not ready.
    Unhealthy,
    /// It was chosen as the pool shrinks.
    ScaleIn,
    /// It takes no new pods.
    Cordoned,
    /// Its pods are being moved.
    Draining,
    /// Its volumes are free.
    VolumesDetached,
    /// It is being stopped.
    Terminating,
    /// It is no more.
    Gone,
    /// It did not register in time.
    JoinFailed,
}

/// How a machine is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lifecycle {
    /// By the hour, until it is given back.
    OnDemand,
    /// Cheaper, until the cloud wants it back.
    Spot,
    /// Not at all: it is the user's own.
    Owned,
}

/// One node.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The instance id, or the MAC address on bare metal.
    pub id: String,

    /// The name of the Node object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,

    /// Where the node is in its life.
    pub phase: NodePhase,

    /// The availability zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub az: Option<String>,

    /// The instance type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,

    /// How the machine is paid for: `onDemand`, `spot`, or `owned` on bare metal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,

    /// The hash of the spec that the node was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_hash: Option<String>,

    /// When the phase last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub last_transition: Option<Time>,
}

/// An offer that the cloud could not fill.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnavailableOffering {
    /// The instance type.
    #[serde(rename = "type")]
    pub instance_type: String,

    /// The availability zone.
    pub az: String,

    /// How the machine would have been paid for.
    pub lifecycle: Lifecycle,

    /// The cloud's code, such as `InsufficientInstanceCapacity`.
    pub code: String,

    /// When it is tried again.
    #[schemars(schema_with = "time_schema")]
    pub until: Time,
}

/// A call that failed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// The cloud's code, such as `UnauthorizedOperation`.
    pub code: String,

    /// The cloud's number of the call, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,

    /// When it is tried again. Absent: when the spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_schema")]
    pub retry_at: Option<Time>,
}
