//! `NodePool`: a set of interchangeable nodes, in a cloud or on bare metal.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{duration::Duration, patterns};

pub mod aws;
pub mod bare_metal;
pub mod join;
pub mod lifecycle;
mod normalise;
pub mod status;
pub mod template;
pub mod volumes;

use aws::Aws;
use bare_metal::BareMetal;
use join::{CloudInit, Join};
use lifecycle::{Disruption, Repair};
use status::NodePoolStatus;
use template::Template;
use volumes::FlatRootVolume;

/// The most nodes one pool may ask for.
pub const MAX_NODES: u32 = 1000;

/// Who owns the machines of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Provider {
    /// Amazon EC2: one Auto Scaling group per pool.
    Aws,
    /// Machines that already run the installer and wait to be claimed.
    BareMetal,
}

/// What the nodes of a pool are, how many there are, and how they come and go.
///
/// A pool on AWS is written in one of two forms: in full, with `aws`, or in short, with `region`,
/// `instanceType`, `rootVolume` and `cloudInit` directly under `spec`. `NodePoolSpec::normalised`
/// turns the short form into the full one.
#[allow(clippy::duplicated_attributes, reason = "every printer column has a type of its own")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "keystone.systems",
    version = "v1alpha1",
    kind = "NodePool",
    plural = "nodepools",
    shortname = "ksnp",
    category = "keystone",
    status = "NodePoolStatus",
    derive = "PartialEq",
    doc = "A set of interchangeable nodes, in a cloud or on bare metal.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Provider",
        type_ = "string",
        json_path = ".spec.provider",
        description = "Who owns the machines."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".spec.replicas",
        description = "Nodes asked for."
    ),
    printcolumn(
        name = "Nodes",
        type_ = "integer",
        json_path = ".status.replicas",
        description = "Machines that exist."
    ),
    printcolumn(
        name = "ReadyNodes",
        type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "Nodes that take work."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the pool does what its spec asks for."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it does or does not.",
        priority = 1
    ),
    printcolumn(
        name = "Min",
        type_ = "integer",
        json_path = ".spec.minNodes",
        description = "Fewest nodes.",
        priority = 1
    ),
    printcolumn(
        name = "Max",
        type_ = "integer",
        json_path = ".spec.maxNodes",
        description = "Most nodes.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the object was made."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.provider != 'aws' || has(self.aws) != (has(self.region) || has(self.instanceType) || has(self.rootVolume) || has(self.cloudInit))")
        .message("provider aws takes exactly one form: the aws block, or the short form (region, instanceType, rootVolume, cloudInit)"),
    validation = Rule::new("self.provider != 'aws' || has(self.aws) || (has(self.region) && has(self.instanceType))")
        .message("the short form needs both region and instanceType"),
    validation = Rule::new("self.provider == 'aws' || !(has(self.aws) || has(self.region) || has(self.instanceType) || has(self.rootVolume) || has(self.cloudInit))")
        .message("aws, region, instanceType, rootVolume and cloudInit belong to provider aws"),
    validation = Rule::new("has(self.bareMetal) == (self.provider == 'bareMetal')")
        .message("the bareMetal block is set exactly when provider is bareMetal"),
    validation = Rule::new("!(has(self.cloudInit) && has(self.join))")
        .message("cloudInit is the short form of join: set one of them"),
    validation = Rule::new("has(self.replicas) || has(self.maxNodes)")
        .message("set replicas for a pool of fixed size, or maxNodes for one that an autoscaler sizes"),
    validation = Rule::new("!has(self.maxNodes) || self.minNodes <= self.maxNodes")
        .message("minNodes is at most maxNodes"),
    validation = Rule::new("!has(self.replicas) || self.minNodes <= self.replicas")
        .message("replicas is at least minNodes"),
    validation = Rule::new("!has(self.replicas) || !has(self.maxNodes) || self.replicas <= self.maxNodes")
        .message("replicas is at most maxNodes"),
    validation = Rule::new("!has(self.bareMetal) || !has(self.bareMetal.hosts) || ((!has(self.replicas) || self.replicas <= size(self.bareMetal.hosts)) && (!has(self.maxNodes) || self.maxNodes <= size(self.bareMetal.hosts)))")
        .message("replicas and maxNodes are at most the number of bareMetal.hosts"),
    validation = Rule::new("!has(self.join) || (self.join.mode == 'preAuthKeySecretRef') == (self.provider == 'bareMetal')")
        .message("join.mode preAuthKeySecretRef is for provider bareMetal, and the attested modes are for provider aws"),
    validation = Rule::new("!(self.template.role in ['controlPlane', 'storage']) || !has(self.aws) || self.aws.capacity.onDemandPercentAboveBase == 100")
        .message("nodes of role controlPlane or storage are 100 % on-demand: a spot machine leaves with two minutes' notice"),
    validation = Rule::new("(has(self.aws) ? self.aws.region : has(self.region) ? self.region : '') == (has(oldSelf.aws) ? oldSelf.aws.region : has(oldSelf.region) ? oldSelf.region : '')")
        .message("the region is immutable: make a new pool and delete this one"),
)]
pub struct NodePoolSpec {
    /// Who owns the machines: `aws` or `bareMetal`. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("provider is immutable: make a new pool and delete this one"))]
    pub provider: Provider,

