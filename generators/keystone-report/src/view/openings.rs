//! The matrix as a list, read without a script: for each class, what it reaches.

use std::collections::BTreeMap;

use keystone_model::Proto;
use serde::Serialize;

use crate::classes::Class;
use crate::reachability::{Entry, Ports, Reachability};

/// What a class reaches.
#[derive(Debug, Serialize)]
pub(super) struct From {
    label: String,
    targets: Vec<Targets>,
}

/// Classes to which the same is open.
#[derive(Debug, Serialize)]
struct Targets {
    labels: Vec<String>,
    /// Whether it is about each member's own devices.
    own: bool,
    openings: Vec<Opening>,
}

/// What is open by one transport.
#[derive(Debug, Serialize)]
struct Opening {
    ports: String,
    rules: Vec<String>,
}

/// One line per class that reaches anything, and per set of equal openings, in the order of the matrix.
pub(super) fn of(matrix: &Reachability, classes: &[Class<'_>], shown: &[usize]) -> Vec<From> {
    let place: BTreeMap<&str, usize> = shown.iter().map(|place| (classes[*place].id, *place)).collect();
    let mut by_pair: BTreeMap<(usize, usize, bool), Vec<&Entry>> = BTreeMap::new();
    for entry in &matrix.entries {
        if let (Some(from), Some(to)) = (place.get(entry.from.as_str()), place.get(entry.to.as_str())) {
            by_pair.entry((*from, *to, entry.own)).or_default().push(entry);
        }
    }
    let mut list: Vec<(usize, From)> = Vec::new();
    // Where the targets with these openings already stand in the list of this class.
    let mut stands: BTreeMap<(usize, bool, Vec<Key<'_>>), usize> = BTreeMap::new();
    for ((from, to, own), mut entries) in by_pair {
        entries.sort_by_key(|entry| entry.proto);
        if list.last().is_none_or(|(last, _)| *last != from) {
            list.push((from, From { label: classes[from].label.to_owned(), targets: Vec::new() }));
        }
        let Some((_, open)) = list.last_mut() else { continue };
        let keys: Vec<Key<'_>> = entries.iter().map(|e| (e.proto, &*e.ports, &*e.rules)).collect();
        let label = classes[to].label.to_owned();
        if let Some(targets) = stands.get(&(from, own, keys.clone())).and_then(|at| open.targets.get_mut(*at))
        {
            targets.labels.push(label);
            continue;
        }
        stands.insert((from, own, keys), open.targets.len());
        let openings = entries
            .iter()
            .map(|entry| Opening { ports: ports(entry.proto, &entry.ports), rules: entry.rules.clone() });
        open.targets.push(Targets { labels: vec![label], own, openings: openings.collect() });
    }
    list.into_iter().map(|(_, from)| from).collect()
}

type Key<'a> = (Proto, &'a [Ports], &'a [String]);

/// `tcp 22, 6800-7568`, `udp, all ports`, `icmp`.
pub(super) fn ports(proto: Proto, ports: &[Ports]) -> String {
    match ports {
        [] => proto.to_string(),
        [all] if all.is_all() => format!("{proto}, all ports"),
        some => {
            let texts: Vec<String> = some.iter().map(|ports| range(*ports)).collect();
            format!("{proto} {}", texts.join(", "))
        }
    }
}

/// `22`, `6800-7568`.
pub(super) fn range(Ports(first, last): Ports) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
