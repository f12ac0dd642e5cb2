//! The policy as Headscale reads it: strict JSON under Headscale's own names.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::intent::{Flow, Party, Reached, flows, groups_of_people};
use keystone_model::{Cluster, PortRange, Proto, Role, SshAction};
use serde::Serialize;

/// A policy. `acls` is always written: a policy without it allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// People by group: `group:admins`.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Who may give a machine a tag. Keys bring tags with them, so this matters only for changes by hand.
    pub tag_owners: BTreeMap<String, Vec<String>>,
    /// Who reaches what.
    pub acls: Vec<Acl>,
    /// Who may log in through the client's own SSH server.
    pub ssh: Vec<SshRule>,
    /// Attributes of all machines.
    pub node_attrs: Vec<NodeAttr>,
    /// Assertions, only in the file that carries them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Test>,
    /// The rule of the inventory behind each of `acls`.
    #[serde(skip)]
    pub rules: Vec<String>,
}

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acl {
    /// Always `accept`; Headscale knows no other, and takes a missing one for it.
    pub action: &'static str,
    /// Always written: without it tcp, udp and both kinds of ICMP are meant.
    pub proto: &'static str,
    /// Tags and groups.
    pub src: Vec<String>,
    /// Tags with ports.
    pub dst: Vec<String>,
}

/// Who may log in where, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SshRule {
    /// `accept` or `check`.
    pub action: &'static str,
    /// Groups.
    pub src: Vec<String>,
    /// Tags.
    pub dst: Vec<String>,
    /// Users of the machine.
    pub users: Vec<String>,
    /// How recently the person must have logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_period: Option<String>,
}

/// Attributes of machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeAttr {
    /// Which machines.
    pub target: Vec<&'static str>,
    /// Which attributes.
    pub attr: Vec<&'static str>,
}

/// An assertion that Headscale evaluates when it loads the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Test {
    /// One user or tag.
    pub src: String,
    /// The protocol.
    pub proto: &'static str,
    /// What must be open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// What must be closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// Roles that a machine has or may get: those of nodes and of pools.
fn roles_in_use(cluster: &Cluster) -> BTreeSet<Role> {
    let nodes = cluster.nodes.values().flat_map(|node| node.roles.iter().copied());
    nodes.chain(cluster.pools.values().map(|pool| pool.provider.role())).collect()
}

impl Document {
    /// The policy of a cluster, without tests.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let in_use = roles_in_use(cluster);
        let mut acls = Vec::new();
        let mut rules = Vec::new();
        for flow in flows(cluster) {
            for acl in Acl::of(&flow, &in_use) {
                acls.push(acl);
                rules.push(flow.rule.clone());
            }
        }
        let owners = vec!["group:admins".to_owned()];
        Self {
            groups: groups(cluster, &acls),
            tag_owners: in_use.iter().map(|role| (role.tag(), owners.clone())).collect(),
            acls,
            ssh: cluster.ssh.iter().map(SshRule::of).collect(),
            // Without it a machine that reboots while no coordinator answers has no map and no address (tried: see
            // docs/explanation/access-policy.md).
            node_attrs: vec![NodeAttr { target: vec!["*"], attr: vec!["cache-network-maps"] }],
            tests: Vec::new(),
            rules,
        }
    }
}

/// The groups that rules name, and `admins`, which owns the tags. An undefined group is an error to Headscale, an
/// unused one only noise.
fn groups(cluster: &Cluster, acls: &[Acl]) -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::from([("group:admins".to_owned(), vec![])]);
    let sources = acls.iter().flat_map(|acl| &acl.src).filter(|source| source.starts_with("group:"));
    named.extend(sources.map(|source| (source.clone(), vec![])));
    for (person, memberships) in groups_of_people(cluster) {
        let Some(email) = cluster.people.get(person).map(|p| p.email.to_string()) else { continue };
        for group in memberships {
            if let Some(members) = named.get_mut(&format!("group:{group}")) {
                members.push(email.clone());
            }
        }
    }
    for members in named.values_mut() {
        members.sort();
    }
    named
}

