//! Authorities: their names, path lengths, lives and constraints.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keystone_model::validate::mesh::relay_domain;
use keystone_model::{Authority, Cidr, Cluster};

use crate::certificate::{Constraints, Range, Subject};

/// Days that a root is valid: 20 years.
pub const ROOT_DAYS: u32 = 7305;
/// Days that an intermediate is valid: two years. A successor that is signed in advance is valid this much longer for
/// each one before it.
pub const INTERMEDIATE_DAYS: u32 = 730;
/// Days that one root vouches for another one: five years, much longer than anything takes to change over.
pub const CROSS_DAYS: u32 = 1826;
/// Authorities between a root and a leaf: one cross-certificate and one intermediate. With 1, Go and OpenSSL refuse the
/// way from the old root over the new one (measured).
pub const ROOT_PATH_LENGTH: u8 = 2;
/// Authorities below an intermediate.
pub const INTERMEDIATE_PATH_LENGTH: u8 = 0;
/// Most successors of an intermediate that are signed in advance.
pub const MAX_SUCCESSORS: u8 = 7;

/// The authorities below the root.
pub const INTERMEDIATES: [Authority; 4] =
    [Authority::Kubernetes, Authority::Etcd, Authority::FrontProxy, Authority::Node];

/// The name of a root: a new one with each generation, so that nobody takes one for the other.
#[must_use]
pub fn root_subject(cluster: &Cluster, generation: u32) -> Subject {
    Subject::named(format!("{} Root G{generation}", shortened(cluster)))
}

/// The name of an intermediate.
#[must_use]
pub fn intermediate_subject(cluster: &Cluster, authority: Authority, generation: u32) -> Subject {
    Subject::named(format!("{} {} G{generation}", shortened(cluster), authority.as_str()))
}

/// A common name has at most 64 characters, and a cluster's name may have 63.
fn shortened(cluster: &Cluster) -> &str {
    let name = cluster.cluster.name.as_str();
    name.get(..40).unwrap_or(name)
}

/// Which intermediate bears that name, of any cluster and generation.
#[must_use]
pub fn intermediate_authority(subject: &Subject) -> Option<Authority> {
    let mut words = subject.common_name.rsplit(' ');
    let generation = words.next()?.strip_prefix('G')?;
    let name = words.next()?;
    generation.parse::<u32>().ok()?;
    INTERMEDIATES.into_iter().find(|authority| authority.as_str() == name)
}

/// What may stand in certificates below an authority.
///
/// Kubernetes needs bare names of hosts and whatever webhooks are called, so its intermediate cannot be told what is
/// permitted, only what is not: the public names that the node intermediate vouches for. An API server must not be able to
/// pass for the coordinator of the mesh.
#[must_use]
pub fn constraints(cluster: &Cluster, authority: Authority) -> Constraints {
    let mesh = cluster.mesh.base_domain.to_string();
    let public = [cluster.mesh.url.host().to_string(), relay_domain(cluster).to_string()];
    let loopback = [
        Range { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 32 },
        Range { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ];
    let range = |cidr: &Cidr| Range { address: cidr.net().addr(), prefix: cidr.net().prefix_len() };
    let none = BTreeSet::new;
    match authority {
        Authority::Root => Constraints::default(),
        Authority::Kubernetes => Constraints {
            permitted_dns: none(),
            permitted_ip: loopback
                .into_iter()
                .chain([&cluster.kubernetes.service_cidr, &cluster.kubernetes.pod_cidr].map(range))
                .chain([&cluster.mesh.prefixes.v4, &cluster.mesh.prefixes.v6].map(range))
                .collect(),
            // A zone that holds the mesh's own would take its names too.
            excluded_dns: public
                .into_iter()
                .filter(|zone| !cluster.mesh.base_domain.is_within(zone))
                .collect(),
        },
        Authority::Etcd => Constraints {
            permitted_dns: [mesh, "localhost".to_owned()].into(),
            permitted_ip: loopback.into(),
            excluded_dns: none(),
        },
        Authority::FrontProxy => {
            Constraints { permitted_dns: [mesh].into(), permitted_ip: loopback.into(), excluded_dns: none() }
        }
        Authority::Node => Constraints {
            permitted_dns: public.into_iter().chain([mesh]).collect(),
            permitted_ip: loopback.into(),
            excluded_dns: none(),
        },
    }
}