    /// Nodes that are wanted now. An autoscaler may own this field through the scale subresource; the
    /// operator then never writes it. Absent: the operator sets it to `minNodes` once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_NODES))]
    pub replicas: Option<u32>,

    /// The fewest nodes that an autoscaler may ask for.
    #[serde(default)]
    #[schemars(range(min = 0, max = MAX_NODES))]
    pub min_nodes: u32,

    /// The most nodes that may exist, also while nodes are being replaced. Absent: `replicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_NODES))]
    pub max_nodes: Option<u32>,

    /// Watch and report only; change nothing.
    #[serde(default)]
    pub paused: bool,

    /// What every node of the pool looks like.
    #[serde(default)]
    pub template: Template,

    /// A machine that has not registered with the cluster after this time is terminated.
    #[serde(default = "default_registration_timeout")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')")
        .message("registrationTimeout is at least 1m: no machine boots faster"))]
    pub registration_timeout: Duration,

    /// A node that still carries a startup taint after this time is terminated.
    #[serde(default = "default_initialization_timeout")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')")
        .message("initializationTimeout is at least 1m: no node starts faster"))]
    pub initialization_timeout: Duration,

    /// A node older than this is replaced. Absent: age is no reason to replace a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h')")
        .message("expireAfter is at least 1h: nodes would be replaced as fast as they start"))]
    pub expire_after: Option<Duration>,

    /// How long a drain may wait for pods before it is forced. Absent: as long as it takes. On spot
    /// machines more than 90 s is reported in the condition `Validated`, as the machine leaves earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period: Option<Duration>,

    /// How many nodes may be taken down at once, and for which reasons.
    #[serde(default)]
    pub disruption: Disruption,

    /// Replacement of nodes that stay unhealthy.
    #[serde(default)]
    pub repair: Repair,

    /// How a new machine proves that it may join. Absent: `awsWebIdentity` on AWS; on bare metal the
    /// key that `keystone-cluster mesh enroll` left on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,

    /// The full form of a pool on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,

    /// The machines of a pool on bare metal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bare_metal: Option<BareMetal>,

    /// Short form of `aws.region`. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = patterns::AWS_REGION))]
    pub region: Option<String>,

    /// Short form of `aws.instanceTypes` with one element.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = patterns::INSTANCE_TYPE))]
    pub instance_type: Option<String>,

    /// Short form of `aws.rootVolume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_volume: Option<FlatRootVolume>,

    /// Short form of `join`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init: Option<CloudInit>,
}

fn default_registration_timeout() -> Duration {
    Duration::minutes(15)
}

fn default_initialization_timeout() -> Duration {
    Duration::minutes(30)
}
