//! Who reaches whom, by the rules of a policy.
//!
//! A member is a user with all devices of theirs, or a machine with tags. Members that no rule tells apart form a
//! class, and everything is computed on classes.

mod members;
mod rules;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use serde::ser::SerializeStruct;

use crate::policy::Policy;
use crate::port::PortRange;

use members::{Member, V4, V6};
use rules::{Opening, openings};

/// A user as Headscale knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name, unique.
    pub name: String,
    /// Address; empty where there is none.
    pub email: String,
}

/// A machine as Headscale knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Name.
    pub name: String,
    /// The user it belongs to. A machine with tags belongs to nobody, whatever stands here.
    pub user: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its addresses in the mesh.
    pub addresses: Vec<IpAddr>,
}

/// A transport of the matrix. Others that a policy can name (GRE, ESP, …) are left out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proto {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
    /// SCTP associations.
    Sctp,
    /// ICMP of either version of IP.
    Icmp,
}

/// A version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    const fn bits(self) -> u8 {
        match self {
            Self::V4 => V4,
            Self::V6 => V6,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// What the members of one class may start towards those of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number of the class of those who start.
    pub from: usize,
    /// Number of the class of those who are reached.
    pub to: usize,
    /// Whether it is about the devices of one user among themselves, instead of pairs of distinct members.
    pub own: bool,
    /// The transport.
    pub proto: Proto,
    /// Ports from 1, sorted and merged; none for ICMP.
    pub ports: Vec<PortRange>,
    /// The rules that open them, as in the document: `acls/3`, `grants/0`.
    pub rules: Vec<String>,
}

/// The whole matrix. A pair without an entry is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matrix {
    /// Members by class, each list sorted.
    pub classes: Vec<Vec<String>>,
    /// Openings, ordered by from, to, own and protocol; one for each of these.
    pub entries: Vec<Entry>,
}

impl Matrix {
    /// Computes the matrix of a policy for these users and machines.
    ///
    /// Members are named after users and after machines with tags; the names should be distinct. Machines that have
    /// neither tags nor a known user can be reached by nobody that this matrix knows, and are left out.
    ///
    /// What is open in one version of IP counts as open; [`over`](Self::over) tells them apart.
    #[must_use]
    pub fn compute(policy: &Policy, users: &[User], nodes: &[Node]) -> Self {
        Self::within(policy, users, nodes, V4 | V6)
    }

    /// The same matrix with what is open in one version of IP alone. Classes are those of [`compute`](Self::compute).
    #[must_use]
    pub fn over(version: Version, policy: &Policy, users: &[User], nodes: &[Node]) -> Self {
        Self::within(policy, users, nodes, version.bits())
    }

    fn within(policy: &Policy, users: &[User], nodes: &[Node], versions: u8) -> Self {
        let (members, aliases) = members::members(policy, users, nodes);
        // Members of one signature are one class; a person and a machine never are, as only people have own devices.
        let mut by_signature: BTreeMap<_, Vec<&Member>> = BTreeMap::new();
        for member in &members {
            by_signature
                .entry((member.is_user, &member.signature, &member.devices))
                .or_default()
                .push(member);
        }
        let mut groups: Vec<(Vec<String>, &Member)> = by_signature
            .into_values()
            .map(|group| {
                let mut names: Vec<String> = group.iter().map(|member| member.name.clone()).collect();
                names.sort();
                (names, group[0])
            })
            .collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        let openings = openings(policy, &aliases);
        let mut entries = Vec::new();
        for (from, (_, source)) in groups.iter().enumerate() {
            // Most rules are not for this class: ask them once, not once for each target.
            let relevant: Vec<&Opening> =
                openings.iter().filter(|opening| opening.concerns(source)).collect();
            for (to, (_, target)) in groups.iter().enumerate() {
                entries.extend(
                    between(&relevant, source, target, (versions, false))
                        .map(|(proto, ports, rules)| Entry { from, to, own: false, proto, ports, rules }),
                );
                if from == to && source.is_user {
                    entries.extend(
                        between(&relevant, source, target, (versions, true))
                            .map(|(proto, ports, rules)| Entry { from, to, own: true, proto, ports, rules }),
                    );
                }
            }
        }
        Self { classes: groups.into_iter().map(|(names, _)| names).collect(), entries }
    }

    /// The matrix as `reachability.json` has it: classes by name, entries that refer to them. Classes are called
    /// after their first member.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let name = |class: usize| self.classes[class].first().cloned().unwrap_or_default();
        let classes: serde_json::Map<String, serde_json::Value> =
            (0..self.classes.len()).map(|n| (name(n), self.classes[n].clone().into())).collect();
        let entries: Vec<serde_json::Value> = self
            .entries
            .iter()
            .map(|entry| {
                let named = Named { entry, from: name(entry.from), to: name(entry.to) };
                serde_json::to_value(named).unwrap_or_default()
            })
            .collect();
        serde_json::json!({ "classes": classes, "entries": entries })
    }
}

struct Named<'a> {
    entry: &'a Entry,
    from: String,
    to: String,
}

impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Entry", 6)?;
        fields.serialize_field("from", &self.from)?;
        fields.serialize_field("to", &self.to)?;
        if self.entry.own {
            fields.serialize_field("self", &true)?;
        }
        fields.serialize_field("proto", &self.entry.proto)?;
        fields.serialize_field("ports", &self.entry.ports)?;
        fields.serialize_field("rules", &self.entry.rules)?;
        fields.end()
    }
}

/// What the rules open between two members, or, with `own`, among the devices of one user, in these versions of IP.
fn between(
    openings: &[&Opening],
    source: &Member,
    target: &Member,
    (versions, own): (u8, bool),
) -> impl Iterator<Item = (Proto, Vec<PortRange>, Vec<String>)> + use<> {
    let mut found: BTreeMap<Proto, (Vec<PortRange>, Vec<String>)> = BTreeMap::new();
    for opening in openings {
        for (proto, ports) in opening.between(source, target, versions, own) {
            let (all, rules) = found.entry(proto).or_default();
            all.extend(ports);
            if rules.last() != Some(&opening.rule) {
                rules.push(opening.rule.clone());
            }
        }
    }
    found.into_iter().map(|(proto, (ports, rules))| (proto, PortRange::merge(ports), rules))
}
