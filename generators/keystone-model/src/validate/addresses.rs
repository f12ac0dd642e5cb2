//! Address ranges: none may overlap another, as each is routed somewhere else.

use crate::problem::{At, Problem};
use crate::tables::{Cluster, Prefixes};
use crate::types::{Cidr, Endpoint};

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    within_client_ranges(cluster, problems);
    overlaps(cluster, problems);
    service_range(cluster, problems);
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
                problems.push(Problem::error(
                    at.clone(),
                    format!("`{range}` for {what} overlaps `{other}` for {other_what}"),
                    "take a range of its own",
                ));
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
    let pods = cluster.kubernetes.pod_cidr.net();
    if !matches!(pods, ipnet::IpNet::V4(_)) || pods.prefix_len() > 22 {
        problems.push(Problem::error(
            At::table("kubernetes").key("podCidr"),
            format!("`{pods}` is no IPv4 range with room for a /24 on each of four nodes"),
            "take one like `10.244.0.0/16`",
        ));
    }
}

fn endpoints(cluster: &Cluster, problems: &mut Vec<Problem>) {
    for (name, node) in &cluster.nodes {
        let Some(Endpoint::Address(address)) = &node.endpoint else { continue };
        let inside = [
            ("mesh addresses", Prefixes::CLIENT_V4),
            ("mesh addresses", Prefixes::CLIENT_V6),
            ("pods", cluster.kubernetes.pod_cidr),
            ("services", cluster.kubernetes.service_cidr),
        ];
        if let Some((what, range)) = inside.iter().find(|(_, range)| range.contains(*address)) {
            problems.push(Problem::error(
                At::table("nodes").key(name).key("endpoint"),
                format!("`{address}` lies in `{range}`, the range for {what}"),
                "write the machine's address outside the mesh",
            ));
        }
    }
}
