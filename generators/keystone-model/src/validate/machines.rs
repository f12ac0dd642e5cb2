//! Nodes: how many of each role there must be, their addresses, keys and disks.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{At, Problem};
use crate::redact::shown;
use crate::role::Role;
use crate::tables::{CaRecipients, Cluster, Node, Taint};
use crate::types::{Label, Name};

/// Most primers; keystone-pki has the same number.
const MAX_PRIMERS: usize = 15;

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    if cluster.nodes.is_empty() {
        problems.push(
            Problem::error(
                At::table("nodes"),
                "the cluster has no nodes",
                "write at least three nodes with the role `primer` and one with the role `control-plane`",
            )
            .resting_on(&["nodes"]),
        );
        return;
    }
    quorums(cluster, problems);
    recipients_of_authorities(cluster, problems);
    let mut seen = Seen::default();
    for (name, node) in &cluster.nodes {
        check_node(name, node, &mut seen, problems);
    }
}

fn quorums(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let count = |role| cluster.nodes.values().filter(|node| node.roles.contains(&role)).count();
    let mut push = |message: String, fix: &str| {
        problems.push(Problem::error(At::table("nodes"), message, fix).resting_on(&["nodes"]));
    };
    let primers = count(Role::Primer);
    if primers < 3 {
        push(
            format!("{primers} nodes have the role `primer`"),
            "a root key that no single machine has needs at least three primers",
        );
    } else if primers.is_multiple_of(2) {
        push(
            format!("{primers} nodes have the role `primer`, an even number"),
            "take an odd number: one more than an even number makes losing half of them survivable",
        );
    } else if primers > MAX_PRIMERS {
        push(
            format!("{primers} nodes have the role `primer`"),
            "take at most 15: all of them must take part when a key is made or renewed",
        );
    }
    let control = count(Role::ControlPlane);
    if control == 0 {
        push("no node has the role `control-plane`".to_owned(), "write one or, to survive losses, three");
    } else if control.is_multiple_of(2) {
        push(
            format!("{control} nodes have the role `control-plane`, an even number of members of etcd"),
            "take an odd number: an even one survives no more losses than the odd one below",
        );
    }
    let quorum = usize::try_from(cluster.secrets.quorum_size).unwrap_or(usize::MAX);
    let why = if quorum < 2 {
        "is none: each primer alone would hold the whole root key, and threshold keys of one do not exist"
    } else if quorum.saturating_mul(2) <= primers {
        "lets two groups of primers act at once without knowing of each other, and their records would contradict"
    } else if quorum >= primers {
        "loses the root key and every backup for ever with the first primer that is lost"
    } else {
        return;
    };
    if (3..=MAX_PRIMERS).contains(&primers) && !primers.is_multiple_of(2) {
        let right: Vec<String> = (primers / 2 + 1..primers).map(|n| n.to_string()).collect();
        problems.push(
            Problem::error(
                At::table("secrets").key("quorumSize"),
                format!("a quorum of {quorum} out of {primers} primers {why}"),
                format!("more than half must agree, and one must be dispensable: {}", right.join(" or ")),
            )
            .resting_on(&["nodes"]),
        );
    }
}

/// Keys that neither an admin nor a primer alone opens need somebody else who does when the control plane is lost.
fn recipients_of_authorities(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let secrets = &cluster.secrets;
    if secrets.ca_recipients == CaRecipients::ControlPlaneAndQuorum && secrets.quorum_recipient.is_none() {
        problems.push(Problem::error(
            At::table("secrets").key("caRecipients"),
            "no recipient of the quorum is named, and without one the keys of intermediates are lost with the control plane",
            "write `quorumRecipient` with the line that `backupKeyPath` on a primer holds",
        ));
    }
}

/// What each node must have for itself alone, and who had it first.
#[derive(Default)]
struct Seen<'c> {
    endpoints: BTreeMap<String, &'c Name>,
    age_keys: BTreeMap<&'c str, &'c Name>,
    host_keys: BTreeMap<&'c str, &'c Name>,
    disks: BTreeSet<(&'c Name, &'c str)>,
}

