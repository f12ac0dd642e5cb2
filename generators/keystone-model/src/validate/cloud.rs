//! Pools, and the identity with which the cluster acts in a cloud.

use std::collections::BTreeMap;

use super::machines::labels_and_taints;
use crate::problem::{At, Problem};
use crate::redact::shown;
use crate::tables::{Cluster, Pool, Provider};
use crate::types::{HttpsUrl, Name};

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    issuer(cluster, problems);
    account(cluster, problems);
    for (name, pool) in &cluster.pools {
        check_pool(cluster, name, pool, problems);
    }
    hardware_addresses(cluster, problems);
}

/// AWS fetches the issuer's documents from the Internet, and an issuer's URL there has no port and at most 255
/// characters (IAM, `CreateOpenIDConnectProvider`).
fn issuer(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let issuer = &cluster.identity.issuer;
    let at = || At::table("identity").key("issuer");
    let host = issuer.host();
    if issuer.port() != 443 {
        problems.push(Problem::error(
            at(),
            format!("the issuer has the port {}", issuer.port()),
            "serve its documents on 443: clouds take no other port",
        ));
    }
    if issuer.as_str().len() > 255 {
        problems.push(Problem::error(
            at(),
            format!("the issuer has {} characters", issuer.as_str().len()),
            "take a URL of at most 255 characters",
        ));
    }
    let private = [
        ("local", "multicast DNS"),
        ("internal", "a private network"),
        (cluster.mesh.base_domain.as_str(), "the mesh"),
    ];
    if let Some((_, what)) = private.iter().find(|(zone, _)| host.is_within(zone)) {
        problems.push(Problem::error(
            at(),
            format!(
                "`{host}` is a name of {what}, and clouds fetch the issuer's documents from the Internet"
            ),
            "take a public URL, such as that of a bucket; only public keys lie there",
        ));
    }
    if let Some(login) = &cluster.identity.login
        && login.issuer == *issuer
    {
        problems.push(Problem::error(
            At::table("identity").key("login").key("issuer"),
            format!("`{issuer}` issues the tokens of workloads"),
            "people need an issuer of their own: Kubernetes refuses one for both",
        ));
    }
    if let Some(login) = &cluster.identity.login {
        for (key, text) in [("clientId", &login.client_id), ("groupsClaim", &login.groups_claim)] {
            // Both end up in one argument of a command line and in a YAML file.
            if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                problems.push(Problem::error(
                    At::table("identity").key("login").key(key),
                    format!("`{}` is no name that an issuer knows", shown(text)),
                    "write it as the issuer has it, without spaces",
                ));
            }
        }
    }
    join_url(cluster.identity.join_url.as_ref(), cluster, problems);
}

fn join_url(url: Option<&HttpsUrl>, cluster: &Cluster, problems: &mut Vec<Problem>) {
    let needs = cluster.pools.iter().find(|(_, pool)| pool.provider == Provider::Aws);
    match (url, needs) {
        (None, Some((name, _))) => problems.push(Problem::error(
            At::table("identity"),
            format!("the pool `{name}` needs `joinUrl`"),
            "write the public URL at which its machines prove who they are and get their credentials",
        )),
        (Some(url), _) if url.host().is_within(cluster.mesh.base_domain.as_str()) => {
            problems.push(Problem::error(
                At::table("identity").key("joinUrl"),
                format!("`{}` is a name of the mesh, and a machine that joins has none yet", url.host()),
                "take a public name",
            ));
        }
        _ => {}
    }
}

fn account(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let Some(aws) = &cluster.identity.aws else { return };
    let at = At::table("identity").key("aws");
    if aws.account_id.len() != 12 || !aws.account_id.bytes().all(|b| b.is_ascii_digit()) {
        problems.push(Problem::error(
            at.clone().key("accountId"),
            format!("`{}` is no account number", shown(&aws.account_id)),
            "write its twelve digits, as text",
        ));
    }
    if aws.regions.is_empty() {
        problems.push(Problem::error(
            at.clone().key("regions"),
            "the cluster may act in no region",
            "name at least one",
        ));
    }
    if !resource_id("vpc-", &aws.vpc_id) {
        problems.push(Problem::error(
            at.clone().key("vpcId"),
            format!("`{}` is no network's id", shown(&aws.vpc_id)),
            "write one like `vpc-0a1b2c3d4e5f60718`",
        ));
    }
    if let Some(arn) = &aws.kms_key_arn
        && !(arn.starts_with(&format!("arn:{}:kms:", aws.partition.as_str())) && arn.contains(":key/"))
    {
        problems.push(
            Problem::error(
                at.clone().key("kmsKeyArn"),
                format!("`{}` is no key's ARN in this partition", shown(arn)),
                format!("write one like `arn:{}:kms:REGION:ACCOUNT:key/ID`", aws.partition.as_str()),
            )
            .resting_on(&["identity"]),
        );
    }
    let role_fits = (1..=64).contains(&aws.node_role.len())
        && aws.node_role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
    if !role_fits {
        problems.push(Problem::error(
            at.key("nodeRole"),
            format!("`{}` is no role's name", shown(&aws.node_role)),
            "take at most 64 letters, digits and `+=,.@_-`",
        ));
    }
}

