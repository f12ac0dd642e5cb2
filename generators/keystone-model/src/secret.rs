//! The cluster's secrets and who can open each. `secrets.nix` and the report come from here.

use std::collections::BTreeSet;

use crate::role::Role;
use crate::tables::Cluster;
use crate::types::Name;

/// A secret: `secrets/<name>.age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// File name without folder and ending.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Nodes that can open it.
    pub nodes: BTreeSet<Name>,
    /// People who can open it: every admin.
    pub people: BTreeSet<Name>,
}

/// Name, purpose, and the roles that read it besides the primers.
pub const SECRETS: [(&str, &str, &[Role]); 6] = [
    ("etcd-encryption", "keys with which Kubernetes encrypts Secrets in etcd", &[Role::ControlPlane]),
    // Headscale has not read this key since its protocol was replaced by Noise; it is kept, empty of use, because the
    // specification lists it.
    ("headscale-private", "Headscale's key of the protocol before Noise, which nothing reads any more", &[]),
    ("headscale-noise", "Headscale's key, by which clients know it", &[Role::ControlPlane]),
    ("headscale-derp", "key of the relays", &[Role::ControlPlane]),
    ("k8s-ca-key", "key of the intermediate that signs certificates of Kubernetes", &[Role::ControlPlane]),
    ("oidc-signing", "key that signs service-account tokens", &[Role::ControlPlane]),
];

/// Every secret of the cluster, by name. Each can be opened by all primers, all admins, and the nodes that read it.
#[must_use]
pub fn secrets(cluster: &Cluster) -> Vec<Secret> {
    let nodes_with = |roles: &[Role]| -> BTreeSet<Name> {
        let reads = |role: &Role| *role == Role::Primer || roles.contains(role);
        let nodes = cluster.nodes.iter().filter(|(_, node)| node.roles.iter().any(reads));
        nodes.map(|(name, _)| name.clone()).collect()
    };
    let admins: BTreeSet<Name> =
        cluster.people.iter().filter(|(_, person)| person.admin).map(|(name, _)| name.clone()).collect();
    let mut secrets: Vec<Secret> = SECRETS
        .iter()
        .map(|(name, purpose, roles)| Secret {
            name,
            purpose,
            nodes: nodes_with(roles),
            people: admins.clone(),
        })
        .collect();
    secrets.sort_by_key(|secret| secret.name);
    secrets
}
