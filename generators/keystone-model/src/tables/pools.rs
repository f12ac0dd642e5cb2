//! `[pools.<name>]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nodes::{System, Taint};
use crate::types::{AwsRegion, Label, MacAddress, Name, Size};

/// A set of like machines that the operator makes and removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pool {
    /// Where the machines come from. Those of a cloud have the role `cloud`, bare metal has the role `worker`.
    pub provider: Provider,
    /// Platform.
    #[serde(default)]
    pub system: System,
    /// Fewest machines.
    #[serde(default)]
    pub min: u32,
    /// Most machines.
    pub max: u32,
    /// Region of the cloud.
    pub region: Option<AwsRegion>,
    /// Types of instances, the preferred one first.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Subnets in which machines are made.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// Whether machines may be spot instances, which are cheaper and can vanish within two minutes.
    #[serde(default)]
    pub spot: bool,
    /// The disk with the system.
    #[serde(default)]
    pub root_volume: RootVolume,
    /// The machines of a bare-metal pool, by name. They run the installer until the operator claims them.
    #[serde(default)]
    pub hosts: BTreeMap<Name, BareMetalHost>,
    /// Labels of the Kubernetes nodes.
    #[serde(default)]
    pub labels: BTreeMap<Label, String>,
    /// Taints of the Kubernetes nodes.
    #[serde(default)]
    pub taints: Vec<Taint>,
}

/// Where the machines of a pool come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Amazon EC2.
    Aws,
    /// Machines that stand in a rack and run the installer.
    BareMetal,
}

/// The disk with the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RootVolume {
    /// Its size.
    pub size: Size,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: VolumeType,
}

impl Default for RootVolume {
    fn default() -> Self {
        Self { size: Size::from_gib(100), kind: VolumeType::default() }
    }
}

/// Kinds of disks of EC2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeType {
    /// General purpose: speed is bought apart from size.
    #[default]
    Gp3,
    /// Provisioned input and output.
    Io2,
}

/// A machine of a bare-metal pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BareMetalHost {
    /// Address of the network card that the machine boots from.
    pub mac: MacAddress,
    /// The disk to install on, as `/dev/disk/by-id/…`.
    pub disk: String,
    /// Whether the machine can be woken by a magic packet.
    #[serde(default)]
    pub wake_on_lan: bool,
}
