//! What a machine is for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a machine is for. In the mesh each role is a tag, `tag:<role>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Holds a share of the root of trust, starts the cluster, and may sleep afterwards.
    Primer,
    /// Runs etcd and the control plane of Kubernetes.
    ControlPlane,
    /// Runs workloads.
    Worker,
    /// Gives disks to Ceph.
    Storage,
    /// Takes requests from outside.
    Ingress,
    /// Collects metrics and logs of all others.
    Monitoring,
    /// Receives backups of all others.
    Backup,
    /// Runs workloads in a cloud, made by the operator. Only machines of pools have it.
    Cloud,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Primer,
        Self::ControlPlane,
        Self::Worker,
        Self::Storage,
        Self::Ingress,
        Self::Monitoring,
        Self::Backup,
        Self::Cloud,
    ];

    /// The roles whose machines are nodes of Kubernetes.
    pub const KUBERNETES: [Self; 6] =
        [Self::ControlPlane, Self::Worker, Self::Storage, Self::Ingress, Self::Monitoring, Self::Cloud];

    /// The roles whose machines run a relay: those that exist from the first hour, and those that stay.
    pub const RELAY_HOSTS: [Self; 2] = [Self::Primer, Self::ControlPlane];

    /// The name as in the inventory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primer => "primer",
            Self::ControlPlane => "control-plane",
            Self::Worker => "worker",
            Self::Storage => "storage",
            Self::Ingress => "ingress",
            Self::Monitoring => "monitoring",
            Self::Backup => "backup",
            Self::Cloud => "cloud",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The tag of its machines in the mesh.
    #[must_use]
    pub fn tag(self) -> String {
        format!("tag:{}", self.as_str())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
