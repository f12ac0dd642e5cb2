//! Kubernetes, storage, snapshots, backup, ingress, observability.

use super::listed;
use crate::problem::{At, Problem};
use crate::redact::shown;
use crate::role::Role;
use crate::tables::{BackupTarget, BackupTargetKind, Cluster, Encryption, IngressMode, ReceiverKind};
use crate::types::{Duration, Name};

/// Minor versions that every chart we deliver supports (facts of November 2026: Rook, Envoy Gateway and `CloudNativePG`
/// stop at 1.36; the last two begin at 1.34).
const KUBERNETES_MINORS: [&str; 3] = ["1.34", "1.35", "1.36"];

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    cluster_table(cluster, problems);
    kubernetes(cluster, problems);
    storage(cluster, problems);
    snapshots(cluster, problems);
    for (name, target) in &cluster.backup.targets {
        backup_target(cluster, name, target, problems);
    }
    ingress(cluster, problems);
    retention(cluster, problems);
    for (name, receiver) in &cluster.observability.receivers {
        if receiver.kind == ReceiverKind::Email && receiver.to.is_none() {
            problems.push(Problem::error(
                At::table("observability").key("receivers").key(name),
                format!("the receiver `{name}` has no address"),
                "write `to = \"…\"`",
            ));
        }
    }
}

fn cluster_table(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let version = &cluster.cluster.state_version;
    let fits = version.split_once('.').is_some_and(|(y, m)| {
        y.len() == 2 && y.bytes().all(|b| b.is_ascii_digit()) && (m == "05" || m == "11")
    });
    if !fits {
        problems.push(Problem::error(
            At::table("cluster").key("stateVersion"),
            format!("`{}` is no release of NixOS", shown(version)),
            "write the release that the nodes were installed with, such as `26.05`",
        ));
    }
}

fn kubernetes(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let kubernetes = &cluster.kubernetes;
    let at = At::table("kubernetes");
    if !KUBERNETES_MINORS.contains(&kubernetes.version.as_str()) {
        problems.push(Problem::error(
            at.clone().key("version"),
            format!("Kubernetes `{}` is not supported", shown(&kubernetes.version)),
            format!("take one of {}, without the patch", listed(KUBERNETES_MINORS)),
        ));
    }
    if kubernetes.encryption == Encryption::Kms {
        problems.push(Problem::error(
            at.clone().key("encryption"),
            "`encryption = \"kms\"` is not built yet",
            "take `aesgcm`",
        ));
    }
    let api = &kubernetes.api_name;
    let is_host = cluster.pools.values().any(|pool| pool.hosts.contains_key(api));
    if cluster.nodes.contains_key(api) || cluster.people.contains_key(api) || is_host {
        problems.push(Problem::error(
            at.key("apiName"),
            format!("`{api}` is the name of a node or a person already"),
            "take a name that nothing else has in the mesh",
        ));
    }
}

fn storage(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let nodes = cluster.nodes.values().filter(|node| node.roles.contains(&Role::Storage)).count();
    let replicas = cluster.storage.replicas;
    let at = || At::table("storage").key("replicas");
    if replicas == 0 {
        problems.push(Problem::error(at(), "no copy of any object would exist", "take 3"));
    } else if nodes > 0 && usize::try_from(replicas).unwrap_or(usize::MAX) > nodes {
        problems.push(
            Problem::error(
                at(),
                format!("{replicas} copies need as many storage nodes, and {nodes} exist"),
                "add storage nodes, or lower `replicas`",
            )
            .resting_on(&["nodes"]),
        );
    } else if nodes > 0 && replicas < 3 {
        problems.push(Problem::warning(
            at(),
            format!("with `replicas = {replicas}` the loss of a disk during a repair loses data"),
            "take 3",
        ));
    }
}

fn snapshots(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let kept = &cluster.snapshots;
    if [kept.hourly, kept.daily, kept.weekly, kept.monthly].iter().all(|n| *n == 0) {
        problems.push(Problem::error(
            At::table("snapshots"),
            "no snapshot would be kept",
            "keep at least one kind, such as `hourly = 24`",
        ));
    }
}

