//! What the inventory means to open: the service table and the access rules as flat flows.
//!
//! Flows are the one statement of intent. The policy is rendered from them, and what an independent reader finds in
//! the rendered policy is compared with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::role::Role;
use crate::service::{Service, services};
use crate::tables::{AccessPort, AccessRule, Cluster};
use crate::types::{Name, PortRange, Proto};

/// The group of everyone with `admin = true`.
pub const ADMINS: &str = "admins";
/// Stands in `to` for a person's own devices.
pub const OWN_DEVICES: &str = "self";
/// Stands in `ports` for every port.
pub const ALL_PORTS: &str = "all";

/// Who starts a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Machines of a role.
    Role(Role),
    /// People of a group.
    Group(Name),
}

/// Who is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// Machines of these roles.
    Roles(Vec<Role>),
    /// The devices of the person who asks.
    OwnDevices,
}

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The row of the service table or the rule of the inventory that opens it: `service etcd-peer`,
    /// `access developers-api`, `ssh debug`.
    pub rule: String,
    /// Who starts the connection.
    pub from: Vec<Party>,
    /// Who is reached.
    pub to: Reached,
    /// By which transport.
    pub proto: Proto,
    /// On which ports, sorted and merged; none for ICMP.
    pub ports: Vec<PortRange>,
}

/// The groups of every person, nested ones resolved, `admins` included. Cycles end where they began.
#[must_use]
pub fn groups_of_people(cluster: &Cluster) -> BTreeMap<&Name, BTreeSet<Name>> {
    // Whoever is in an included group is in the including one: climb from each direct group to all that include it.
    let mut included_by: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (name, group) in &cluster.groups {
        for inner in &group.includes {
            included_by.entry(inner).or_default().push(name);
        }
    }
    let admins = Name::known(ADMINS);
    cluster
        .people
        .iter()
        .map(|(name, person)| {
            let mut open: Vec<&Name> = person.groups.iter().collect();
            if person.admin {
                open.push(&admins);
            }
            let mut found = BTreeSet::new();
            while let Some(group) = open.pop() {
                if found.insert(group.clone()) {
                    open.extend(included_by.get(group).into_iter().flatten());
                }
            }
            (name, found)
        })
        .collect()
}

/// Everything that the inventory means to open, in the order in which the policy lists it.
#[must_use]
pub fn flows(cluster: &Cluster) -> Vec<Flow> {
    let table = services(cluster);
    let mut flows: Vec<Flow> = table
        .iter()
        .filter(|service| service.plane.in_mesh() && !service.clients.is_empty())
        .map(|service| Flow {
            rule: format!("service {}", service.name),
            from: service.clients.iter().copied().map(Party::Role).collect(),
            to: Reached::Roles(service.servers.to_vec()),
            proto: service.proto,
            ports: PortRange::merge(service.ports.clone()),
        })
        .collect();
    for rule in &cluster.access {
        access_flows(rule, &table, &mut flows);
    }
    for rule in &cluster.ssh {
        flows.push(Flow {
            rule: format!("ssh {}", rule.name),
            from: parties(&rule.from),
            to: Reached::Roles(roles(&rule.to)),
            proto: Proto::Tcp,
            ports: vec![PortRange::fixed(22, 22)],
        });
    }
    flows
}

fn parties(names: &[Name]) -> Vec<Party> {
    names
        .iter()
        .map(|name| Role::named(name.as_str()).map_or_else(|| Party::Group(name.clone()), Party::Role))
        .collect()
}

fn roles(names: &[Name]) -> Vec<Role> {
    names.iter().filter_map(|name| Role::named(name.as_str())).collect()
}

/// One flow per transport and set of targets that the rule opens.
fn access_flows(rule: &AccessRule, table: &[Service], flows: &mut Vec<Flow>) {
    let from = parties(&rule.from);
    let mut push = |to: Reached, proto: Proto, ports: Vec<PortRange>| {
        flows.push(Flow {
            rule: format!("access {}", rule.name),
            from: from.clone(),
            to,
            proto,
            ports: PortRange::merge(ports),
        });
    };
    let by_proto = ports_by_proto(rule, table);
    let target_roles = roles(&rule.to);
    if !target_roles.is_empty() {
        for (proto, ports) in &by_proto {
            push(Reached::Roles(target_roles.clone()), *proto, ports.clone());
        }
    }
    for target in &rule.to {
        if target.as_str() == OWN_DEVICES {
            for (proto, ports) in &by_proto {
                push(Reached::OwnDevices, *proto, ports.clone());
            }
        } else if Role::named(target.as_str()).is_none()
            // `primer` and `backup` are roles and services; where a target is asked for, the role is meant.
            && let Some(service) = table.iter().find(|s| s.name == target.as_str())
        {
            push(Reached::Roles(service.servers.to_vec()), service.proto, service.ports.clone());
        }
    }
}

fn ports_by_proto(rule: &AccessRule, table: &[Service]) -> BTreeMap<Proto, Vec<PortRange>> {
    let mut by_proto: BTreeMap<Proto, Vec<PortRange>> = BTreeMap::new();
    for port in &rule.ports {
        match port {
            AccessPort::Number(port) => by_proto.entry(rule.proto).or_default().push(PortRange::one(*port)),
            AccessPort::Range(range) => by_proto.entry(rule.proto).or_default().push(*range),
            AccessPort::Service(name) if name.as_str() == ALL_PORTS => {
                by_proto.entry(Proto::Tcp).or_default().push(PortRange::ALL);
                by_proto.entry(Proto::Udp).or_default().push(PortRange::ALL);
                by_proto.entry(Proto::Icmp).or_default();
            }
            AccessPort::Service(name) => {
                if let Some(service) = table.iter().find(|s| s.name == name.as_str()) {
                    by_proto.entry(service.proto).or_default().extend(&service.ports);
                }
            }
        }
    }
    by_proto
}
