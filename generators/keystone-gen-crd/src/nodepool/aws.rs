//! Machines on Amazon EC2.
//!
//! Values that are AWS's own words (`price-capacity-optimized`, `x86_64`) are spelled as AWS spells them.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::volumes::{DataVolume, RootVolume};
use crate::patterns;

/// The machines of a pool on AWS. Two things have no field, as they are always on: encryption of every
/// volume, and tokens for the metadata service.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.instanceTypes) != has(self.instanceRequirements)")
        .message("set exactly one of instanceTypes and instanceRequirements"),
    validation = Rule::new("!(has(self.subnets) && has(self.subnetSelector))")
        .message("set at most one of subnets and subnetSelector"),
    validation = Rule::new("!has(self.roleArn) || (self.roleArn.startsWith('arn:aws-cn:') == self.region.startsWith('cn-') && self.roleArn.startsWith('arn:aws-us-gov:') == self.region.startsWith('us-gov-'))")
        .message("roleArn and region are of the same partition"),
)]
pub struct Aws {
    /// The region. Immutable.
    #[schemars(length(max = 32), regex(pattern = patterns::AWS_REGION))]
    pub region: String,

    /// The role that the operator takes on for this pool. Absent: the operator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 640), regex(pattern = patterns::ROLE_ARN))]
    pub role_arn: Option<String>,

    /// The name of the instance profile of the nodes. Absent: the cluster's profile for nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = patterns::INSTANCE_PROFILE))]
    pub instance_profile: Option<String>,

    /// The image. Absent: the newest image of this account that carries the cluster's tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami: Option<Ami>,

    /// Instance types that may be bought, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = patterns::INSTANCE_TYPE))
    )]
    pub instance_types: Vec<String>,

    /// Properties that an instance type must have to be bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_requirements: Option<InstanceRequirements>,

    /// The mix of on-demand and spot machines.
    #[serde(default)]
    pub capacity: Capacity,

    /// The subnets, best in several availability zones. Absent, with `subnetSelector` absent too: the
    /// subnets that carry the cluster's tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(max = 24), regex(pattern = patterns::SUBNET_ID)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub subnets: Vec<String>,

    /// Tags that a subnet must carry to be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_selector: Option<TagSelector>,

    /// The security groups. Absent: those that carry the cluster's tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 5),
        inner(length(max = 20), regex(pattern = patterns::SECURITY_GROUP_ID)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub security_groups: Vec<String>,

    /// Give machines a public IPv4 address. The mesh needs none.
    #[serde(default)]
    pub associate_public_ip: bool,

    /// The disk that the system boots from.
    #[serde(default)]
    pub root_volume: RootVolume,

    /// Disks beside the root volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(validation = Rule::new("self.all(volume, !has(volume.zfs) || self.exists_one(other, has(other.zfs) && other.zfs.pool == volume.zfs.pool && other.zfs.role == 'data'))")
        .message("every ZFS pool has exactly one data volume: EBS already replicates, so a pool is one disk"))]
    pub data_volumes: Vec<DataVolume>,

    /// The instance metadata service.
    #[serde(default)]
    pub metadata: Metadata,

    /// How notices of interruption reach the operator.
    #[serde(default)]
    pub interruption: Interruption,

    /// Tags of everything that the operator makes for this pool.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "tags_schema")]
    #[x_kube(validation = Rule::new("self.all(key, !key.startsWith('keystone.systems/') && !key.startsWith('aws:') && size(key) <= 128)")
        .message("tag keys are at most 128 characters, and those under keystone.systems/ and aws: are reserved"))]
    pub tags: BTreeMap<String, String>,
}

/// A processor architecture, as EC2 spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Arch {
    /// 64-bit x86.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
}

/// Where the image comes from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.ssmParameter), has(self.selector)].exists_one(given, given)")
    .message("set exactly one of id, ssmParameter and selector"))]
pub struct Ami {
    /// One image. Public NixOS images vanish after 90 days, and a pool that names one then cannot grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 21), regex(pattern = patterns::AMI_ID))]
    pub id: Option<String>,

    /// The SSM parameter that holds the image's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1011), regex(pattern = patterns::SSM_PARAMETER))]
    pub ssm_parameter: Option<String>,

    /// The newest image that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<AmiSelector>,

    /// The architecture: `x86_64` or `arm64`.
    #[serde(default)]
    pub arch: Arch,
}

/// What an image must be to be used.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.nameGlob) || has(self.tags)")
    .message("set nameGlob, tags or both: an owner alone matches every image"))]
pub struct AmiSelector {
    /// Who owns it: `self`, `amazon` or an account number.
    #[serde(default = "default_owner")]
    #[schemars(length(max = 12), regex(pattern = patterns::AMI_OWNER))]
    pub owner: String,

