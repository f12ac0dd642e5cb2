//! Holding what an independent reader finds in the policy against what the inventory means.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keystone_model::intent::groups_of_people;
use keystone_model::{Cluster, PortRange, Proto};
use keystone_policy::reach::{self, Node, User, Version};
use keystone_policy::{Finding, Policy, Report};

use crate::reachability::{Entry, Matrix, classes};

/// Where the policy does not do what the inventory means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Headscale would not load it at all.
    Refused(Finding),
    /// A pair of members.
    Pair(Box<Pair>),
}

/// A pair for which the policy does not do what the inventory means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Who starts.
    pub from: String,
    /// Who is reached; the same for a person's own devices.
    pub to: String,
    /// The transport.
    pub proto: Proto,
    /// The version of IP, where the other is as it should be.
    pub version: Option<Version>,
    /// Ports that the inventory means to open.
    pub intended: Vec<PortRange>,
    /// Ports that the policy opens.
    pub found: Vec<PortRange>,
    /// The rules behind one and the other.
    pub rules: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(finding) => {
                write!(
                    f,
                    "Headscale would refuse it at line {}, `{}`: {}",
                    finding.line, finding.pointer, finding.message
                )
            }
            Self::Pair(pair) => pair.fmt(f),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |ports: &[PortRange]| match (self.proto, ports) {
            (_, []) => "nothing".to_owned(),
            (Proto::Icmp, _) => "echo".to_owned(),
            _ => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        };
        write!(
            f,
            "`{}` to `{}` by {}{}: the inventory opens {}, the policy {} (by {})",
            self.from,
            self.to,
            self.proto,
            self.version.map_or_else(String::new, |version| format!(" over {version}")),
            shown(&self.intended),
            shown(&self.found),
            if self.rules.is_empty() { "no rule".to_owned() } else { self.rules.join(", ") }
        )
    }
}

impl std::error::Error for Mismatch {}

/// Compares for every pair of members, in both versions of IP. Both sides put members into classes in their own way, so
/// the comparison runs over the common refinement: one member for each pair of classes that share members stands for all
/// of them.
///
/// # Errors
/// The first pair that differs, or what Headscale would not take.
pub fn prove(cluster: &Cluster, intended: &Matrix, policy: &str) -> Result<(), Mismatch> {
    let (users, nodes, machines_of_pools) = as_headscale_knows(cluster);
    let policy = Policy::parse(policy).map_err(refused)?;
    let mut intended_class: BTreeMap<&str, &str> = BTreeMap::new();
    for (class, members) in &intended.classes {
        intended_class.extend(members.iter().map(|member| (member.as_str(), class.as_str())));
    }
    intended_class.extend(machines_of_pools.iter().map(|(name, class)| (name.as_str(), class.as_str())));
    let meant = index(intended);
    let [v4, v6] = Version::ALL.map(|version| {
        let found = reach::Matrix::over(version, &policy, &users, &nodes);
        compare(&meant, &intended_class, &found).err()
    });
    // A rule about a protocol that only one version of IP has, or about addresses, is right in one alone.
    let (mut pair, version) = match (v4, v6) {
        (None, None) => return Ok(()),
        (Some(pair), same) if same.as_ref() == Some(&pair) => (pair, None),
        (Some(pair), _) => (pair, Some(Version::V4)),
        (None, Some(pair)) => (pair, Some(Version::V6)),
    };
    pair.version = version;
    Err(Mismatch::Pair(pair))
}

/// The first pair for which the one matrix is not the other.
fn compare(
    meant: &Meant<'_>,
    intended_class: &BTreeMap<&str, &str>,
    found: &reach::Matrix,
) -> Result<(), Box<Pair>> {
    // Blocks of members that are alike on both sides, each with one or two of them.
    let mut blocks: BTreeMap<(&str, usize), Vec<&str>> = BTreeMap::new();
    for (number, members) in found.classes.iter().enumerate() {
        for member in members {
            if let Some(class) = intended_class.get(member.as_str()) {
                let block = blocks.entry((class, number)).or_default();
                if block.len() < 2 {
                    block.push(member);
                }
            }
        }
    }
    let opened = index_found(found);
    for ((from_class, from_number), from) in &blocks {
        for ((to_class, to_number), to) in &blocks {
            let same = (from_class, from_number) == (to_class, to_number);
            // A block of one member has no pair with itself.
            if !same || from.len() > 1 {
                let pair = (from[0], if same { to[1] } else { to[0] });
                differ(meant, &opened, (from_class, to_class), (*from_number, *to_number), false, pair)?;
            }
        }
        let number = (*from_number, *from_number);
        differ(meant, &opened, (from_class, from_class), number, true, (from[0], from[0]))?;
    }
    Ok(())
}

type Meant<'m> = BTreeMap<(&'m str, &'m str, bool), Vec<&'m Entry>>;
type Opened<'m> = BTreeMap<(usize, usize, bool), Vec<&'m reach::Entry>>;

