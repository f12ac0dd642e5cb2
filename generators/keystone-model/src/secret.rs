//! The cluster's secrets and who can open each. `secrets.nix` and the report come from here.

use std::collections::{BTreeMap, BTreeSet};

use crate::role::Role;
use crate::tables::{CaRecipients, Cluster, Node, Person};
use crate::trust::Authority;
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

/// Every secret of the cluster, by name. Each can be opened by all primers, all admins, and the nodes that read it; the
/// key of an intermediate by whom `caRecipients` says.
#[must_use]
pub fn secrets(cluster: &Cluster) -> Vec<Secret> {
    let nodes_with = |roles: &[Role]| nodes_of(cluster, &[roles, &[Role::Primer]].concat());
    let admins: BTreeSet<Name> =
        cluster.people.iter().filter(|(_, person)| person.admin).map(|(name, _)| name.clone()).collect();
    let mut secrets: Vec<Secret> = SECRETS
        .iter()
        .map(|(name, purpose, roles)| {
            if *name == KUBERNETES_KEY && is_closed(cluster) {
                let nodes = nodes_of(cluster, &[Role::ControlPlane]);
                return Secret { name, purpose, nodes, people: BTreeSet::new() };
            }
            Secret { name, purpose, nodes: nodes_with(roles), people: admins.clone() }
        })
        .collect();
    secrets.sort_by_key(|secret| secret.name);
    secrets
}

/// The file name, without folder and ending, of the key with which a host joins the mesh.
#[must_use]
pub fn join_key(host: &Name) -> String {
    format!("mesh-join-{host}")
}

/// The file name, without folder and ending, of the certificates and keys of a host.
#[must_use]
pub fn host_certificates(host: &Name) -> String {
    format!("pki-{host}")
}

/// The file name, without folder and ending, of the certificates and keys of a person.
#[must_use]
pub fn person_certificates(person: &Name) -> String {
    format!("person-{person}")
}

/// Key of the intermediate that signs certificates of Kubernetes, which the specification lists.
const KUBERNETES_KEY: &str = "k8s-ca-key";

/// The file name, without folder and ending, of what `keystone-cluster secrets` knows of values without showing them. It
/// exists once that made it.
pub const COMMITMENTS: &str = "secret-commitments";
/// The file beside the encrypted ones in which `keystone-cluster secrets` says what each of them is.
pub const LOCK_FILE: &str = "lock.json";
/// For each authority the file of its intermediate's key, and that of the keys of the successors that were signed in advance, which
/// only the hosts that will use them can open. They exist once `keystone-primer generate-credentials` made them; the name of
/// Kubernetes' key is the specification's.
pub const KEYS_OF_AUTHORITIES: [(Authority, &str, &str); 4] = [
    (Authority::Kubernetes, KUBERNETES_KEY, "k8s-ca-successors"),
    (Authority::Etcd, "etcd-ca-key", "etcd-ca-successors"),
    (Authority::FrontProxy, "front-proxy-ca-key", "front-proxy-ca-successors"),
    (Authority::Node, "node-ca-key", "node-ca-successors"),
];
/// Which public keys open which file: what `secrets.nix` evaluates to, by the name of the file without folder and
/// ending. Besides [`secrets`] it has files that exist once somebody made them: each node's [`join_key`], the
/// [`KEYS_OF_AUTHORITIES`], and the certificates of hosts and people.
#[must_use]
pub fn rules(cluster: &Cluster) -> BTreeMap<String, Vec<String>> {
    let listed = secrets(cluster).into_iter().map(|s| {
        let keys =
            if s.name == KUBERNETES_KEY { authority_keys(cluster) } else { public_keys(cluster, &s.nodes) };
        (s.name.to_owned(), keys)
    });
    let joins = cluster.nodes.keys().map(|host| (join_key(host), public_keys(cluster, [host])));
    let hosts = cluster.nodes.keys().map(|host| (host_certificates(host), public_keys(cluster, [host])));
    let authorities = KEYS_OF_AUTHORITIES.iter().flat_map(|(_, key, successors)| {
        let key = ((*key).to_owned(), authority_keys(cluster));
        [key, ((*successors).to_owned(), control_plane_keys(cluster))]
    });
    // A person's own: no admin can pass for somebody else.
    let people =
        cluster.people.iter().map(|(name, person)| (person_certificates(name), unique(keys_of(person))));
    let primers = cluster.nodes.iter().filter(|(_, node)| node.roles.contains(&Role::Primer));
    let commitments = (COMMITMENTS.to_owned(), public_keys(cluster, primers.map(|(name, _)| name)));
    listed
        .chain(std::iter::once(commitments))
        .chain(joins)
        .chain(hosts)
        .chain(authorities)
        .chain(people)
        .filter(|(_, keys)| !keys.is_empty())
        .collect()
}

fn is_closed(cluster: &Cluster) -> bool {
    cluster.secrets.ca_recipients == CaRecipients::ControlPlaneAndQuorum
}

fn nodes_of(cluster: &Cluster, roles: &[Role]) -> BTreeSet<Name> {
    let has = |node: &Node| node.roles.iter().any(|role| roles.contains(role));
    cluster.nodes.iter().filter(|(_, node)| has(node)).map(|(name, _)| name.clone()).collect()
}

/// Who can open the key of an intermediate.
fn authority_keys(cluster: &Cluster) -> Vec<String> {
    if is_closed(cluster) {
        let quorum = cluster.secrets.quorum_recipient.iter().map(ToString::to_string);
        return unique(control_plane_keys(cluster).into_iter().chain(quorum).collect());
    }
    public_keys(cluster, &nodes_of(cluster, &[Role::Primer, Role::ControlPlane]))
}

fn control_plane_keys(cluster: &Cluster) -> Vec<String> {
    let names = nodes_of(cluster, &[Role::ControlPlane]);
    unique(names.iter().filter_map(|name| cluster.nodes.get(name)).map(|n| n.age_key.to_string()).collect())
}

fn unique(keys: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    keys.into_iter().filter(|key| seen.insert(key.clone())).collect()
}

/// The recipients of a file that these nodes and every admin can open, in the order of `lib/secret-rules.nix`: nodes
/// by name, then admins by name, none twice. Names that are no node are passed over.
#[must_use]
pub fn public_keys<'a>(cluster: &Cluster, nodes: impl IntoIterator<Item = &'a Name>) -> Vec<String> {
    let nodes =
        nodes.into_iter().filter_map(|name| cluster.nodes.get(name)).map(|node| node.age_key.to_string());
    let admins = cluster.people.values().filter(|person| person.admin).flat_map(keys_of);
    let mut seen = BTreeSet::new();
    nodes.chain(admins).filter(|key| seen.insert(key.clone())).collect()
}

/// The keys of a person that age encrypts to. Whoever has an age key is written to by that alone: every further key is
/// one more that can be lost.
fn keys_of(person: &Person) -> Vec<String> {
    if person.age_keys.is_empty() {
        let usable = person.ssh_keys.iter().filter(|key| key.kind().age_can_encrypt());
        usable.map(ToString::to_string).collect()
    } else {
        person.age_keys.iter().map(ToString::to_string).collect()
    }
}