    /// Its name, in which `*` stands for any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub name_glob: Option<String>,

    /// Tags that it carries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "selector_tags_schema")]
    pub tags: BTreeMap<String, String>,
}

fn default_owner() -> String {
    "self".to_owned()
}

/// Properties that an instance type must have to be bought.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceRequirements {
    /// Virtual processors.
    pub vcpu: Range,

    /// Memory in MiB.
    #[serde(rename = "memoryMiB")]
    pub memory_mib: Range,

    /// Who made the processor. Absent: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub cpu_manufacturers: Vec<CpuManufacturer>,

    /// Types whose processor share varies (the T families): `excluded`, `included` or `required`.
    #[serde(default)]
    pub burstable: Burstable,

    /// Types that are never bought; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 32), regex(pattern = patterns::INSTANCE_TYPE_GLOB)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub excluded_instance_types: Vec<String>,
}

/// A range with both ends.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.max) || self.min <= self.max").message("min is at most max"))]
pub struct Range {
    /// The least, inclusive.
    #[schemars(range(min = 1, max = 33_554_432))]
    pub min: u32,

    /// The most, inclusive. Absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 33_554_432))]
    pub max: Option<u32>,
}

/// Who made a processor, as EC2 spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CpuManufacturer {
    /// Intel.
    Intel,
    /// AMD.
    Amd,
    /// AWS itself (Graviton).
    AmazonWebServices,
}

/// Whether types with a varying processor share may be bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Burstable {
    /// No.
    #[default]
    Excluded,
    /// Yes.
    Included,
    /// Only those.
    Required,
}

/// The mix of on-demand and spot machines.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.maxPrice) || self.onDemandPercentAboveBase < 100")
    .message("maxPrice is for spot machines, and all are on-demand"))]
pub struct Capacity {
    /// The first machines, which are on-demand.
    #[serde(default)]
    #[schemars(range(min = 0, max = super::MAX_NODES))]
    pub on_demand_base: u32,

    /// The share of on-demand machines among the rest; what remains is spot.
    #[serde(default = "default_on_demand_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub on_demand_percent_above_base: u32,

    /// How spot machines are chosen: `price-capacity-optimized`, `capacity-optimized` or `lowest-price`.
    #[serde(default)]
    pub spot_allocation: SpotAllocation,

    /// The most that a spot machine may cost in US dollars an hour. Discouraged: machines are then taken
    /// away more often, and AWS never charges more than on-demand anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = patterns::PRICE))]
    pub max_price: Option<String>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            on_demand_base: 0,
            on_demand_percent_above_base: default_on_demand_percent(),
            spot_allocation: SpotAllocation::default(),
            max_price: None,
        }
    }
}

fn default_on_demand_percent() -> u32 {
    100
}

/// How spot machines are chosen, as EC2 Auto Scaling spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpotAllocation {
    /// From the cheapest of the pools that have the most to give.
    #[default]
    PriceCapacityOptimized,
    /// From the pools that have the most to give.
    CapacityOptimized,
    /// From the cheapest pools.
    LowestPrice,
}

/// Tags that something must carry to be used.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagSelector {
    /// All of these must be carried.
    #[schemars(schema_with = "selector_tags_schema")]
    pub tags: BTreeMap<String, String>,
}

/// The instance metadata service. It always asks for tokens.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Network hops that an answer may travel: 1 keeps it from pods, 2 lets pods on the pod network in.
    #[serde(default = "default_hop_limit")]
    #[schemars(range(min = 1, max = 2))]
    pub hop_limit: u32,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { hop_limit: default_hop_limit() }
    }
}

fn default_hop_limit() -> u32 {
    1
}

/// Where notices of interruption come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InterruptionMode {
    /// An agent on each node asks the metadata service.
    #[default]
    Imds,
    /// The operator reads a queue that `EventBridge` fills.
    Sqs,
}

/// How notices of interruption reach the operator.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.queueUrl) == (self.mode == 'sqs')")
    .message("queueUrl is set exactly when mode is sqs"))]
pub struct Interruption {
    /// `imds`: an agent on each node asks the metadata service. `sqs`: the operator reads a queue, which
    /// also tells of instances that died without a notice.
    #[serde(default)]
    pub mode: InterruptionMode,

    /// The queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = patterns::QUEUE_URL))]
    pub queue_url: Option<String>,
}

fn tags_schema(_: &mut SchemaGenerator) -> Schema {
    // AWS allows 50 tags; ten are left for those of the operator.
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": {"type": "string", "maxLength": 256},
    })
}

fn selector_tags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 10,
        "additionalProperties": {"type": "string", "maxLength": 256},
    })
}
