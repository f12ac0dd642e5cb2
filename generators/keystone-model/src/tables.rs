//! The tables of the inventory, one file each, in the order in which they are written.

mod access;
mod backup;
mod cluster;
mod identity;
mod ingress;
mod kubernetes;
mod mesh;
mod nodes;
mod observability;
mod people;
mod pools;
mod secrets;
mod snapshots;
mod storage;

pub use access::{AccessPort, AccessRule, SshAction, SshRule};
pub use backup::{Backup, BackupTarget, BackupTargetKind};
pub use cluster::ClusterTable;
pub use identity::{Aws, AwsPartition, Identity, Login};
pub use ingress::{Ingress, IngressMode, Tunnel};
pub use kubernetes::{AuditLevel, Encryption, Kubernetes};
pub use mesh::{Coordinator, DerpFallback, Mesh, MeshTls, Prefixes, Relay, TlsMode};
pub use nodes::{Disks, Node, PoolLayout, System, Taint, TaintEffect};
pub use observability::{AlertReceiver, Observability, ReceiverKind};
pub use people::{Group, Person};
pub use pools::{BareMetalHost, Pool, Provider, RootVolume, VolumeType};
pub use secrets::{CaRecipients, Secrets};
pub use snapshots::Snapshots;
pub use storage::Storage;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::Name;

/// The whole inventory: `hosts/cluster.toml`. It is the single source of everything that is rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// Version of this format. Only 1 exists.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// What the cluster is called and which NixOS it was made with.
    pub cluster: ClusterTable,
    /// The WireGuard mesh that Headscale coordinates.
    pub mesh: Mesh,
    /// Versions, address ranges and safeguards of Kubernetes.
    #[serde(default)]
    pub kubernetes: Kubernetes,
    /// Who issues tokens to workloads and to people.
    pub identity: Identity,
    /// Groups of people, by name. `admins` exists without being declared.
    #[serde(default)]
    pub groups: BTreeMap<Name, Group>,
    /// People, by name.
    #[serde(default)]
    pub people: BTreeMap<Name, Person>,
    /// Machines, by host name.
    #[serde(default)]
    pub nodes: BTreeMap<Name, Node>,
    /// Sets of machines that the operator makes and removes, by name.
    #[serde(default)]
    pub pools: BTreeMap<Name, Pool>,
    /// Who may reach what through the mesh. What the cluster itself needs is not written here: it comes from the
    /// service table.
    #[serde(default)]
    pub access: Vec<AccessRule>,
    /// Who may log in where, and as which user, by the SSH server of the mesh client.
    #[serde(default)]
    pub ssh: Vec<SshRule>,
    /// Ceph on ZFS.
    #[serde(default)]
    pub storage: Storage,
    /// How many ZFS snapshots are kept.
    #[serde(default)]
    pub snapshots: Snapshots,
    /// Where backups go.
    #[serde(default)]
    pub backup: Backup,
    /// How requests from outside come in.
    #[serde(default)]
    pub ingress: Ingress,
    /// Metrics, logs and alerts.
    #[serde(default)]
    pub observability: Observability,
    /// The root of trust and the secrets in git.
    #[serde(default)]
    pub secrets: Secrets,
}