/// A machine is known by the network card that it boots from before it has a name.
fn hardware_addresses(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut owners = BTreeMap::new();
    for (pool, host, machine) in
        cluster.pools.iter().flat_map(|(pool, p)| p.hosts.iter().map(move |(host, m)| (pool, host, m)))
    {
        if let Some(other) = owners.insert(&machine.mac, host) {
            problems.push(Problem::error(
                At::table("pools").key(pool).key("hosts").key(host).key("mac"),
                format!("`{}` is the hardware address of `{other}` too", machine.mac),
                "write the address of the machine's own network card",
            ));
        }
    }
}

fn resource_id(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| matches!(rest.len(), 8..=17) && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn check_pool(cluster: &Cluster, name: &Name, pool: &Pool, problems: &mut Vec<Problem>) {
    let at = At::table("pools").key(name);
    if pool.min > pool.max {
        problems.push(Problem::error(
            at.clone().key("min"),
            format!("the pool `{name}` has at least {} and at most {} machines", pool.min, pool.max),
            "let `min` be at most `max`",
        ));
    }
    match pool.provider {
        Provider::Aws => aws_pool(cluster, name, pool, &at, problems),
        Provider::BareMetal => bare_metal_pool(name, pool, &at, problems),
    }
    labels_and_taints(&pool.labels, &pool.taints, &at, problems);
}

fn aws_pool(cluster: &Cluster, name: &Name, pool: &Pool, at: &At, problems: &mut Vec<Problem>) {
    let mut lacks = |what: &str, fix: &str| {
        problems.push(Problem::error(at.clone(), format!("the pool `{name}` has no `{what}`"), fix));
    };
    if pool.region.is_none() {
        lacks("region", "name one of those in `identity.aws.regions`");
    }
    if pool.instance_types.is_empty() {
        lacks("instanceTypes", "name at least one, such as `m7i.large`; several let spot instances survive");
    }
    if pool.subnets.is_empty() {
        lacks("subnets", "name at least one, such as `subnet-0a1b2c3d4e5f60718`");
    }
    match (&cluster.identity.aws, &pool.region) {
        (None, _) => problems.push(
            Problem::error(
                at.clone().key("provider"),
                format!("the pool `{name}` is in AWS, and the cluster has no account there"),
                "describe the account as `[identity.aws]`",
            )
            .resting_on(&["identity"]),
        ),
        (Some(aws), Some(region)) if !aws.regions.contains(region) => problems.push(
            Problem::error(
                at.clone().key("region"),
                format!("`{region}` is not one of the regions in which the cluster may act"),
                "add it to `identity.aws.regions`, or take one of those",
            )
            .resting_on(&["identity"]),
        ),
        _ => {}
    }
    if let Some(aws) = &cluster.identity.aws
        && pool.max > aws.max_group_size
    {
        problems.push(
            Problem::error(
                at.clone().key("max"),
                format!(
                    "{} machines are more than `identity.aws.maxGroupSize` ({})",
                    pool.max, aws.max_group_size
                ),
                "lower the one or raise the other",
            )
            .resting_on(&["identity"]),
        );
    }
    for (n, kind) in pool.instance_types.iter().enumerate() {
        let fits = kind.split_once('.').is_some_and(|(family, size)| {
            let word = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            word(family) && word(size)
        });
        if !fits {
            problems.push(Problem::error(
                at.clone().key("instanceTypes").index(n),
                format!("`{}` is no type of instance", shown(kind)),
                "write one like `m7i.large`",
            ));
        }
    }
    for (n, subnet) in pool.subnets.iter().enumerate() {
        if !resource_id("subnet-", subnet) {
            problems.push(Problem::error(
                at.clone().key("subnets").index(n),
                format!("`{}` is no subnet's id", shown(subnet)),
                "write one like `subnet-0a1b2c3d4e5f60718`",
            ));
        }
    }
    if !pool.hosts.is_empty() {
        problems.push(Problem::error(
            at.clone().key("hosts"),
            format!("the pool `{name}` is in AWS, which makes its machines"),
            "remove `hosts`, or take `provider = \"bare-metal\"`",
        ));
    }
}

fn bare_metal_pool(name: &Name, pool: &Pool, at: &At, problems: &mut Vec<Problem>) {
    let hosts = u32::try_from(pool.hosts.len()).unwrap_or(u32::MAX);
    if pool.max > hosts {
        problems.push(
            Problem::error(
                at.clone().key("max"),
                format!(
                    "the pool `{name}` may have {} machines, and only {hosts} are written as `hosts`",
                    pool.max
                ),
                "write the others, or lower `max`",
            )
            .resting_on(&["pools"]),
        );
    }
    let only_clouds = [
        ("region", pool.region.is_some()),
        ("instanceTypes", !pool.instance_types.is_empty()),
        ("subnets", !pool.subnets.is_empty()),
        ("spot", pool.spot),
    ];
    for (key, _) in only_clouds.iter().filter(|(_, written)| *written) {
        problems.push(Problem::error(
            at.clone().key(key),
            format!("`{key}` has no meaning for bare metal"),
            "remove it",
        ));
    }
    for (host, machine) in &pool.hosts {
        if !machine.disk.starts_with("/dev/disk/by-id/") {
            problems.push(Problem::error(
                at.clone().key("hosts").key(host).key("disk"),
                format!("`{}` may be another disk after a reboot", shown(&machine.disk)),
                "name it by its identity: `/dev/disk/by-id/…`",
            ));
        }
    }
}
