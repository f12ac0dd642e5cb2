//! Groups of people, and who is in them.

use std::collections::BTreeMap;

use keystone_model::intent::{ADMINS, groups_of_people};
use keystone_model::{Cluster, Name};
use serde::Serialize;

/// People that are named; the others are counted.
const MOST_NAMES: usize = 12;

/// A group.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    name: String,
    description: String,
    /// Groups whose members belong to it too.
    includes: Vec<String>,
    people: Vec<String>,
    more: usize,
}

/// Every group, the administrators' first.
pub(super) fn of(cluster: &Cluster) -> Vec<Group> {
    let mut members: BTreeMap<Name, Vec<&Name>> = BTreeMap::new();
    for (person, groups) in groups_of_people(cluster) {
        for group in groups {
            members.entry(group).or_default().push(person);
        }
    }
    let group = |name: &str, description: &str, includes: &[Name]| {
        let people = members.get(name).map(Vec::as_slice).unwrap_or_default();
        Group {
            name: name.to_owned(),
            description: description.to_owned(),
            includes: includes.iter().map(ToString::to_string).collect(),
            people: people.iter().take(MOST_NAMES).map(ToString::to_string).collect(),
            more: people.len().saturating_sub(MOST_NAMES),
        }
    };
    let mut groups = Vec::new();
    if !cluster.groups.contains_key(ADMINS) {
        groups.push(group(ADMINS, "Read the cluster's secrets and change everything", &[]));
    }
    groups.extend(
        cluster.groups.iter().map(|(name, own)| group(name.as_str(), &own.description, &own.includes)),
    );
    groups
}
