//! Every folder of `tests/trust` is a change to the trust folder of the reference cluster, with what is said about it.
//!
//! `change.toml` names files to remove and files to write; `expected.txt` holds one line per mistake.
//! `UPDATE_GOLDEN=1` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keystone_model::{Authority, Cluster, Format, Inventory, KeyState, Trust, recipients_file};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What is wrong, for the reader.
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    remove: Vec<String>,
    /// Files to write: by path, their text. `@other/file` stands for the text of that file, and
    /// `@/file` for that of a throw-away key under `checks/fixtures/identities`.
    #[serde(default)]
    write: BTreeMap<String, String>,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn cluster() -> Cluster {
    Inventory::read(&fs::read(here("../../hosts/cluster.toml")).unwrap(), Format::Toml).unwrap().cluster
}

fn reference() -> BTreeMap<String, String> {
    let root = here("../../hosts/trust");
    let mut files = BTreeMap::new();
    for folder in ["", "service-account"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

fn changed(folder: &Path) -> BTreeMap<String, String> {
    let change: Change = toml::from_str(&fs::read_to_string(folder.join("change.toml")).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let before = reference();
    let mut files = before.clone();
    for file in &change.remove {
        assert!(files.remove(file).is_some(), "{}: there is no `{file}`", folder.display());
    }
    for (file, text) in change.write {
        let text = match text.strip_prefix('@') {
            // A throw-away key of the repository; no other lies outside that folder.
            Some(key) if key.starts_with('/') => {
                fs::read_to_string(here("../../checks/fixtures/identities").join(&key[1..])).unwrap()
            }
            Some(other) => other.split('+').map(|file| before[file].as_str()).collect(),
            None => text,
        };
        files.insert(file, text);
    }
    files
}

#[test]
fn the_reference_folder_is_right() {
    let trust = Trust::from_files(&reference(), &cluster()).unwrap();
    assert_eq!(trust.authorities.keys().copied().collect::<Vec<_>>(), Authority::ALL);
    let states: Vec<KeyState> = trust.service_account_keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Signing, KeyState::Published]);
}

#[test]
fn every_bad_folder_is_answered_with_exactly_this() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cluster = cluster();
    let mut cases: Vec<PathBuf> =
        fs::read_dir(here("tests/trust")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 12, "only {} cases were found", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let errors = Trust::from_files(&changed(case), &cluster)
            .expect_err(&format!("{} is accepted", case.display()));
        let mut found = String::new();
        for error in errors {
            writeln!(found, "{error}").unwrap();
        }
        assert!(!found.contains("c2Vjc"), "{} repeats a private key:\n{found}", case.display());
        assert!(!found.contains("GFPYY"), "{} repeats a private key:\n{found}", case.display());
        let expected_file = case.join("expected.txt");
        if update {
            fs::write(&expected_file, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            writeln!(wrong, "{}\nexpected\n{expected}found\n{found}", case.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE_GOLDEN=1 writes these answers down");
}

/// `age -R` reads the file: comments, and one recipient a line.
#[test]
fn the_list_of_recipients_names_everyone_once() {
    let cluster = cluster();
    let text = recipients_file(&cluster);
    let recipients: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for node in cluster.nodes.values() {
        assert_eq!(recipients.iter().filter(|line| **line == node.age_key.as_str()).count(), 1);
    }
    for person in cluster.people.values() {
        let keys = person.age_keys.iter().map(keystone_model::AgeRecipient::as_str);
        for key in keys.chain(person.ssh_keys.iter().map(keystone_model::SshPublicKey::as_str)) {
            assert_eq!(recipients.iter().filter(|line| **line == key).count(), 1, "{key}");
        }
    }
    let parses = |line: &str| {
        line.parse::<age::x25519::Recipient>().is_ok() || line.parse::<age::ssh::Recipient>().is_ok()
    };
    assert!(recipients.iter().all(|line| parses(line)));
}
