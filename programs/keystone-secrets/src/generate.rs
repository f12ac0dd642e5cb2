//! How new values come about, and which follows from which.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::{Cluster, Role, secret};

use crate::tree::FOLDER;

mod etcd;
mod machine_key;
mod token_key;

pub use etcd::{add as add_etcd_key, drop_old as drop_etcd_key, promote as promote_etcd_key};
pub use machine_key::machine_key;
pub use token_key::{blocks, public_half, token_key};

/// Who makes a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// This program, with two values live for a while: what was encrypted or signed with the old one has to be read.
    Overlapping(Overlap),
    /// This program, at once.
    AtOnce,
    /// A quorum of primers signs.
    Quorum,
    /// The authority that a quorum signed for.
    Authority,
    /// Headscale mints it.
    Headscale,
    /// Nobody but whoever knows where it is from.
    Person,
}

/// What has two live values for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Keys that encrypt Secrets in etcd.
    Etcd,
    /// Keys that sign tokens.
    Tokens,
}

/// Stages of a rotation with two live values, as the lock names them.
pub const ADDED: &str = "added: both values are there, and the old one is used";
/// See [`ADDED`].
pub const PROMOTED: &str = "promoted: both values are there, and the new one is used";

/// A secret of the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// Who makes its value.
    pub maker: Maker,
    /// What its value is made from, by path.
    pub from: BTreeSet<String>,
    /// The command with which somebody else makes it.
    pub command: Option<String>,
}

/// A name that is not taken: this one, or with a number behind it.
pub fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..1000).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or_else(|| format!("{name}-more"))
}

/// What puts a successor in the place of an intermediate.
pub const ROTATE: &str = "keystone-cluster rotate-keys --type intermediate";

/// Every secret of the cluster by path, with what it is made from.
#[must_use]
pub fn graph(cluster: &Cluster, paths: impl Iterator<Item = String>) -> BTreeMap<String, Node> {
    let path = |name: &str| format!("{FOLDER}/{name}.age");
    let credentials = "keystone-primer generate-credentials";
    let mut graph = BTreeMap::new();
    let mut add = |name: String, maker, from: &[&str], command: Option<String>| {
        let from = from.iter().map(|name| path(name)).collect();
        graph.insert(path(&name), Node { maker, from, command });
    };
    add("etcd-encryption".to_owned(), Maker::Overlapping(Overlap::Etcd), &[], None);
    add("oidc-signing".to_owned(), Maker::Overlapping(Overlap::Tokens), &[], None);
    for name in ["headscale-noise", "headscale-private", "headscale-derp"] {
        add(name.to_owned(), Maker::AtOnce, &[], None);
    }
    for (authority, key, successors) in secret::KEYS_OF_AUTHORITIES {
        let command = format!(
            "{ROTATE} --only {} --overlap-days 0 on a node of the control plane, or {credentials} on a primer",
            authority.as_str()
        );
        add(key.to_owned(), Maker::Quorum, &[], Some(command));
        add(successors.to_owned(), Maker::Quorum, &[], Some(format!("{credentials} on a primer")));
    }
    let authorities = secret::KEYS_OF_AUTHORITIES.map(|(_, key, _)| key);
    for name in cluster.nodes.keys() {
        add(secret::host_certificates(name), Maker::Authority, &authorities, Some(credentials.to_owned()));
        let enroll = format!("keystone-cluster mesh enroll {name} --replace");
        add(secret::join_key(name), Maker::Headscale, &["headscale-noise"], Some(enroll));
    }
    for name in cluster.people.keys() {
        add(
            secret::person_certificates(name),
            Maker::Authority,
            &["k8s-ca-key"],
            Some(credentials.to_owned()),
        );
    }
    for path in paths {
        let name = crate::tree::name_of(&path).to_owned();
        let command = Some(format!("keystone-cluster secrets edit {name}"));
        graph.entry(path).or_insert_with(|| Node { maker: Maker::Person, from: BTreeSet::new(), command });
    }
    graph
}

