//! What `verify` finds, what the lock says, and files as other programs of age write them.

use std::fs;

use serde_json::Value;

use super::{Tree, text};

pub fn verdict(tree: &Tree, arguments: &[&str]) -> (bool, Vec<(String, String)>) {
    let done = tree.command(&[&["verify", "--json"], arguments].concat()).output().unwrap();
    let verdict: Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
    assert_eq!(done.status.success(), verdict["ok"] == true);
    let findings = verdict["findings"].as_array().unwrap().iter().map(|finding| {
        (
            finding["kind"].as_str().unwrap().to_owned(),
            finding["path"].as_str().unwrap_or_default().to_owned(),
        )
    });
    (verdict["ok"] == true, findings.collect())
}

pub fn kinds(tree: &Tree) -> Vec<String> {
    let mut kinds: Vec<String> = verdict(tree, &[]).1.into_iter().map(|(kind, _)| kind).collect();
    kinds.dedup();
    kinds
}

pub fn generation(tree: &Tree, name: &str) -> u64 {
    let lock: Value = serde_json::from_slice(&fs::read(tree.path("secrets/lock.json")).unwrap()).unwrap();
    lock["files"][format!("secrets/{name}.age")]["generation"].as_u64().unwrap()
}

pub fn recipients(tree: &Tree, name: &str) -> Vec<String> {
    let lock: Value = serde_json::from_slice(&fs::read(tree.path("secrets/lock.json")).unwrap()).unwrap();
    let keys = lock["files"][format!("secrets/{name}.age")]["recipients"].as_array().unwrap();
    keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// A file as another program of age writes it.
pub fn age_cli(keys: &[String], text: &str) -> Vec<u8> {
    let keys: Vec<age::x25519::Recipient> = keys.iter().map(|key| key.parse().unwrap()).collect();
    let encryptor =
        age::Encryptor::with_recipients(keys.iter().map(|key| -> &dyn age::Recipient { key })).unwrap();
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
    writer.finish().unwrap();
    sealed
}
