//! What the inventory says about secrets: who owns which key, and whom a file must never do without.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keystone_model::{CaRecipients, Cluster, Format, Inventory, Role, secret};

use crate::error::Error;
use crate::rules::Need;
use crate::tree::{FOLDER, Tree};

/// Reads an inventory's text.
pub fn read(text: &[u8], path: &Path) -> Result<Cluster, Error> {
    let json = path.extension().is_some_and(|ending| ending == "json");
    let format = if json { Format::Json } else { Format::Toml };
    Inventory::read(text, format).map(|inventory| inventory.cluster).map_err(|error| {
        let first = error.errors.first().map_or_else(String::new, |finding| {
            format!("line {}: {} {}", finding.line, finding.path, finding.message)
        });
        Error::Inventory { path: path.to_owned(), reason: first }
    })
}

/// The tree's own.
pub fn of(tree: &Tree) -> Result<Cluster, Error> {
    let path = tree.root().join(tree.inventory());
    let text = std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    read(&text, &path)
}

/// Whose each key is.
#[must_use]
pub fn owners(cluster: &Cluster) -> BTreeMap<String, String> {
    let nodes = cluster.nodes.iter().flat_map(|(name, node)| {
        let ssh = node.ssh_host_key.iter().map(ToString::to_string);
        std::iter::once(node.age_key.to_string()).chain(ssh).map(move |key| (key, name.to_string()))
    });
    let people = cluster
        .people
        .keys()
        .flat_map(|name| keys_of(cluster, name.as_str()).into_iter().map(|key| (key, name.to_string())));
    nodes.chain(people).collect()
}

/// Every key of a person.
pub fn keys_of(cluster: &Cluster, person: &str) -> Vec<String> {
    cluster.people.iter().find(|(name, _)| name.as_str() == person).map_or_else(Vec::new, |(_, person)| {
        let age = person.age_keys.iter().map(ToString::to_string);
        age.chain(person.ssh_keys.iter().map(ToString::to_string)).collect()
    })
}

/// Without whom a file is not written.
#[must_use]
pub fn needs(cluster: &Cluster) -> BTreeMap<String, Need> {
    let path = |name: &str| format!("{FOLDER}/{name}.age");
    let mut needs = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        let need =
            Need::Both { one_of: BTreeSet::from([node.age_key.to_string()]), called: name.to_string() };
        needs.insert(path(&secret::join_key(name)), need.clone());
        needs.insert(path(&secret::host_certificates(name)), need);
    }
    for name in cluster.people.keys() {
        let keys = keys_of(cluster, name.as_str()).into_iter().collect();
        needs.insert(
            path(&secret::person_certificates(name)),
            Need::One { one_of: keys, called: name.to_string() },
        );
    }
    // What only those open who will use it: neither a primer nor an admin.
    let rules = secret::rules(cluster);
    let closed = cluster.secrets.ca_recipients == CaRecipients::ControlPlaneAndQuorum;
    for (_, key, successors) in secret::KEYS_OF_AUTHORITIES {
        for name in [Some(successors), closed.then_some(key)].into_iter().flatten() {
            if let Some(keys) = rules.get(name) {
                let one_of = keys.iter().cloned().collect();
                needs.insert(path(name), Need::One { one_of, called: "the control plane".to_owned() });
            }
        }
    }
    needs
}

/// Without whom no other file is written: a primer and somebody else.
#[must_use]
pub fn usual_need(cluster: &Cluster) -> Need {
    let primers = cluster.nodes.values().filter(|node| node.roles.contains(&Role::Primer));
    Need::Both {
        one_of: primers.map(|node| node.age_key.to_string()).collect(),
        called: "a primer".to_owned(),
    }
}
