//! The inventory, secrets.nix and the files below secrets/ say the same about who can open what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod enrolment;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use enrolment::{here, opened};
use keystone_model::{Cluster, Format, Inventory, secret};
use serde::Deserialize;

fn read(inventory: &Path) -> Cluster {
    Inventory::read(&fs::read(inventory).unwrap(), Format::Toml).unwrap().cluster
}

/// The public half, from the comment of the file.
fn identities() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["nodes", "people"] {
        for entry in fs::read_dir(here("../../checks/fixtures/identities").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "txt") {
                let text = fs::read_to_string(&path).unwrap();
                let public =
                    text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
                found.push((format!("{folder}/{}", path.file_stem().unwrap().to_string_lossy()), public));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_opens_for_exactly_those_whom_the_rules_name() {
    let rules = secret::rules(&read(&here("../../hosts/cluster.toml")));
    let identities = identities();
    assert_eq!(identities.len(), 19);
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(here("../../secrets")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "age") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let rule = rules.get(&name).unwrap_or_else(|| panic!("no rule names secrets/{name}.age"));
        let bytes = fs::read(&path).unwrap();
        for (identity, public) in &identities {
            assert_eq!(
                opened(&bytes, identity).is_some(),
                rule.contains(public),
                "secrets/{name}.age and {identity}"
            );
        }
        files.insert(name);
    }
    for secret in secret::secrets(&read(&here("../../hosts/cluster.toml"))) {
        assert!(files.contains(secret.name), "secrets/{}.age is missing", secret.name);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    public_keys: Vec<String>,
}

fn evaluated(expression: &str) -> BTreeMap<String, Vec<String>> {
    let done = Command::new("nix-instantiate")
        .args(["--json", "--eval", "--strict", "--expr", expression])
        .output()
        .expect("nix-instantiate runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let rules: BTreeMap<String, Rule> = serde_json::from_slice(&done.stdout).unwrap();
    let plain = |path: &str| path.strip_prefix("secrets/").unwrap().strip_suffix(".age").unwrap().to_owned();
    rules.into_iter().map(|(path, rule)| (plain(&path), rule.public_keys)).collect()
}

#[test]
#[ignore = "needs nix-instantiate; checks/conformance/agenix/run runs it"]
fn secrets_nix_names_the_same_keys() {
    let root = fs::canonicalize(here("../..")).unwrap();
    let expected = secret::rules(&read(&root.join("hosts/cluster.toml")));
    assert_eq!(evaluated(&format!("import {}/secrets.nix", root.display())), expected);
}

/// An admin who has SSH keys only, one of a kind that age cannot encrypt to; a person who is no admin; a host with two
/// roles; two admins in another order than their names.
#[test]
#[ignore = "needs nix-instantiate; checks/conformance/agenix/run runs it"]
fn secrets_nix_names_the_same_keys_in_the_corners() {
    let root = fs::canonicalize(here("../..")).unwrap();
    let text = fs::read_to_string(root.join("hosts/cluster.toml")).unwrap();
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGDFw0lr8oQXOtNHJ6jVYmqA\
                 QDyBq0MJrjgVTVOzJCDLYqsZbCdmmnSRaP3Fv4TqDRCQvOiiQ6Jfo9x0aaRFxMA=";
    let changes = [
        ("ageKeys = [\"age13qpj94yahw8du26408qjll6kj7fuls7rw8aeumlldxhv68ypndhsmdaa8z\"]\nsshKeys = [", {
            format!("sshKeys = [\"{ecdsa}\", ")
        }),
        (
            "roles = [\"worker\"]\nageKey",
            "roles = [\"control-plane\", \"worker\"]\nendpoint = \"203.0.113.77\"\nageKey".to_owned(),
        ),
        // An odd number of members of etcd stays odd.
        ("roles = [\"control-plane\"]\nendpoint = \"203.0.113.16\"", "roles = [\"worker\"]".to_owned()),
    ];
    let mut other = text;
    for (from, to) in &changes {
        assert!(other.contains(from), "{from}");
        other = other.replacen(from, to, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("cluster.toml");
    fs::write(&inventory, other).unwrap();
    let expected = secret::rules(&read(&inventory));
    let bob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPUPbU8mXgBQf94tN0NToy115zr9cuFAzr5BSoQuBcDe";
    // A person's own file is nobody else's.
    // Neither is an intermediate that was signed in advance.
    let shared =
        expected.iter().filter(|(name, _)| !name.starts_with("person-") && !name.ends_with("-successors"));
    assert!(shared.clone().all(|(_, keys)| keys.last().is_some_and(|key| key == bob)), "{expected:?}");
    let expression = format!(
        "import {}/lib/secret-rules.nix {{ cluster = builtins.fromTOML (builtins.readFile {}); }}",
        root.display(),
        inventory.display()
    );
    assert_eq!(evaluated(&expression), expected);
}

/// Keys of intermediates for the control plane and a quorum: no admin, no primer alone.
#[test]
#[ignore = "needs nix-instantiate; checks/conformance/agenix/run runs it"]
fn secrets_nix_keeps_admins_from_intermediates_where_the_inventory_says_so() {
    let root = fs::canonicalize(here("../..")).unwrap();
    let text = fs::read_to_string(root.join("hosts/cluster.toml")).unwrap();
    let quorum = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    let closed = text.replacen(
        "quorumSize = 2",
        &format!("quorumSize = 2\ncaRecipients = \"control-plane+quorum\"\nquorumRecipient = \"{quorum}\""),
        1,
    );
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("cluster.toml");
    fs::write(&inventory, closed).unwrap();
    let expected = secret::rules(&read(&inventory));
    for name in ["k8s-ca-key", "etcd-ca-key", "front-proxy-ca-key", "node-ca-key"] {
        assert_eq!(expected[name].len(), 4, "{name}");
        assert_eq!(expected[name].last().map(String::as_str), Some(quorum));
        assert_eq!(expected[name][..3], expected["k8s-ca-successors"][..]);
    }
    let expression = format!(
        "import {}/lib/secret-rules.nix {{ cluster = builtins.fromTOML (builtins.readFile {}); }}",
        root.display(),
        inventory.display()
    );
    assert_eq!(evaluated(&expression), expected);
}
