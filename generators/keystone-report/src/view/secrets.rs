//! Who can open which secret.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::secret::{Secret, secrets};
use keystone_model::{Cluster, Name};
use serde::Serialize;

use crate::wording::{count, natural};

/// Recipients that have a column of their own; beyond it, equal ones share one.
const MOST_COLUMNS: usize = 16;

/// Secrets by recipients.
#[derive(Debug, Serialize)]
pub(super) struct Secrets {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// A recipient, or several that open the same secrets.
#[derive(Debug, Serialize)]
struct Column {
    label: String,
    /// `person` or `node`.
    kind: &'static str,
}

/// A secret.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    purpose: &'static str,
    /// Whether the column's recipients can open it.
    opens: Vec<bool>,
    recipients: usize,
}

impl Secrets {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let secrets = secrets(cluster);
        let mut columns = individuals(&secrets);
        if columns.len() > MOST_COLUMNS {
            columns = shared(&secrets, columns);
        }
        let rows = secrets
            .iter()
            .map(|secret| Row {
                name: secret.name,
                purpose: secret.purpose,
                opens: columns.iter().map(|(_, recipient)| opens(secret, recipient)).collect(),
                recipients: secret.nodes.len() + secret.people.len(),
            })
            .collect();
        let columns = columns.into_iter().map(|(label, recipient)| Column { label, kind: recipient.kind() });
        Self { columns: columns.collect(), rows }
    }
}

/// Somebody who opens secrets.
#[derive(Debug, Clone)]
enum Recipient {
    Person(Name),
    Node(Name),
}

impl Recipient {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Node(_) => "node",
        }
    }
}

fn opens(secret: &Secret, recipient: &Recipient) -> bool {
    match recipient {
        Recipient::Person(name) => secret.people.contains(name),
        Recipient::Node(name) => secret.nodes.contains(name),
    }
}

/// Nodes first, in natural order; those who open most come first.
fn individuals(secrets: &[Secret]) -> Vec<(String, Recipient)> {
    let nodes: BTreeSet<&Name> = secrets.iter().flat_map(|secret| &secret.nodes).collect();
    let people: BTreeSet<&Name> = secrets.iter().flat_map(|secret| &secret.people).collect();
    let opened = |node: &Name| secrets.iter().filter(|secret| secret.nodes.contains(node)).count();
    let mut nodes: Vec<&Name> = nodes.into_iter().collect();
    nodes.sort_by_cached_key(|name| (std::cmp::Reverse(opened(name)), natural(name.as_str())));
    let nodes = nodes.into_iter().map(|name| (name.to_string(), Recipient::Node(name.clone())));
    nodes.chain(people.into_iter().map(|name| (name.to_string(), Recipient::Person(name.clone())))).collect()
}

/// One column for all who open the same, named after the first.
fn shared(secrets: &[Secret], individuals: Vec<(String, Recipient)>) -> Vec<(String, Recipient)> {
    let mut groups: BTreeMap<(&'static str, Vec<bool>), (usize, usize, Recipient)> = BTreeMap::new();
    for (place, (_, recipient)) in individuals.into_iter().enumerate() {
        let opened = secrets.iter().map(|secret| opens(secret, &recipient)).collect();
        groups.entry((recipient.kind(), opened)).or_insert((place, 0, recipient)).1 += 1;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|(place, ..)| *place);
    groups
        .into_iter()
        .map(|(_, size, recipient)| {
            let (Recipient::Person(name) | Recipient::Node(name)) = &recipient;
            let label = if size == 1 {
                name.to_string()
            } else {
                format!("{name} and {}", count(size - 1, "other", "others"))
            };
            (label, recipient)
        })
        .collect()
}
