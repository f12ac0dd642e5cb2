//! Address ranges: none may overlap another, as each is routed somewhere else.

use std::net::IpAddr;

use crate::problem::{At, Problem};
use crate::role::Role;
use crate::tables::{Cluster, Prefixes};
use crate::types::{Cidr, Endpoint};

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    within_client_ranges(cluster, problems);
    overlaps(cluster, problems);
    service_range(cluster, problems);
    pod_range(cluster, problems);
    endpoints(cluster, problems);
}

fn within_client_ranges(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let prefixes = &cluster.mesh.prefixes;
    for (key, written, allowed) in
        [("v4", prefixes.v4, Prefixes::CLIENT_V4), ("v6", prefixes.v6, Prefixes::CLIENT_V6)]
    {
        if !allowed.encloses(&written) {
            problems.push(Problem::error(
                At::table("mesh").key("prefixes").key(key),
                format!("`{written}` does not lie in `{allowed}`"),
                format!("take `{allowed}` or a part of it: clients accept no other mesh addresses"),
            ));
        }
    }
}

fn overlaps(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let kubernetes = At::table("kubernetes");
    let mesh = At::table("mesh").key("prefixes");
    let mut ranges: Vec<(&str, Cidr, At)> = vec![
        // The whole range, not the part we use: clients drop all of it where it does not come from the mesh.
        ("mesh addresses", Prefixes::CLIENT_V4, mesh.clone().key("v4")),
        ("mesh addresses", cluster.mesh.prefixes.v6, mesh.key("v6")),
        ("pods", cluster.kubernetes.pod_cidr, kubernetes.clone().key("podCidr")),
        ("services", cluster.kubernetes.service_cidr, kubernetes.key("serviceCidr")),
    ];
    if let Some(aws) = &cluster.identity.aws {
        ranges.push(("the VPC", aws.vpc_cidr, At::table("identity").key("aws").key("vpcCidr")));
    }
    for (n, cidr) in cluster.ingress.load_balancer_cidrs.iter().enumerate() {
        let at = At::table("ingress").key("loadBalancerCidrs").index(n);
        ranges.push(("load balancers", *cidr, at));
    }
    for (n, (what, range, at)) in ranges.iter().enumerate() {
        for (other_what, other, _) in &ranges[..n] {
            if range.overlaps(other) {
                problems.push(
                    Problem::error(
                        at.clone(),
                        format!("`{range}` for {what} overlaps `{other}` for {other_what}"),
                        "take a range of its own",
                    )
                    .resting_on(&["mesh", "kubernetes", "identity", "ingress"]),
                );
            }
        }
    }
}

/// Kubernetes takes the first address of the range for its API, we take the tenth for DNS and, of the first /24, the
/// last for what NixOS derives from it.
fn service_range(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let range = cluster.kubernetes.service_cidr;
    let net = range.net();
    let fits = matches!(net, ipnet::IpNet::V4(_)) && (12..=24).contains(&net.prefix_len());
    if !fits {
        problems.push(Problem::error(
            At::table("kubernetes").key("serviceCidr"),
            format!("`{range}` is no IPv4 range of a size between /12 and /24"),
            "take one like `10.96.0.0/16`",
        ));
    }
}

/// The controller manager gives each node of Kubernetes a /24 of the pods' addresses; a node beyond the last one never
/// becomes ready.
fn pod_range(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let range = cluster.kubernetes.pod_cidr;
    let net = range.net();
    let at = At::table("kubernetes").key("podCidr");
    if !matches!(net, ipnet::IpNet::V4(_)) || net.prefix_len() > 22 {
        problems.push(Problem::error(
            at,
            format!("`{range}` is no IPv4 range with room for a /24 on each of four nodes"),
            "take one like `10.244.0.0/16`",
        ));
        return;
    }
    let machines =
        cluster.nodes.values().filter(|n| n.roles.iter().any(|r| Role::KUBERNETES.contains(r))).count();
    let in_pools = cluster.pools.values().fold(0_u64, |sum, pool| sum + u64::from(pool.max));
    let most = u64::try_from(machines).unwrap_or(u64::MAX).saturating_add(in_pools);
    let room = 1_u64 << 24_u8.saturating_sub(net.prefix_len());
    if most > room {
        problems.push(
            Problem::error(
                at,
                format!("`{range}` has a /24 for {room} nodes, and the cluster may have {most}"),
                "take a wider range, such as `10.128.0.0/10` for 16384 nodes",
            )
            .resting_on(&["nodes", "pools"]),
        );
    }
}

fn endpoints(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut taken = vec![
        ("mesh addresses", Prefixes::CLIENT_V4),
        ("mesh addresses", Prefixes::CLIENT_V6),
        ("pods", cluster.kubernetes.pod_cidr),
        ("services", cluster.kubernetes.service_cidr),
    ];
    taken.extend(cluster.ingress.load_balancer_cidrs.iter().map(|range| ("load balancers", *range)));
    for (name, node) in &cluster.nodes {
        let at = At::table("nodes").key(name).key("endpoint");
        match &node.endpoint {
            Some(Endpoint::Address(address)) => endpoint_address(*address, &taken, at, problems),
            Some(Endpoint::Name(host)) if host.is_within(cluster.mesh.base_domain.as_str()) => {
                problems.push(
                    Problem::error(
                        at,
                        format!("`{host}` is a name of the mesh, which is found through endpoints"),
                        "write the machine's address outside the mesh",
                    )
                    .resting_on(&["mesh"]),
                );
            }
            Some(Endpoint::Name(_)) | None => {}
        }
    }
}

fn endpoint_address(address: IpAddr, taken: &[(&str, Cidr)], at: At, problems: &mut Vec<Problem>) {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_link_local {
        problems.push(Problem::error(
            at,
            format!("no other machine reaches this one at `{address}`"),
            "write an address that is routed, like `203.0.113.11`",
        ));
    } else if let Some((what, range)) = taken.iter().find(|(_, range)| range.contains(address)) {
        problems.push(
            Problem::error(
                at,
                format!("`{address}` lies in `{range}`, the range for {what}"),
                "write the machine's address outside the mesh",
            )
            .resting_on(&["kubernetes", "ingress"]),
        );
    }
}