fn backup_target(cluster: &Cluster, name: &Name, target: &BackupTarget, problems: &mut Vec<Problem>) {
    let at = At::table("backup").key("targets").key(name);
    let lacking = |what: &str, fix: &str| {
        Problem::error(at.clone(), format!("the target `{name}` has no `{what}`"), fix)
    };
    match target.kind {
        BackupTargetKind::Node => {
            match &target.dataset {
                None => problems
                    .push(lacking("dataset", "name the data set that receives, such as `tank/backup`")),
                Some(dataset) if !is_dataset(dataset) => problems.push(Problem::error(
                    at.clone().key("dataset"),
                    format!("`{}` is no name of a data set", shown(dataset)),
                    "write pool and path without a leading slash, such as `tank/backup`",
                )),
                Some(_) => {}
            }
            let Some(node) = &target.node else {
                problems.push(lacking("node", "name a node with the role `backup`"));
                return;
            };
            let is_backup = cluster.nodes.get(node).is_some_and(|n| n.roles.contains(&Role::Backup));
            if !is_backup {
                problems.push(
                    Problem::error(
                        at.clone().key("node"),
                        format!("`{node}` is no node with the role `backup`"),
                        "give it the role, or name one that has it",
                    )
                    .resting_on(&["nodes"]),
                );
            }
        }
        BackupTargetKind::S3 => {
            if target.bucket.is_none() {
                problems.push(lacking("bucket", "name the bucket"));
            }
            if target.region.is_none() {
                problems.push(lacking("region", "name the bucket's region"));
            }
        }
    }
}

/// Names of ZFS (zfs(8)): components of letters, digits and `-_.:`, the pool's starting with a letter.
fn is_dataset(name: &str) -> bool {
    let component = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    name.len() <= 200 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.split('/').all(component)
}

/// Nothing is kept for no time, and nothing leaves the cold store before the hot one.
fn retention(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let kept = &cluster.observability;
    let at = At::table("observability");
    let zero = Duration::from_seconds(0);
    for (key, length) in [
        ("metricsRetention", kept.metrics_retention),
        ("logsHot", kept.logs_hot),
        ("logsCold", kept.logs_cold),
    ] {
        if length == zero {
            problems.push(Problem::error(
                at.clone().key(key),
                "`0s` keeps nothing",
                "write how long to keep it, such as `15d`",
            ));
        }
    }
    if kept.logs_cold < kept.logs_hot && kept.logs_cold > zero {
        problems.push(
            Problem::error(
                at.key("logsCold"),
                format!(
                    "logs would be kept {} in blob storage and {} on the machine",
                    kept.logs_cold, kept.logs_hot
                ),
                "let `logsCold` be at least `logsHot`",
            )
            .resting_on(&["observability"]),
        );
    }
}

fn ingress(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let ingress = &cluster.ingress;
    let at = At::table("ingress");
    let nodes = cluster.nodes.values().any(|node| node.roles.contains(&Role::Ingress));
    if ingress.modes.contains(&IngressMode::Nodes) && !nodes {
        problems.push(
            Problem::error(
                at.clone().key("modes"),
                "`nodes` is a way in, and no node has the role `ingress`",
                "add such a node, or take the mode out",
            )
            .resting_on(&["nodes"]),
        );
    }
    let tunnels = ingress.modes.contains(&IngressMode::CloudflareTunnel);
    match &ingress.tunnel {
        None if tunnels => problems.push(Problem::error(
            at,
            "`cloudflare-tunnel` is a way in, and there is no `tunnel`",
            "describe it as `[ingress.tunnel]`",
        )),
        Some(_) if !tunnels => problems.push(
            Problem::error(
                at.key("tunnel"),
                "the tunnel is described and not a way in",
                "add `cloudflare-tunnel` to `modes`, or remove the table",
            )
            .resting_on(&["ingress"]),
        ),
        Some(tunnel) => {
            if tunnel.hostnames.is_empty() {
                problems.push(Problem::error(
                    at.clone().key("tunnel").key("hostnames"),
                    format!("the tunnel `{}` serves no name", tunnel.name),
                    "name at least one, such as `www.keystone.example`",
                ));
            }
            let mesh = cluster.mesh.url.host();
            for (n, host) in tunnel.hostnames.iter().enumerate().filter(|(_, host)| *host == mesh) {
                problems.push(Problem::error(
                    at.clone().key("tunnel").key("hostnames").index(n),
                    format!("`{host}` is where Headscale answers, and a tunnel does not pass its protocol"),
                    "let clients reach Headscale directly",
                ));
            }
        }
        None => {}
    }
}