impl Acl {
    /// The rules for one flow: one, or for ICMP one for each version of IP.
    fn of(flow: &Flow, roles: &BTreeSet<Role>) -> Vec<Self> {
        let src: Vec<String> = flow
            .from
            .iter()
            .filter_map(|party| match party {
                Party::Role(role) => roles.contains(role).then(|| role.tag()),
                Party::Group(group) => Some(format!("group:{group}")),
            })
            .collect();
        let ports = ports(flow.proto, &flow.ports);
        let dst: Vec<String> = match &flow.to {
            Reached::Roles(to) => to
                .iter()
                .filter(|r| roles.contains(r))
                .map(|role| format!("{}:{ports}", role.tag()))
                .collect(),
            Reached::OwnDevices => vec![format!("autogroup:self:{ports}")],
        };
        if src.is_empty() || dst.is_empty() {
            return Vec::new();
        }
        let protos: &[&str] = match flow.proto {
            Proto::Tcp => &["tcp"],
            Proto::Udp => &["udp"],
            Proto::Sctp => &["sctp"],
            // Since 0.29 `icmp` means that of IPv4 alone.
            Proto::Icmp => &["icmp", "ipv6-icmp"],
        };
        let rule = |proto| Self { action: "accept", proto, src: src.clone(), dst: dst.clone() };
        protos.iter().copied().map(rule).collect()
    }
}

/// Ports as Headscale reads them: `*` only where the protocol has none.
fn ports(proto: Proto, ranges: &[PortRange]) -> String {
    if proto == Proto::Icmp {
        return "*".to_owned();
    }
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl SshRule {
    fn of(rule: &keystone_model::SshRule) -> Self {
        let default = || keystone_model::Duration::from_seconds(12 * 3600);
        Self {
            action: rule.action.as_str(),
            src: rule.from.iter().map(|group| format!("group:{group}")).collect(),
            dst: rule.to.iter().map(|role| format!("tag:{role}")).collect(),
            users: rule.users.clone(),
            check_period: (rule.action == SshAction::Check)
                .then(|| go_duration(rule.check_period.unwrap_or_else(default))),
        }
    }
}

/// Go knows no days.
fn go_duration(duration: keystone_model::Duration) -> String {
    let seconds = duration.seconds();
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

impl Test {
    /// For each tag and one member of each group: the first port of everything it reaches, and SSH on every role that
    /// no rule opens to it.
    #[must_use]
    pub fn of(cluster: &Cluster, document: &Document) -> Vec<Self> {
        let roles = roles_in_use(cluster);
        let mut tests = Vec::new();
        let machines = roles.iter().map(|role| (role.tag(), BTreeSet::from([role.tag()])));
        let people = groups_of_people(cluster).into_iter().filter_map(|(person, groups)| {
            let email = cluster.people.get(person)?.email.to_string();
            Some((email, groups.iter().map(|group| format!("group:{group}")).collect()))
        });
        for (src, identities) in machines.chain(people) {
            for proto in ["tcp", "udp"] {
                let open: Vec<&String> = document
                    .acls
                    .iter()
                    .filter(|acl| acl.proto == proto && acl.src.iter().any(|s| identities.contains(s)))
                    .flat_map(|acl| &acl.dst)
                    .filter(|dst| dst.starts_with("tag:"))
                    .collect();
                let accept: BTreeSet<String> = open.iter().filter_map(|dst| first_port(dst)).collect();
                let closed = |role: &Role| {
                    let tag = format!("{}:", role.tag());
                    !open.iter().any(|dst| dst.strip_prefix(&tag).is_some_and(opens_ssh))
                };
                let deny: Vec<String> = if proto == "tcp" {
                    roles.iter().filter(|r| closed(r)).map(|role| format!("{}:22", role.tag())).collect()
                } else {
                    Vec::new()
                };
                if !accept.is_empty() || !deny.is_empty() {
                    let accept = accept.into_iter().collect();
                    tests.push(Self { src: src.clone(), proto, accept, deny });
                }
            }
        }
        tests
    }
}

fn first_port(dst: &str) -> Option<String> {
    let (tag, ports) = dst.rsplit_once(':')?;
    let first = ports.split(['-', ',']).next()?;
    Some(format!("{tag}:{first}"))
}

fn opens_ssh(ports: &str) -> bool {
    ports.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if first <= 22 && 22 <= last)
    })
}
