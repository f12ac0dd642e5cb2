//! Sets of machines that come and go.

use keystone_model::{Cluster, Name, Provider, System, VolumeType};
use serde::Serialize;

/// Hosts that are named; the others are counted.
const MOST_HOSTS: usize = 12;

/// A pool.
#[derive(Debug, Serialize)]
pub(super) struct Pool {
    name: String,
    provider: &'static str,
    role: &'static str,
    least: u32,
    most: u32,
    /// Region, or hosts.
    place: String,
    instances: Vec<String>,
    hosts: Vec<String>,
    more_hosts: usize,
    /// Disk, platform, spot.
    traits: Vec<String>,
    labels: Vec<String>,
    taints: Vec<String>,
}

/// Every pool, by name.
pub(super) fn of(cluster: &Cluster) -> Vec<Pool> {
    let pool = |(name, pool): (&Name, &keystone_model::Pool)| {
        let provider = match pool.provider {
            Provider::Aws => "AWS",
            Provider::BareMetal => "bare metal",
        };
        let mut traits = vec![
            match pool.system {
                System::X86_64Linux => "x86_64",
                System::Aarch64Linux => "aarch64",
            }
            .to_owned(),
        ];
        if pool.provider == Provider::Aws {
            let kind = match pool.root_volume.kind {
                VolumeType::Gp3 => "gp3",
                VolumeType::Io2 => "io2",
            };
            traits.push(format!("{} {kind}", pool.root_volume.size));
        }
        if pool.spot {
            traits.push("spot".to_owned());
        }
        Pool {
            name: name.to_string(),
            provider,
            role: pool.provider.role().as_str(),
            least: pool.min,
            most: pool.max,
            place: pool.region.as_ref().map(ToString::to_string).unwrap_or_default(),
            instances: pool.instance_types.clone(),
            hosts: pool.hosts.keys().take(MOST_HOSTS).map(ToString::to_string).collect(),
            more_hosts: pool.hosts.len().saturating_sub(MOST_HOSTS),
            traits,
            labels: pool.labels.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            taints: pool
                .taints
                .iter()
                .map(|taint| {
                    let value =
                        if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
                    format!("{}{value}:{}", taint.key, taint.effect.as_str())
                })
                .collect(),
        }
    };
    cluster.pools.iter().map(pool).collect()
}