fn check_node<'c>(name: &'c Name, node: &'c Node, seen: &mut Seen<'c>, problems: &mut Vec<Problem>) {
    let at = At::table("nodes").key(name);
    if node.roles.is_empty() {
        problems.push(Problem::error(
            at.clone().key("roles"),
            format!("`{name}` has no role"),
            "name at least one, such as `worker`",
        ));
    }
    for (n, role) in node.roles.iter().enumerate() {
        let at = at.clone().key("roles").index(n);
        if *role == Role::Cloud {
            problems.push(Problem::error(
                at,
                format!("`{name}` has the role `cloud`, which only machines of pools have"),
                "give it the role `worker`, or write a pool",
            ));
        } else if node.roles[..n].contains(role) {
            problems.push(Problem::error(
                at,
                format!("`{name}` has the role `{role}` twice"),
                "take one out",
            ));
        }
    }
    if node.roles.contains(&Role::Primer) && node.roles.len() > 1 {
        problems.push(Problem::error(
            at.clone().key("roles"),
            format!("the primer `{name}` has another role too"),
            "a primer is nothing else: it must be able to leave the network for months",
        ));
    }
    let needs_endpoint = node.roles.iter().find(|r| Role::RELAY_HOSTS.contains(r) || **r == Role::Ingress);
    match (&node.endpoint, needs_endpoint) {
        (None, Some(role)) => problems.push(Problem::error(
            at.clone(),
            format!("`{name}` has the role `{role}` and no `endpoint`"),
            "write the address at which others reach it outside the mesh: it serves there",
        )),
        (Some(endpoint), _) => {
            if let Some(other) = seen.endpoints.insert(endpoint.to_string(), name) {
                problems.push(Problem::error(
                    at.clone().key("endpoint"),
                    format!("`{endpoint}` is the endpoint of `{other}` too"),
                    "give each machine its own address, or leave out that of a machine behind another one's",
                ));
            }
        }
        (None, None) => {}
    }
    if let Some(other) = seen.age_keys.insert(node.age_key.as_str(), name) {
        problems.push(Problem::error(
            at.clone().key("ageKey"),
            format!("`{name}` has the age recipient of `{other}`"),
            "give each host an identity of its own, or one of them reads the secrets of the other",
        ));
    }
    if let Some(key) = &node.ssh_host_key
        && let Some(other) = seen.host_keys.insert(key.as_str(), name)
    {
        problems.push(Problem::error(
            at.clone().key("sshHostKey"),
            format!("`{name}` has the SSH host key of `{other}`"),
            "give each host a key of its own, or one can pass for the other",
        ));
    }
    disks(name, node, &at, seen, problems);
    labels_and_taints(&node.labels, &node.taints, &at, problems);
}

fn disks<'c>(name: &'c Name, node: &'c Node, at: &At, seen: &mut Seen<'c>, problems: &mut Vec<Problem>) {
    let disks = &node.disks;
    let fewest = disks.layout.fewest_disks();
    if !disks.system.is_empty() && disks.system.len() < fewest {
        problems.push(Problem::error(
            at.clone().key("disks").key("system"),
            format!("the layout needs {fewest} disks, and `{name}` has {}", disks.system.len()),
            "add disks, or take a layout that needs fewer",
        ));
    }
    for (key, list) in [("system", &disks.system), ("data", &disks.data)] {
        for (n, disk) in list.iter().enumerate() {
            let at = at.clone().key("disks").key(key).index(n);
            if !disk.starts_with("/dev/disk/by-id/") {
                problems.push(Problem::error(
                    at,
                    format!("`{}` may be another disk after a reboot", shown(disk)),
                    "name it by its identity: `/dev/disk/by-id/…`",
                ));
            } else if !seen.disks.insert((name, disk)) {
                problems.push(Problem::error(
                    at,
                    format!("`{}` is used twice on `{name}`", shown(disk)),
                    "use each disk once",
                ));
            }
        }
    }
    if !node.roles.contains(&Role::Storage) && !disks.data.is_empty() {
        problems.push(
            Problem::error(
                at.clone().key("disks").key("data"),
                format!("`{name}` has disks for Ceph, and not the role `storage`"),
                "give it the role, or move the disks to `system`",
            )
            .resting_on(&["nodes"]),
        );
    }
    if node.roles.contains(&Role::Storage) && disks.data.is_empty() {
        problems.push(Problem::warning(
            at.clone(),
            format!("the storage node `{name}` has no data disks"),
            "write them as `disks.data = [\"/dev/disk/by-id/…\"]`",
        ));
    }
}

/// Keys that belong to Kubernetes, which the API refuses of a node that sets them itself; and values, which Kubernetes
/// limits as it limits the names of keys.
pub(super) fn labels_and_taints(
    labels: &BTreeMap<Label, String>,
    taints: &[Taint],
    at: &At,
    problems: &mut Vec<Problem>,
) {
    // kubelets may set these below kubernetes.io, and no others (the NodeRestriction admission plugin).
    let allowed = |key: &str| {
        key.starts_with("node.kubernetes.io/")
            || key.starts_with("kubelet.kubernetes.io/")
            || key.starts_with("topology.kubernetes.io/")
    };
    let reserved = |key: &str| {
        key.split_once('/').is_some_and(|(prefix, _)| {
            prefix == "kubernetes.io" || prefix.ends_with(".kubernetes.io") || prefix.ends_with("k8s.io")
        }) && !allowed(key)
    };
    let problem = |key: &Label, at: At| {
        Problem::error(
            at,
            format!("`{key}` lies in a zone that a node may not write"),
            "use a zone of your own, or one of `node.kubernetes.io/` and `topology.kubernetes.io/`",
        )
    };
    for key in labels.keys().filter(|key| reserved(key.as_str())) {
        problems.push(problem(key, at.clone().key("labels").key(key)).about_key());
    }
    for (n, taint) in taints.iter().enumerate().filter(|(_, taint)| reserved(taint.key.as_str())) {
        problems.push(problem(&taint.key, at.clone().key("taints").index(n).key("key")));
    }
    let values = labels.iter().map(|(key, value)| (value, at.clone().key("labels").key(key))).chain(
        taints.iter().enumerate().map(|(n, t)| (&t.value, at.clone().key("taints").index(n).key("value"))),
    );
    for (value, at) in values.filter(|(value, _)| !is_label_value(value)) {
        problems.push(Problem::error(
            at,
            format!("`{}` is no value of a label", shown(value)),
            "write at most 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit",
        ));
    }
}

fn is_label_value(value: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
