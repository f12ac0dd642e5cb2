//! `[nodes.<name>]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::role::Role;
use crate::types::{AgeRecipient, Endpoint, Label, SshPublicKey};

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Node {
    /// What the machine is for. Each role is a tag in the mesh.
    #[schemars(length(min = 1))]
    pub roles: Vec<Role>,
    /// Platform.
    #[serde(default)]
    pub system: System,
    /// Address outside the mesh, where others can reach it directly. Relay hosts need one.
    pub endpoint: Option<Endpoint>,
    /// Recipient of the host's own age identity, with which it opens its secrets.
    pub age_key: AgeRecipient,
    /// Public key of the host's SSH server.
    pub ssh_host_key: Option<SshPublicKey>,
    /// Labels of the Kubernetes node.
    #[serde(default)]
    pub labels: BTreeMap<Label, String>,
    /// Taints of the Kubernetes node.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// The disks and how ZFS uses them.
    #[serde(default)]
    pub disks: Disks,
    /// Number of the machine's relay, 900 to 999. By default it is derived from the name, so that it depends on no
    /// other machine; it must be written where two names happen to give the same.
    #[schemars(range(min = 900, max = 999))]
    pub relay_region: Option<u16>,
    /// Whether the machine is installed by cloud-init (a rented server) instead of by the installer.
    #[serde(default)]
    pub cloud_init: bool,
}

/// Platform of a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum System {
    /// 64-bit Intel and AMD.
    #[default]
    #[serde(rename = "x86_64-linux")]
    X86_64Linux,
    /// 64-bit Arm.
    #[serde(rename = "aarch64-linux")]
    Aarch64Linux,
}

/// Keeps pods away that do not tolerate it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Taint {
    /// Key of the taint.
    pub key: Label,
    /// Value of the taint.
    #[serde(default)]
    pub value: String,
    /// What happens to pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does, in the spelling of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// New pods go elsewhere.
    NoSchedule,
    /// New pods go elsewhere if they can.
    PreferNoSchedule,
    /// Running pods leave too.
    NoExecute,
}

impl TaintEffect {
    /// The effect as Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

/// The disks of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Disks {
    /// How the disks of the system pool are joined.
    pub layout: PoolLayout,
    /// Disks of the system pool, as `/dev/disk/by-id/…`.
    pub system: Vec<String>,
    /// Disks whose zvols Ceph gets (storage nodes).
    pub data: Vec<String>,
}

/// How ZFS joins disks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolLayout {
    /// One disk, or several without redundancy.
    #[default]
    Single,
    /// All disks hold the same.
    Mirror,
    /// One disk may fail. Needs three.
    Raidz1,
    /// Two disks may fail. Needs four.
    Raidz2,
}

impl PoolLayout {
    /// Fewest disks that the layout makes sense with.
    #[must_use]
    pub const fn fewest_disks(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Mirror => 2,
            Self::Raidz1 => 3,
            Self::Raidz2 => 4,
        }
    }
}
