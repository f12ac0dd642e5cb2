//! The secrets of the reference cluster are those of which their signed lock tells, and nobody changes a byte unseen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::fs;
use std::process::Command;

use serde_json::Value;
use tree::{Tree, here, text};

/// Whether all is well, and the kinds of what was found, each with its file.
fn verdict(tree: &Tree) -> (bool, Vec<String>) {
    let done = tree.command(&["verify", "--require-signed", "--json"]).output().unwrap();
    let verdict: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done.status.success(), verdict["ok"] == true);
    let findings = verdict["findings"].as_array().into_iter().flatten().map(|finding| {
        format!("{} {}", finding["kind"].as_str().unwrap(), finding["path"].as_str().unwrap_or_default())
    });
    // Where even reading fails, there is an error and no finding.
    let errors = verdict["errors"].as_array().into_iter().flatten().map(|error| error["message"].to_string());
    (verdict["ok"] == true, findings.chain(errors).collect())
}

fn red(tree: &Tree, at: &str, expected: &[&str]) {
    let (ok, found) = verdict(tree);
    assert!(!ok, "{at}: it is green");
    let fits = |found: &String| expected.iter().any(|expected| found.contains(expected));
    assert!(found.iter().any(fits), "{at}: {found:?}");
}

/// With the history that is here, and without it, as Nix sees it.
#[test]
fn they_are_as_their_lock_says() {
    let tree = Tree::reference();
    assert_eq!(verdict(&tree), (true, Vec::new()));
    let said = text(&tree.command(&["verify", "--require-signed"]).output().unwrap().stdout);
    assert!(said.contains("signed by alice by this tree's own inventory, as it has no history"), "{said}");
    let root = here("").display().to_string();
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(["-C", &root]).args(arguments).output();
        done.map(|done| text(&done.stdout).trim().to_owned()).unwrap_or_default()
    };
    if git(&["rev-parse", "--show-toplevel"]) != root
        || git(&["rev-parse", "--is-shallow-repository"]) == "true"
    {
        eprintln!("skipped: the history that says who may sign is not here");
        return;
    }
    let done = tree.command(&["verify", "--require-signed", "--root", &root]).output().unwrap();
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
}

#[test]
fn a_byte_of_a_secret_is_seen() {
    let tree = Tree::reference();
    let files = tree.files();
    assert!(files.len() >= 9, "{:?}", files.keys());
    for (name, bytes) in files.iter().filter(|(name, _)| name.contains(".age")) {
        let path = tree.path(&format!("secrets/{name}"));
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            red(&tree, &format!("byte {at} of {name}"), &[&format!("changed-outside secrets/{name}")]);
        }
        fs::remove_file(&path).unwrap();
        red(&tree, name, &[&format!("missing secrets/{name}")]);
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(verdict(&tree), (true, Vec::new()));
}

#[test]
fn a_byte_of_the_lock_or_its_signature_is_seen() {
    let tree = Tree::reference();
    for name in ["lock.json", "lock.json.sig"] {
        let path = tree.path(&format!("secrets/{name}"));
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 40) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            red(&tree, &format!("byte {at} of {name}"), &["distrusted", "secrets/lock.json cannot be read"]);
        }
        fs::remove_file(&path).unwrap();
        red(&tree, name, &["no-lock", "unauthenticated"]);
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(verdict(&tree), (true, Vec::new()));
}

#[test]
fn another_recipient_is_seen() {
    let lock: Value = serde_json::from_slice(&fs::read(here("secrets/lock.json")).unwrap()).unwrap();
    let entries = lock["files"].as_object().unwrap();
    let mut keys: Vec<&str> = entries
        .values()
        .flat_map(|entry| entry["recipients"].as_array().unwrap())
        .map(|key| key.as_str().unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() >= 8, "{keys:?}");
    let other = age::x25519::Identity::generate().to_public().to_string();
    for key in keys {
        let tree = Tree::reference();
        tree.replace("hosts/cluster.toml", key, &other);
        red(&tree, key, &["stale"]);
    }
    // Who signed it is no admin any more.
    let tree = Tree::reference();
    tree.replace(
        "hosts/cluster.toml",
        "email = \"alice@keystone.example\"\nadmin = true",
        "email = \"alice@keystone.example\"",
    );
    red(&tree, "alice", &["distrusted"]);
}
