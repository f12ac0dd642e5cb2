//! The mesh: names that must not collide, ports that must not either, certificates.

use std::collections::BTreeMap;

use crate::problem::{At, Problem};
use crate::role::Role;
use crate::service::{Plane, services};
use crate::tables::{Cluster, MeshTls, Node, TlsMode};
use crate::types::{Domain, Name};

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    zones(cluster, problems);
    coordinator(cluster, problems);
    ports(cluster, problems);
    relay_regions(cluster, problems);
    tls(&cluster.mesh.tls, problems);
}

fn zones(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mesh = &cluster.mesh;
    let base = mesh.base_domain.as_str();
    let host = mesh.url.host();
    // Headscale 0.29 refuses this only when no port is written, 0.30 always.
    if host.is_within(base) {
        problems.push(Problem::error(
            At::table("mesh").key("url"),
            format!("the host `{host}` lies in the mesh's own zone `{base}`"),
            "take a public name outside `baseDomain`: clients must find Headscale before they have a mesh",
        ));
    }
    if host.is_within("local") {
        problems.push(Problem::error(
            At::table("mesh").key("url"),
            format!("`{host}` is a name of multicast DNS, which no resolver outside the local network knows"),
            "take a name in a domain of yours",
        ));
    }
    let at = || At::table("mesh").key("baseDomain");
    if !base.contains('.') {
        problems.push(Problem::error(
            at(),
            format!("`{base}` is a top-level domain"),
            "take a zone with at least two labels, such as `mesh.internal`",
        ));
    } else if mesh.base_domain.is_within(cluster.kubernetes.cluster_domain.as_str())
        || cluster.kubernetes.cluster_domain.is_within(base)
    {
        problems.push(
            Problem::error(
                at(),
                format!("`{base}` and Kubernetes' own zone `{}` overlap", cluster.kubernetes.cluster_domain),
                "take another zone: pods would ask the wrong resolver",
            )
            .resting_on(&["kubernetes"]),
        );
    } else if mesh.base_domain.is_within("local") {
        problems.push(Problem::error(
            at(),
            format!("`{base}` lies in `.local`, which multicast DNS answers"),
            "take a zone of your own, or one below `.internal`",
        ));
    }
    let relay_domain = relay_domain(cluster);
    if relay_domain.is_within(base) {
        problems.push(Problem::error(
            At::table("mesh").key("relay").key("domain"),
            format!("the relays' zone `{relay_domain}` lies in the mesh's own zone `{base}`"),
            "take a public zone: relays are for machines that have no way through the mesh yet",
        ));
    }
}

/// Zone of the relays' public names.
#[must_use]
pub fn relay_domain(cluster: &Cluster) -> Domain {
    let default = || cluster.cluster.domain.child(&Name::known("relay"));
    cluster.mesh.relay.domain.clone().unwrap_or_else(default)
}

fn coordinator(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let name = &cluster.mesh.coordinator.node;
    let at = At::table("mesh").key("coordinator").key("node");
    match cluster.nodes.get(name) {
        // That there is none at all is said elsewhere.
        None if cluster.nodes.is_empty() => {}
        None => problems.push(
            Problem::error(at, format!("no node is named `{name}`"), "name a primer or a control-plane node")
                .resting_on(&["nodes"]),
        ),
        Some(node) if !node.roles.iter().any(|role| Role::RELAY_HOSTS.contains(role)) => {
            problems.push(
                Problem::error(
                    at,
                    format!("`{name}` is neither a primer nor a control-plane node"),
                    "let Headscale start on a primer",
                )
                .resting_on(&["nodes"]),
            );
        }
        Some(_) => {}
    }
}

