//! For each role, the ports that its machines open, and to whom.

use keystone_model::intent::{Party, Reached, flows};
use keystone_model::service::{Plane, Service, services};
use keystone_model::{Cluster, PortRange, Proto, Role};
use serde::Serialize;

use crate::wording::count;

/// The ports of every role.
#[derive(Debug, Serialize)]
pub(super) struct Ports {
    roles: Vec<RolePorts>,
    /// Roles that neither a machine nor a pool has.
    unused: Vec<&'static str>,
}

/// The ports of a role.
#[derive(Debug, Serialize)]
struct RolePorts {
    role: &'static str,
    machines: String,
    rows: Vec<Row>,
}

/// An opening.
#[derive(Debug, Serialize)]
struct Row {
    ports: String,
    proto: &'static str,
    /// The row of the service table or the rule of the inventory.
    rule: String,
    to: Vec<String>,
    plane: &'static str,
    purpose: &'static str,
}

impl Ports {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let table = services(cluster);
        let written: Vec<_> =
            flows(cluster).into_iter().filter(|flow| !flow.rule.starts_with("service ")).collect();
        let mut roles = Vec::new();
        let mut unused = Vec::new();
        for role in Role::ALL {
            let nodes = cluster.nodes.values().filter(|node| node.roles.contains(&role)).count();
            let from_pools = cluster.pools.values().any(|pool| pool.provider.role() == role);
            if nodes == 0 && !from_pools {
                unused.push(role.as_str());
                continue;
            }
            let machines = match (nodes, from_pools) {
                (0, _) => "from pools".to_owned(),
                (n, false) => count(n, "machine", "machines"),
                (n, true) => format!("{} and those from pools", count(n, "machine", "machines")),
            };
            let mut served: Vec<&Service> = table.iter().filter(|s| s.servers.contains(&role)).collect();
            served.sort_by_key(|service| {
                (service.ports.is_empty(), service.ports.first().copied(), service.name)
            });
            let mut rows: Vec<Row> = served.into_iter().map(service_row).collect();
            let opened = written
                .iter()
                .filter(|flow| matches!(&flow.to, Reached::Roles(reached) if reached.contains(&role)))
                .map(|flow| Row {
                    ports: ports(flow.proto, &flow.ports),
                    proto: flow.proto.as_str(),
                    rule: flow.rule.clone(),
                    to: flow.from.iter().map(party).collect(),
                    plane: Plane::Mesh.as_str(),
                    purpose: "",
                });
            rows.extend(opened);
            roles.push(RolePorts { role: role.as_str(), machines, rows });
        }
        Self { roles, unused }
    }
}

fn service_row(service: &Service) -> Row {
    let everyone = Role::ALL.iter().all(|role| service.clients.contains(role));
    Row {
        ports: ports(service.proto, &service.ports),
        proto: service.proto.as_str(),
        rule: format!("service {}", service.name),
        to: if everyone {
            vec!["all machines".to_owned()]
        } else {
            service.clients.iter().map(ToString::to_string).collect()
        },
        plane: service.plane.as_str(),
        purpose: service.purpose,
    }
}

fn party(party: &Party) -> String {
    match party {
        Party::Role(role) => role.to_string(),
        Party::Group(group) => group.to_string(),
    }
}

fn ports(proto: Proto, ports: &[PortRange]) -> String {
    match (proto, ports) {
        (Proto::Icmp, _) => "echo".to_owned(),
        (_, [PortRange::ALL]) => "all".to_owned(),
        (_, some) => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
