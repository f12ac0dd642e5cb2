//! The roles that the cluster takes in AWS, and who takes them.

use std::fmt;

use serde::Deserialize;

/// A role. Its name is the folder of its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Makes and removes machines of pools.
    #[serde(rename = "nodepool-operator")]
    NodePoolOperator,
    /// What every machine of a pool has: it can prove who it is, and nothing else.
    Node,
    /// Looks at a machine that wants to join.
    JoinService,
    /// Makes volumes and snapshots, and attaches volumes.
    EbsCsi,
    /// Writes backups and can neither read nor remove any.
    BackupWriter,
    /// Reads backups and can neither write nor remove any.
    BackupRestore,
}

/// A service account of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Role {
    /// Every role, in the order of their folders' rendering.
    pub const ALL: [Self; 6] = [
        Self::NodePoolOperator,
        Self::Node,
        Self::JoinService,
        Self::EbsCsi,
        Self::BackupWriter,
        Self::BackupRestore,
    ];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodePoolOperator => "nodepool-operator",
            Self::Node => "node",
            Self::JoinService => "join-service",
            Self::EbsCsi => "ebs-csi",
            Self::BackupWriter => "backup-writer",
            Self::BackupRestore => "backup-restore",
        }
    }

    /// Who takes the role unless the input says otherwise. Machines take theirs from EC2, not by a token.
    #[must_use]
    pub fn default_account(self) -> Option<ServiceAccount> {
        let (namespace, name) = match self {
            Self::NodePoolOperator => ("keystone-system", "nodepool-operator"),
            Self::Node => return None,
            Self::JoinService => ("keystone-system", "join-service"),
            // The name that the driver's own charts and manifests use.
            Self::EbsCsi => ("kube-system", "ebs-csi-controller-sa"),
            Self::BackupWriter => ("keystone-system", "backup-writer"),
            Self::BackupRestore => ("keystone-system", "backup-restore"),
        };
        Some(ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ServiceAccount {
    /// The claim `sub` of its tokens.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace.escape_default(), self.name.escape_default())
    }
}