/// Coordinator, relay and STUN share their hosts with everything that primers and control-plane nodes serve, and with
/// whatever else those hosts are.
fn ports(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let table = services(cluster);
    let chosen = [
        ("coordinator", At::table("mesh").key("coordinator").key("port")),
        ("relay", At::table("mesh").key("relay").key("port")),
        ("stun", At::table("mesh").key("relay").key("stunPort")),
    ];
    for (n, (name, at)) in chosen.iter().enumerate() {
        let Some(ours) = table.iter().find(|service| service.name == *name) else { continue };
        let shares_host = |other: &crate::service::Service| {
            cluster.nodes.values().any(|node| {
                node.roles.iter().any(|role| ours.servers.contains(role))
                    && node.roles.iter().any(|role| other.servers.contains(role))
            })
        };
        for other in &table {
            // Each pair of chosen ports once, at the later one.
            let later = chosen.iter().skip(n).any(|(name, _)| *name == other.name);
            let collide = ours.proto == other.proto
                && ours.ports.iter().any(|p| other.ports.iter().any(|o| o.contains(p.first())));
            if !later && collide && shares_host(other) {
                let plane = if other.plane == Plane::Mesh { " (in the mesh)" } else { "" };
                problems.push(
                    Problem::error(
                        at.clone(),
                        format!(
                            "{} port {} of `{name}` is the port of `{}`{plane} on the same machines",
                            ours.proto, ours.ports[0], other.name
                        ),
                        "take a port that no row of the service table has",
                    )
                    .resting_on(&["nodes", "mesh"]),
                );
            }
        }
    }
}

/// Numbers of the relays: Headscale reserves 900 to 999 for regions of one's own.
fn relay_regions(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut seen = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        let at = || At::table("nodes").key(name).key("relayRegion");
        match node.relay_region {
            Some(_) if !is_relay_host(node) => problems.push(
                Problem::error(
                    at(),
                    format!("`{name}` runs no relay"),
                    "remove it: relays run on primers and control-plane nodes",
                )
                .resting_on(&["nodes"]),
            ),
            Some(region) if !OWN_REGIONS.contains(&region) => problems.push(Problem::error(
                at(),
                format!("`{region}` is not one of the numbers for regions of one's own"),
                "take one from 900 to 999",
            )),
            _ => {}
        }
    }
    for (name, region) in relays(cluster) {
        if let Some(other) = seen.insert(region, name) {
            problems.push(
                Problem::error(
                    At::table("nodes").key(name),
                    format!("the relays of `{name}` and `{other}` have the same number, {region}"),
                    "write `relayRegion` for the newer of the two, a number from 900 to 999 that is free",
                )
                .resting_on(&["nodes"]),
            );
        }
    }
}

const OWN_REGIONS: std::ops::RangeInclusive<u16> = 900..=999;

fn is_relay_host(node: &Node) -> bool {
    node.roles.iter().any(|role| Role::RELAY_HOSTS.contains(role))
}

/// Every relay host with the number of its region, by name.
pub fn relays(cluster: &Cluster) -> impl Iterator<Item = (&Name, u16)> {
    cluster
        .nodes
        .iter()
        .filter(|(_, node)| is_relay_host(node))
        .map(|(name, node)| (name, node.relay_region.unwrap_or_else(|| region_of(name))))
}

/// A number from the name alone (FNV-1a), so that a machine that comes or goes renumbers no other. Clients remember
/// the number of their home relay.
fn region_of(name: &Name) -> u16 {
    let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    900 + u16::try_from(hash % 100).unwrap_or_default()
}

fn tls(tls: &MeshTls, problems: &mut Vec<Problem>) {
    let at = At::table("mesh").key("tls");
    match (tls.mode, &tls.email) {
        (TlsMode::Acme, None) => problems.push(Problem::error(
            at,
            "`mode = \"acme\"` has no `email`",
            "write the address to which the certificate authority sends warnings",
        )),
        (TlsMode::Files, Some(email)) => problems.push(
            Problem::error(
                at.key("email"),
                format!("`{email}` is not used with `mode = \"files\"`"),
                "remove it, or take `mode = \"acme\"`",
            )
            .resting_on(&["mesh"]),
        ),
        _ => {}
    }
}
