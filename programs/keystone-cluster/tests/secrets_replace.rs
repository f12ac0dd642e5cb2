//! An admin leaves who knows the keys of the intermediates: it is not over before none of them is believed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod tree;

use std::fs;
use std::path::Path;
use std::process::Command;

use tree::verdict::verdict;
use tree::{PROGRAM, Tree, failed, git_is_here, here, identity, text};

/// The tree of a lab, of which nothing runs any more: with everything that its primers issued.
fn issued() -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab");
    for arguments in [&["up"][..], &["down", "--keep"]] {
        let output = Command::new(PROGRAM)
            .arg("lab")
            .args(arguments)
            .arg("--dir")
            .arg(&lab)
            .current_dir(here("."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let tree = Tree::new();
    fs::remove_dir_all(tree.path("secrets")).unwrap();
    fs::remove_dir_all(tree.path("hosts/trust")).unwrap();
    copy(&lab.join("secrets"), &tree.path("secrets"));
    copy(&lab.join("trust"), &tree.path("hosts/trust"));
    tree
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What is found of intermediates, and of the files of their keys.
fn open(tree: &Tree) -> Vec<String> {
    let output = tree.command(&["verify", "--json"]).output().unwrap();
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = verdict["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["kind"] == "not-replaced")
        .map(|finding| {
            format!("{} -> {}", finding["message"].as_str().unwrap(), finding["fix"].as_str().unwrap())
        })
        .collect()
}

fn rotate(tree: &Tree, arguments: &[&str]) {
    let output = Command::new(PROGRAM)
        .args(["rotate-keys", "--type", "intermediate", "--inventory", "hosts/cluster.toml"])
        .args([
            "--secrets",
            "secrets",
            "--trust",
            "hosts/trust",
            "--identity",
            &identity("nodes/control-1.txt"),
        ])
        .args(arguments)
        .current_dir(tree.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn an_intermediate_that_a_leaver_knows_is_asked_for_until_it_is_believed_no_more() {
    if !git_is_here() {
        return;
    }
    let tree = issued();
    tree.good(&["adopt"]);
    tree.commit("what the primers issued");
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));

    let said = failed(&tree.alice(&["revoke", "bob"]).output().unwrap());
    assert!(
        said.contains(
            "open: k8s-ca-key: a quorum of primers signs: keystone-cluster rotate-keys --type intermediate --only \
             kubernetes --overlap-days 0 on a node of the control plane, or keystone-primer generate-credentials on a \
             primer; then keystone-cluster secrets adopt"
        ),
        "{said}"
    );
    let names = ["kubernetes", "etcd", "front-proxy", "node"];
    let issues = |name: &str| {
        format!(
            "an intermediate of {name} issues whose key may be known (bob left): whoever has it makes certificates -> \
             keystone-cluster rotate-keys --type intermediate --only {name} --overlap-days 0 on a node of the control \
             plane, or keystone-primer generate-credentials on a primer, where a quorum approves; then keystone-cluster \
             secrets adopt"
        )
    };
    assert_eq!(open(&tree), names.map(issues));
    tree.commit("bob left");

    rotate(&tree, &["--overlap-days", "0"]);
    tree.good(&["adopt"]);
    let believed = |name: &str| {
        format!(
            "an intermediate of {name} is still believed whose key may be known (bob left): whoever has it makes \
             certificates -> deploy every machine, then keystone-cluster rotate-keys --type intermediate --only {name} \
             --finish; then keystone-cluster secrets adopt"
        )
    };
    assert_eq!(open(&tree), names.map(believed));

    rotate(&tree, &["--only", "etcd", "--finish"]);
    assert_eq!(open(&tree).len(), 3);
    rotate(&tree, &["--finish"]);
    let said = tree.good(&["adopt"]);
    assert!(
        said.contains("the intermediates of kubernetes that were known are believed no more (bob left)"),
        "{said}"
    );
    assert!(open(&tree).is_empty());
    assert!(!fs::read_to_string(tree.path("secrets/lock.json")).unwrap().contains("replace"));
    for _ in 0..2 {
        tree.good(&["rotate", "etcd-encryption", "oidc-signing"]);
    }
    let left: Vec<(String, String)> = verdict(&tree, &["--require-signed"]).1;
    assert!(left.is_empty(), "{left:?}");
}
