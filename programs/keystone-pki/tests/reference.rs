//! `docs/reference/certificates.md` is what the tables say.
//!
//! `UPDATE_GOLDEN=1 cargo test -p keystone-pki --test reference` writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::chains::cluster;
use keystone_model::Authority;
use keystone_pki::certificate::{AltName, Subject, Usage};
use keystone_pki::profile::{
    CONSUMERS, Identity, PROFILES, constraints, identities, intermediate_authority, intermediate_subject,
    reference, root_subject,
};

#[test]
fn the_page_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/certificates.md");
    let page = reference(&cluster());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "docs/reference/certificates.md is stale; run: UPDATE_GOLDEN=1 cargo test -p keystone-pki --test reference"
    );
}

#[test]
fn names_of_profiles_are_sorted_and_unique() {
    let names: Vec<_> = PROFILES.iter().map(|p| p.name).collect();
    let sorted: BTreeSet<_> = names.iter().copied().collect();
    assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
}

#[test]
fn whoever_believes_clients_believes_one_intermediate_and_never_the_root() {
    for consumer in CONSUMERS.iter().filter(|c| c.clients) {
        assert_ne!(consumer.bundle, Authority::Root, "{} {}", consumer.consumer, consumer.setting);
    }
    // The groups and users that rule come from the kubernetes intermediate alone.
    for profile in PROFILES.iter().filter(|p| p.organisation.is_some()) {
        assert_eq!(profile.authority, Authority::Kubernetes, "{}", profile.name);
    }
}

fn identity(profile: &str, holder: &str) -> Identity {
    Identity::new(&cluster(), profile, holder).unwrap()
}

fn names(identity: &Identity) -> Vec<String> {
    identity.alt_names().iter().map(ToString::to_string).collect()
}

#[test]
fn the_leaves_that_modules_expect_are_there() {
    let kubelet = identity("kubelet", "worker-1");
    assert_eq!(kubelet.subject().to_string(), "O=system:nodes, CN=system:node:worker-1");
    assert_eq!(names(&kubelet), ["DNS:worker-1", "DNS:worker-1.keystone.internal"]);
    assert_eq!(
        names(&identity("apiserver", "control-1")),
        [
            "DNS:control-1.keystone.internal",
            "DNS:kubernetes",
            "DNS:kubernetes.default",
            "DNS:kubernetes.default.svc",
            "DNS:kubernetes.default.svc.cluster.local",
            "DNS:kubernetes.keystone.internal",
            "DNS:localhost",
            "IP:10.96.0.1",
            "IP:127.0.0.1",
        ]
    );
    assert_eq!(names(&identity("mesh", "primer-1")), ["DNS:mesh.keystone.example"]);
    assert_eq!(names(&identity("relay", "control-2")), ["DNS:control-2.relay.keystone.example"]);
    let break_glass = identity("break-glass", "alice");
    assert_eq!(break_glass.subject().to_string(), "O=system:masters, CN=break-glass:alice");
    assert_eq!(break_glass.alt_names(), &[AltName::Email("alice@keystone.example".to_owned())].into());
    assert!(Identity::new(&cluster(), "break-glass", "carol").is_err(), "carol is no administrator");

    let mut leaves: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for identity in identities(&cluster()) {
        leaves.entry(identity.holder().to_string()).or_default().push(identity.profile().name);
    }
    assert_eq!(
        leaves["control-1"],
        [
            "apiserver",
            "apiserver-etcd",
            "apiserver-kubelet",
            "bootstrap",
            "controller-manager",
            "etcd",
            "flannel",
            "front-proxy",
            "kube-proxy",
            "kubelet",
            "mesh",
            "node",
            "relay",
            "scheduler"
        ]
    );
    assert_eq!(leaves["worker-1"], ["flannel", "kube-proxy", "kubelet", "node"]);
    assert_eq!(leaves["backup-1"], ["node"]);
    assert_eq!(leaves["carol"], ["person"]);
}

#[test]
fn names_of_authorities_say_which_they_are() {
    let cluster = cluster();
    assert_eq!(root_subject(&cluster, 2).to_string(), "CN=production Root G2");
    let subject = intermediate_subject(&cluster, Authority::FrontProxy, 3);
    assert_eq!(subject.to_string(), "CN=production front-proxy G3");
    assert_eq!(intermediate_authority(&subject), Some(Authority::FrontProxy));
    assert_eq!(intermediate_authority(&root_subject(&cluster, 1)), None);
    assert_eq!(intermediate_authority(&Subject::named("node G")), None);
}

#[test]
fn a_public_zone_above_the_mesh_does_not_take_the_mesh_away() {
    let mut cluster = cluster();
    cluster.mesh.relay.domain = Some("internal".parse().unwrap());
    let excluded = constraints(&cluster, Authority::Kubernetes).excluded_dns;
    assert_eq!(excluded, ["mesh.keystone.example".to_owned()].into());
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// What services and kubeconfigs ask for by name is in the table.
#[test]
fn every_leaf_that_the_repository_names_has_a_profile() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut files = Vec::new();
    files_below(&repository.join("modules"), &mut files);
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "nix")) {
        let text = std::fs::read_to_string(file).unwrap();
        for list in text.split("leaves = [").skip(1) {
            let list = list.split(']').next().unwrap();
            named.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    // A build by Nix has this folder only in part (lib/package.nix).
    let whole = repository.join("modules/control-plane").is_dir();
    assert!(!whole || named.len() >= 8, "{named:?}");
    let mut kubeconfigs = Vec::new();
    files_below(&repository.join("checks/golden/kubernetes/components"), &mut kubeconfigs);
    for file in kubeconfigs {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let profile = PROFILES.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no profile {name}"));
        assert_eq!(profile.authority, Authority::Kubernetes, "{name}");
        assert!(profile.usages.contains(&Usage::Client), "{name}");
    }
    for name in named {
        assert!(PROFILES.iter().any(|profile| profile.name == name), "no profile is named {name}");
    }
}