fn index(matrix: &Matrix) -> Meant<'_> {
    let mut index: Meant<'_> = BTreeMap::new();
    for entry in &matrix.entries {
        index.entry((&entry.from, &entry.to, entry.own)).or_default().push(entry);
    }
    index
}

fn index_found(matrix: &reach::Matrix) -> Opened<'_> {
    let mut index: Opened<'_> = BTreeMap::new();
    for entry in &matrix.entries {
        index.entry((entry.from, entry.to, entry.own)).or_default().push(entry);
    }
    index
}

fn differ(
    meant: &Meant<'_>,
    opened: &Opened<'_>,
    classes: (&str, &str),
    numbers: (usize, usize),
    own: bool,
    pair: (&str, &str),
) -> Result<(), Box<Pair>> {
    let meant = meant.get(&(classes.0, classes.1, own)).map(Vec::as_slice).unwrap_or_default();
    let opened = opened.get(&(numbers.0, numbers.1, own)).map(Vec::as_slice).unwrap_or_default();
    for (proto, theirs) in [
        (Proto::Tcp, reach::Proto::Tcp),
        (Proto::Udp, reach::Proto::Udp),
        (Proto::Sctp, reach::Proto::Sctp),
        (Proto::Icmp, reach::Proto::Icmp),
    ] {
        let ours = meant.iter().find(|entry| entry.proto == proto);
        let found = opened.iter().find(|entry| entry.proto == theirs);
        // ICMP has no ports; whether it is open at all is shown as a range.
        let all = || vec![PortRange::ALL];
        let intended = ours
            .map_or_else(Vec::new, |entry| if proto == Proto::Icmp { all() } else { entry.ports.clone() });
        let in_policy: Vec<PortRange> = found.map_or_else(Vec::new, |entry| {
            if proto == Proto::Icmp {
                all()
            } else {
                entry.ports.iter().map(|range| PortRange::fixed(range.first, range.last)).collect()
            }
        });
        if intended != in_policy {
            let mut rules = ours.map(|entry| entry.rules.clone()).unwrap_or_default();
            // A policy without `acls` opens everything, and no rule of it does.
            let name = |rule: &String| {
                if rule.is_empty() { "the lack of `acls`".to_owned() } else { rule.clone() }
            };
            rules.extend(found.into_iter().flat_map(|entry| entry.rules.iter().map(name)));
            return Err(Box::new(Pair {
                from: pair.0.to_owned(),
                to: pair.1.to_owned(),
                proto,
                version: None,
                intended,
                found: in_policy,
                rules,
            }));
        }
    }
    Ok(())
}

/// Users and machines as they will stand in Headscale's database: people by name and address with two devices each,
/// nodes with a tag per role, and two machines for each pool, whose names nobody knows yet. Addresses are any of the
/// mesh, as no rule of ours is about addresses; that one sneaks in is found by the classes that it would split.
fn as_headscale_knows(cluster: &Cluster) -> (Vec<User>, Vec<Node>, Vec<(String, String)>) {
    let mut next: u32 = 0;
    let mut addresses = || -> Vec<IpAddr> {
        next += 1;
        let v4 = u32::from(Ipv4Addr::new(100, 64, 0, 0)) + next;
        let v6 = u128::from(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0)) + u128::from(next);
        vec![Ipv4Addr::from(v4).into(), Ipv6Addr::from(v6).into()]
    };
    let mut users = Vec::new();
    let mut nodes = Vec::new();
    for name in groups_of_people(cluster).into_keys() {
        let Some(person) = cluster.people.get(name) else { continue };
        users.push(User { name: name.to_string(), email: person.email.to_string() });
        for device in ["laptop", "phone"] {
            nodes.push(Node {
                name: format!("{name}-{device}"),
                user: Some(name.to_string()),
                tags: vec![],
                addresses: addresses(),
            });
        }
    }
    for (name, node) in &cluster.nodes {
        nodes.push(Node {
            name: name.to_string(),
            user: None,
            tags: node.roles.iter().map(|role| role.tag()).collect(),
            addresses: addresses(),
        });
    }
    let mut of_pools = Vec::new();
    let roles: BTreeSet<_> = cluster.pools.values().map(|pool| pool.provider.role()).collect();
    for (class, _) in classes(cluster) {
        for role in roles.iter().filter(|role| class.to_string() == format!("role:{role}")) {
            for n in 0..2 {
                // A slash is in no name of the inventory.
                let name = format!("pool/{role}/{n}");
                of_pools.push((name.clone(), class.to_string()));
                nodes.push(Node { name, user: None, tags: vec![role.tag()], addresses: addresses() });
            }
        }
    }
    (users, nodes, of_pools)
}

/// The first of the reader's reasons, or, as there always is one, an empty one.
fn refused(report: Report) -> Mismatch {
    let none = || Finding { message: String::new(), pointer: String::new(), line: 1, column: 1 };
    Mismatch::Refused(report.errors.into_iter().next().unwrap_or_else(none))
}
