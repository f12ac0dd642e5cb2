//! The reference cluster of `hosts/`, through the generator's own interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

use std::path::Path;

use keystone_gen_oidc::policy::Policy;
use keystone_gen_oidc::{Error, Jwks, Oidc, RsaKey};
use keystone_generator::{Artifact, Generator as _, Input, Loaded};

fn reference() -> Loaded {
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    Input { inventory, trust: None }.load().unwrap()
}

fn contents<'a>(artifacts: &'a [Artifact], path: &str) -> &'a str {
    &artifacts.iter().find(|artifact| artifact.path == path).unwrap_or_else(|| panic!("no {path}")).contents
}

#[test]
fn the_reference_cluster_renders_and_verifies() {
    let Loaded { inventory, trust, .. } = reference();
    let artifacts = Oidc.render(&inventory.cluster, &trust).unwrap();
    Oidc.verify(&artifacts).unwrap();
    assert!(artifacts.is_sorted());
    let jwks: Jwks = serde_json::from_str(contents(&artifacts, keystone_gen_oidc::JWKS_FILE)).unwrap();
    let kids =
        trust.service_account_keys.iter().map(|key| RsaKey::from_pem(&key.pem).unwrap().kid().to_owned());
    assert_eq!(jwks.keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>(), kids.collect::<Vec<_>>());
    let operator: Policy =
        serde_json::from_str(contents(&artifacts, "aws/nodepool-operator/permissions.json")).unwrap();
    let make = operator.statement.iter().find(|s| s.sid.as_deref() == Some("MakeGroups")).unwrap();
    let subnets =
        make.condition.values().find_map(|keys| keys.get("autoscaling:VPCZoneIdentifiers")).unwrap();
    assert_eq!(subnets.0, ["false"], "`Null` comes first");
    assert!(
        contents(&artifacts, "aws/nodepool-operator/permissions.json").contains("subnet-0a1b2c3d4e5f60718")
    );
}

#[test]
fn without_pools_nobody_makes_machines() {
    let Loaded { mut inventory, trust, .. } = reference();
    inventory.cluster.pools.clear();
    let artifacts = Oidc.render(&inventory.cluster, &trust).unwrap();
    Oidc.verify(&artifacts).unwrap();
    let folders = ["aws/nodepool-operator/", "aws/node/", "aws/join-service/", "aws/ebs-csi/"];
    assert!(!artifacts.iter().any(|artifact| folders.iter().any(|folder| artifact.path.starts_with(folder))));
    assert!(artifacts.iter().any(|artifact| artifact.path == "aws/backup-writer/permissions.json"));
}

#[test]
fn without_an_account_only_the_issuer_is_rendered() {
    let Loaded { mut inventory, trust, .. } = reference();
    inventory.cluster.identity.aws = None;
    let artifacts = Oidc.render(&inventory.cluster, &trust).unwrap();
    Oidc.verify(&artifacts).unwrap();
    let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(paths, [keystone_gen_oidc::DISCOVERY_FILE, keystone_gen_oidc::JWKS_FILE]);
}

#[test]
fn an_issuer_with_a_port_is_refused() {
    let Loaded { mut inventory, trust, .. } = reference();
    inventory.cluster.identity.issuer = "https://oidc.keystone.example:8443/production".parse().unwrap();
    let error = Oidc.render(&inventory.cluster, &trust).unwrap_err();
    assert!(matches!(error, Error::Issuer(_)));
    assert_eq!(
        error.to_string(),
        "the issuer `https://oidc.keystone.example:8443/production` has a port; serve its documents on 443 and write no port"
    );
}