/// These secrets and everything that is made from them, each after what it is made from; in one order, always.
#[must_use]
pub fn ordered(
    graph: &BTreeMap<String, Node>,
    wanted: &BTreeSet<String>,
    exists: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut all = wanted.clone();
    loop {
        let follow = |(path, node): (&String, &Node)| {
            let follows =
                !all.contains(path) && exists(path) && node.from.iter().any(|from| all.contains(from));
            follows.then(|| path.clone())
        };
        let more: Vec<String> = graph.iter().filter_map(follow).collect();
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    let mut order: Vec<String> = Vec::new();
    while order.len() < all.len() {
        let ready = all.iter().find(|path| {
            let waits = graph
                .get(*path)
                .is_some_and(|node| node.from.iter().any(|from| all.contains(from) && !order.contains(from)));
            !order.contains(*path) && !waits
        });
        // The graph has no circles: its edges go from keys of authorities to what they sign.
        let Some(next) = ready else { break };
        order.push(next.clone());
    }
    order
}

/// Where a new value has to go, in which order, and what to wait for.
#[must_use]
pub fn roll_out(cluster: &Cluster, path: &str, recipients: &[String], stage: Option<&str>) -> Vec<String> {
    let name = crate::tree::name_of(path);
    let holds = |role: Role| -> Vec<String> {
        let nodes = cluster.nodes.iter().filter(|(_, node)| recipients.contains(&node.age_key.to_string()));
        nodes.filter(|(_, node)| node.roles.contains(&role)).map(|(name, _)| name.to_string()).collect()
    };
    let (planes, primers) = (holds(Role::ControlPlane), holds(Role::Primer));
    let one_by_one = |hosts: &[String]| hosts.join(", then ");
    match (name, stage) {
        ("etcd-encryption", Some(ADDED)) => vec![
            format!("{name}: deploy {}; each kube-apiserver is restarted and healthy before the next", one_by_one(&planes)),
            format!("then keystone-cluster secrets rotate {name}, which lets the new key encrypt"),
        ],
        ("etcd-encryption", Some(PROMOTED)) => vec![
            format!("{name}: deploy {}", one_by_one(&planes)),
            "write every Secret anew (kubectl get secrets --all-namespaces --output json | kubectl replace --filename -), and take a backup after it".to_owned(),
            format!("then keystone-cluster secrets rotate {name}, which drops the old key; older backups of etcd need it"),
        ],
        ("oidc-signing", Some(ADDED)) => vec![
            format!("{name}: publish hosts/trust, deploy {}, and wait an hour until everybody has the new public key", one_by_one(&planes)),
            format!("then keystone-cluster secrets rotate {name}, which lets the new key sign"),
        ],
        ("oidc-signing", Some(PROMOTED)) => vec![
            format!("{name}: deploy {}, and wait a day until the last token of the old key has expired", one_by_one(&planes)),
            format!("then keystone-cluster secrets rotate {name}, which drops the old key"),
        ],
        ("headscale-noise", _) => vec![format!(
            "{name}: deploy the coordinator first, then {}; clients that ask again learn the new key over TLS",
            one_by_one(&[planes, primers].concat())
        )],
        _ => {
            let hosts: Vec<String> = cluster
                .nodes
                .iter()
                .filter(|(_, node)| recipients.contains(&node.age_key.to_string()))
                .map(|(name, _)| name.to_string())
                .collect();
            vec![format!("{name}: deploy {}, each healthy before the next", one_by_one(&hosts))]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn reference() -> BTreeMap<String, Node> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
        let cluster = crate::inventory::read(&std::fs::read(&path).unwrap(), &path).unwrap();
        let paths = secret::rules(&cluster).into_keys().map(|name| format!("{FOLDER}/{name}.age"));
        graph(&cluster, paths)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_made_from_another_value_follows_it(
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let graph = reference();
            let paths: Vec<&String> = graph.keys().collect();
            let wanted: BTreeSet<String> = picks.iter().map(|pick| (*pick.get(&paths)).clone()).collect();
            let gone: BTreeSet<String> = gone.iter().map(|pick| (*pick.get(&paths)).clone()).collect();
            let order = ordered(&graph, &wanted, |path| !gone.contains(path));
            let at = |path: &String| order.iter().position(|other| other == path);
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), order.len());
            prop_assert!(wanted.iter().all(|path| at(path).is_some()));
            for (path, node) in &graph {
                let follows = node.from.iter().any(|from| at(from).is_some());
                match at(path) {
                    Some(here) => {
                        prop_assert!(wanted.contains(path) || (follows && !gone.contains(path)), "{} for nothing", path);
                        prop_assert!(node.from.iter().filter_map(at).all(|from| from < here), "{} is too early", path);
                    }
                    None => prop_assert!(!follows || gone.contains(path), "{} is forgotten", path),
                }
            }
        }
    }

    #[test]
    fn a_new_authority_wants_new_certificates_of_all_who_have_one() {
        let graph = reference();
        let order = ordered(&graph, &BTreeSet::from([format!("{FOLDER}/k8s-ca-key.age")]), |_| true);
        assert_eq!(order.first().map(String::as_str), Some("secrets/k8s-ca-key.age"));
        for name in ["pki-control-1", "pki-worker-1", "person-alice"] {
            assert!(order.contains(&format!("{FOLDER}/{name}.age")), "{name} is not in {order:?}");
        }
        assert!(!order.iter().any(|path| path.contains("headscale") || path.contains("etcd")), "{order:?}");
    }
}
