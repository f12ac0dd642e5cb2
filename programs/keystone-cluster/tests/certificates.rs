//! A node's certificates get from its secret to their places.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

#[path = "../../keystone-pki/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use common::chains::{NOW, Root, all, cluster, root, root_at};

type Document = BTreeMap<String, String>;

/// What `keystone-primer generate-credentials` encrypts for worker-1.
fn document(root: &Root, seed: u64) -> Document {
    let mut document = Document::new();
    let everybody = all(&cluster());
    let own = everybody.iter().filter(|identity| identity.holder().to_string() == "worker-1");
    for (n, identity) in own.enumerate() {
        let (leaf, key) = root.leaf(identity, seed * 1000 + n as u64);
        let name = identity.profile().name;
        let issuer = root.intermediates[&identity.profile().authority].certificate();
        document.insert(format!("{name}.crt"), leaf.pem() + &issuer.pem());
        document.insert(format!("{name}.key"), key.to_pem().as_str().to_owned());
    }
    document
}

fn install(from: &Path, to: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
        .args(["certificates", "install", "--json", "--from"])
        .arg(from)
        .arg("--to")
        .arg(to)
        .output()
        .unwrap()
}

struct Node {
    folder: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn try_install(&self, document: &Document) -> serde_json::Value {
        let from = self.folder.path().join("pki");
        fs::write(&from, serde_json::to_string_pretty(document).unwrap()).unwrap();
        let output = install(&from, &self.folder.path().join("to"));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn install(&self, document: &Document) -> BTreeMap<String, String> {
        serde_json::from_value(self.try_install(document)["leaves"].clone()).unwrap()
    }

    fn refused(&self, document: &Document) -> String {
        let said = self.try_install(document);
        assert_eq!(said["ok"], false, "{said}");
        said["errors"][0]["message"].as_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join("to").join(name)).unwrap()
    }
}

#[test]
fn everything_gets_to_its_place_for_root_alone_and_once() {
    let node = Node::new();
    let first = document(&root(&cluster(), 1), 1);
    let done = node.install(&first);
    assert_eq!(done.keys().collect::<Vec<_>>(), ["flannel", "kube-proxy", "kubelet", "node"]);
    assert!(done.values().all(|fate| fate == "written"), "{done:?}");
    for (name, text) in &first {
        assert_eq!(node.file(name), *text);
        let mode = fs::metadata(node.folder.path().join("to").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mode = fs::metadata(node.folder.path().join("to")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(node.install(&first).values().all(|fate| fate == "there"));
    assert_eq!(fs::read_dir(node.folder.path().join("to")).unwrap().count(), first.len());
}

#[test]
fn what_was_renewed_here_stays_and_what_is_newer_replaces() {
    let node = Node::new();
    let old = document(&root(&cluster(), 1), 1);
    let new = document(&root_at(&cluster(), 2, NOW.plus_days(30)), 2);
    node.install(&new);
    assert!(node.install(&old).values().all(|fate| fate == "younger here"));
    assert_eq!(node.file("node.key"), new["node.key"]);
    let node = Node::new();
    node.install(&old);
    assert!(node.install(&new).values().all(|fate| fate == "written"));
    assert_eq!(node.file("node.crt"), new["node.crt"]);
}

#[test]
fn what_an_end_in_between_left_is_repaired() {
    let node = Node::new();
    let (old, new) = (document(&root(&cluster(), 1), 1), document(&root(&cluster(), 1), 2));
    node.install(&old);
    // The key of a younger pair, whose certificate was not written any more.
    fs::write(node.folder.path().join("to/node.key"), &new["node.key"]).unwrap();
    fs::write(node.folder.path().join("to/.kubelet.crt.unfinished"), "half").unwrap();
    let done = node.install(&old);
    assert_eq!((done["node"].as_str(), done["kubelet"].as_str()), ("written", "there"));
    assert_eq!(node.file("node.key"), old["node.key"]);
}

#[test]
fn what_is_not_whole_or_not_its_own_is_refused_and_nothing_is_written() {
    let good = document(&root(&cluster(), 1), 1);
    let with = |change: &dyn Fn(&mut Document)| {
        let mut document = good.clone();
        change(&mut document);
        let node = Node::new();
        let said = node.refused(&document);
        assert!(!node.folder.path().join("to").exists(), "{said}");
        for (name, text) in document.iter().filter(|(name, _)| name.ends_with("key")) {
            assert!(text.lines().nth(1).is_none_or(|line| !said.contains(line)), "{name} is in {said}");
        }
        said
    };
    let said = with(&|document| drop(document.remove("node.key")));
    assert!(said.starts_with("`node` has a certificate and no key"), "{said}");
    let said = with(&|document| drop(document.remove("node.crt")));
    assert!(said.starts_with("`node` has a key and no certificate"), "{said}");
    let said = with(&|document| drop(document.insert("../up.crt".to_owned(), String::new())));
    assert!(said.starts_with("`../up.crt` is no name of a certificate or key"), "{said}");
    let said = with(&|document| drop(document.insert("node.key".to_owned(), good["kubelet.key"].clone())));
    assert!(said.contains("the key of `node` cannot be used: the private key does not belong to"), "{said}");
    let said = with(&|document| drop(document.insert("node.key".to_owned(), "garbage".to_owned())));
    assert!(said.contains("it is not PKCS #8 in PEM of a P-256 key"), "{said}");
    let other = document(&root(&cluster(), 2), 9);
    let mixed = good["node.crt"].split_inclusive("-----END CERTIFICATE-----\n").next().unwrap().to_owned()
        + other["node.crt"].split_inclusive("-----END CERTIFICATE-----\n").nth(1).unwrap();
    let said = with(&|document| drop(document.insert("node.crt".to_owned(), mixed.clone())));
    assert!(said.contains("the chain of `node` cannot be used: the signature of"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("pki");
    fs::write(&from, "{\"node.key\": \"SECRET").unwrap();
    let output = install(&from, &folder.path().join("to"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("is no document of certificates, at line 1, column") && !said.contains("SECRET"),
        "{said}"
    );
}
