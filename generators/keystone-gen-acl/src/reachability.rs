//! Who reaches whom, by class: members that no rule tells apart stand together, so the matrix stays small however
//! many nodes there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use keystone_model::intent::{Flow, Party, Reached, flows, groups_of_people};
use keystone_model::{Cluster, Name, PortRange, Proto, Role};
use serde::Serialize;
use serde::ser::SerializeStruct;

/// What all members of a class have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Machines with exactly these roles.
    Machines(BTreeSet<Role>),
    /// People in exactly these groups, included ones too.
    People(BTreeSet<Name>),
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |names: Vec<&str>| names.join("+");
        match self {
            Self::Machines(roles) => {
                write!(f, "role:{}", joined(roles.iter().map(|r| r.as_str()).collect()))
            }
            Self::People(groups) if groups.is_empty() => f.write_str("people"),
            Self::People(groups) => {
                write!(f, "group:{}", joined(groups.iter().map(Name::as_str).collect()))
            }
        }
    }
}

impl Class {
    fn is(&self, party: &Party) -> bool {
        match (self, party) {
            (Self::Machines(roles), Party::Role(role)) => roles.contains(role),
            (Self::People(groups), Party::Group(group)) => groups.contains(group),
            _ => false,
        }
    }

    fn has_any(&self, wanted: &[Role]) -> bool {
        matches!(self, Self::Machines(roles) if wanted.iter().any(|role| roles.contains(role)))
    }
}

/// Every class of a cluster with its members. The class of a pool's machines is there even while no node has it.
#[must_use]
pub fn classes(cluster: &Cluster) -> BTreeMap<Class, Vec<&Name>> {
    let mut classes: BTreeMap<Class, Vec<&Name>> = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        classes.entry(Class::Machines(node.roles.iter().copied().collect())).or_default().push(name);
    }
    for pool in cluster.pools.values() {
        classes.entry(Class::Machines(BTreeSet::from([pool.provider.role()]))).or_default();
    }
    for (name, groups) in groups_of_people(cluster) {
        classes.entry(Class::People(groups)).or_default().push(name);
    }
    classes
}

/// What the members of one class may start towards those of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Class of those who start.
    pub from: String,
    /// Class of those who are reached.
    pub to: String,
    /// The transport.
    pub proto: Proto,
    /// Whether it is about the devices of one person among themselves, instead of pairs of distinct members.
    pub own: bool,
    /// Ports, sorted and merged; none for ICMP.
    pub ports: Vec<PortRange>,
    /// The rules that open them.
    pub rules: Vec<String>,
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ports: Vec<[u16; 2]> = self.ports.iter().map(|range| [range.first(), range.last()]).collect();
        let mut fields = serializer.serialize_struct("Entry", 6)?;
        fields.serialize_field("from", &self.from)?;
        fields.serialize_field("to", &self.to)?;
        if self.own {
            fields.serialize_field("self", &true)?;
        }
        fields.serialize_field("proto", self.proto.as_str())?;
        fields.serialize_field("ports", &ports)?;
        fields.serialize_field("rules", &self.rules)?;
        fields.end()
    }
}

/// The whole reachability matrix. A pair without an entry is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// Members by class.
    pub classes: BTreeMap<String, Vec<String>>,
    /// Openings, ordered by from, to, kind and protocol; one for each of these.
    pub entries: Vec<Entry>,
}

/// From, to, whether own devices, transport.
type Key = (String, String, bool, Proto);

impl Matrix {
    /// What the inventory means.
    #[must_use]
    pub fn intended(cluster: &Cluster) -> Self {
        let classes = classes(cluster);
        let flows = flows(cluster);
        let mut open: BTreeMap<Key, (Vec<PortRange>, BTreeSet<&str>)> = BTreeMap::new();
        for from in classes.keys() {
            for flow in flows.iter().filter(|flow| flow.from.iter().any(|party| from.is(party))) {
                for to in targets(flow, from, &classes) {
                    let own = flow.to == Reached::OwnDevices;
                    let key = (from.to_string(), to.to_string(), own, flow.proto);
                    let (ports, rules) = open.entry(key).or_default();
                    ports.extend(&flow.ports);
                    rules.insert(&flow.rule);
                }
            }
        }
        let entries = open
            .into_iter()
            .map(|((from, to, own, proto), (ports, rules))| Entry {
                from,
                to,
                proto,
                own,
                ports: PortRange::merge(ports),
                rules: rules.into_iter().map(str::to_owned).collect(),
            })
            .collect();
        let classes = classes
            .into_iter()
            .map(|(class, members)| {
                (class.to_string(), members.into_iter().map(ToString::to_string).collect())
            })
            .collect();
        Self { classes, entries }
    }

    /// The matrix as JSON: a line for each class and each entry, so that a diff shows what changed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let line = |value: serde_json::Result<String>| value.unwrap_or_default();
        let classes: Vec<String> = self
            .classes
            .iter()
            .map(|(class, members)| {
                format!(
                    "    {}: {}",
                    line(serde_json::to_string(class)),
                    line(serde_json::to_string(members))
                )
            })
            .collect();
        let entries: Vec<String> =
            self.entries.iter().map(|entry| format!("    {}", line(serde_json::to_string(entry)))).collect();
        format!(
            "{{\n  \"classes\": {{\n{}\n  }},\n  \"entries\": [\n{}\n  ]\n}}\n",
            classes.join(",\n"),
            entries.join(",\n")
        )
    }
}

fn targets<'c>(flow: &Flow, from: &'c Class, classes: &'c BTreeMap<Class, Vec<&Name>>) -> Vec<&'c Class> {
    match &flow.to {
        Reached::OwnDevices => vec![from],
        Reached::Roles(roles) => classes.keys().filter(|class| class.has_any(roles)).collect(),
    }
}
