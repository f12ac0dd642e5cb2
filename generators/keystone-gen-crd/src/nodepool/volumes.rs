//! Disks of cloud machines. They are gp3 and encrypted, always; there is no field to turn that off.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns;

/// The size of a root volume that does not say one.
pub const DEFAULT_ROOT_GIB: u32 = 40;

/// The disk that the system boots from. Encrypted, gp3.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.iops) || self.iops <= 3000 || self.iops <= 500 * self.sizeGiB")
        .message("gp3 gives at most 500 IOPS for each GiB"),
    validation = Rule::new("!has(self.throughput) || 4 * self.throughput <= (has(self.iops) ? self.iops : 3000)")
        .message("gp3 gives at most 1 MiB/s for every 4 IOPS"),
)]
pub struct RootVolume {
    /// Size in GiB.
    #[serde(default = "default_root_gib", rename = "sizeGiB")]
    #[schemars(range(min = 8, max = 65_536))]
    pub size_gib: u32,

    /// Operations per second. Absent: 3000, which every gp3 volume has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3000, max = 80_000))]
    pub iops: Option<u32>,

    /// Throughput in MiB/s. Absent: 125, which every gp3 volume has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 125, max = 2000))]
    pub throughput: Option<u32>,

    /// The KMS key, as ARN, alias or id. Absent: the account's own key for EBS. The service-linked role
    /// of Auto Scaling needs a grant on a customer key, or machines die before they boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320), regex(pattern = patterns::KMS_KEY))]
    pub kms_key_id: Option<String>,
}

impl Default for RootVolume {
    fn default() -> Self {
        Self { size_gib: DEFAULT_ROOT_GIB, iops: None, throughput: None, kms_key_id: None }
    }
}

fn default_root_gib() -> u32 {
    DEFAULT_ROOT_GIB
}

/// A disk beside the root volume. Encrypted, gp3.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.iops) || self.iops <= 3000 || self.iops <= 500 * self.sizeGiB")
        .message("gp3 gives at most 500 IOPS for each GiB"),
    validation = Rule::new("!has(self.throughput) || 4 * self.throughput <= (has(self.iops) ? self.iops : 3000)")
        .message("gp3 gives at most 1 MiB/s for every 4 IOPS"),
)]
pub struct DataVolume {
    /// Size in GiB.
    #[serde(rename = "sizeGiB")]
    #[schemars(range(min = 1, max = 65_536))]
    pub size_gib: u32,

    /// Operations per second. Absent: 3000, which every gp3 volume has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3000, max = 80_000))]
    pub iops: Option<u32>,

    /// Throughput in MiB/s. Absent: 125, which every gp3 volume has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 125, max = 2000))]
    pub throughput: Option<u32>,

    /// The KMS key, as ARN, alias or id. Absent: the account's own key for EBS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320), regex(pattern = patterns::KMS_KEY))]
    pub kms_key_id: Option<String>,

    /// The ZFS pool that the disk becomes part of. Absent: the disk is left raw, as Ceph wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zfs: Option<Zfs>,
}

/// What a disk is to a ZFS pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ZfsRole {
    /// Holds the data.
    #[default]
    Data,
    /// Holds the intent log.
    Log,
    /// Caches reads.
    Cache,
}

/// A disk's place in a ZFS pool.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Zfs {
    /// The name of the pool.
    #[schemars(length(max = 31), regex(pattern = patterns::ZPOOL))]
    #[x_kube(validation = Rule::new("!self.matches('^(mirror|raidz|draid|spare)') && self != 'log'")
        .message("ZFS keeps log, and names that start with mirror, raidz, draid or spare, for itself"))]
    pub pool: String,

    /// What the disk is to the pool: `data`, `log` or `cache`.
    #[serde(default)]
    pub role: ZfsRole,
}

/// Kinds of EBS volumes that the short form may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VolumeType {
    /// General purpose SSD, third generation.
    #[default]
    Gp3,
}

/// Short form of `aws.rootVolume`.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlatRootVolume {
    /// Short form of `aws.rootVolume.sizeGiB`.
    #[serde(default = "default_root_gib")]
    #[schemars(range(min = 8, max = 65_536))]
    pub size: u32,

    /// The kind of volume. The full form has no such field, as all volumes are gp3.
    #[serde(default, rename = "type")]
    pub volume_type: VolumeType,
}
