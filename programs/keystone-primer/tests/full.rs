//! The file system of a state folder is full: it says so, nothing is half done, and with room again everything works.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{LAB, Three, request};
use serde_json::json;

/// A small file system, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Path) -> Option<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"])
            .arg(place)
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then(|| Self(place.to_owned()))
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        let error = loop {
            if let Err(error) = file.write_all(&[1; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.file_name() != "ballast" {
                found.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_full_disk_is_refused_leaves_nothing_half_done_and_is_over_with_room() {
    let mut three = Three::ready(LAB);
    three.kill(2);
    let (keys, was) = (three.path(2, "keys"), three.path(2, "keys-was"));
    fs::rename(&keys, &was).unwrap();
    fs::create_dir(&keys).unwrap();
    let Some(small) = Small::mount(&keys) else {
        eprintln!("skipped: only who may mount a file system can fill one");
        return;
    };
    assert!(Command::new("cp").arg("-a").arg(was.join(".")).arg(&keys).status().unwrap().success());
    three.run(2);
    three.say(2, &["status"], "");
    let csr = three.path(2, "worker-1.csr");
    request(&csr);
    let csr = csr.to_str().unwrap();
    let out = three.path(2, "worker-1.crt");

    small.fill();
    let before = files(&keys);
    let entries = three.json(1, &["status"])["record"]["entries"].clone();
    for arguments in [&["protector", "add", "paper"][..], &["sign-certificate", "--csr", csr], &["test-wake"]]
    {
        let error = three.refused(2, arguments);
        assert!(error.contains("No space left on device"), "{arguments:?}: {error}");
    }
    assert!(!out.exists());
    assert_eq!(three.json(1, &["status"])["record"]["entries"], entries, "nobody signed anything for it");
    // Two others go on without it.
    let other = three.path(1, "other.crt");
    three.say(1, &["sign-certificate", "--csr", csr, "--out", other.to_str().unwrap()], "");
    // What it knows is what it has on disk.
    assert!(files(&keys) == before, "nothing was written");
    assert_eq!(three.json(2, &["protector", "list"])["slots"].as_array().unwrap().len(), 1);

    small.empty();
    three.say(2, &["sign-certificate", "--csr", csr], "");
    assert!(out.exists());
    three.say(2, &["protector", "add", "paper"], "");
    three.say(2, &["test-wake"], "");
    // And after a restart too.
    three.kill(2);
    three.run(2);
    assert_eq!(three.json(2, &["protector", "list"])["slots"].as_array().unwrap().len(), 2);
    let status = three.json(2, &["status", "--verify"]);
    assert_eq!((&status["healthy"], &status["replay"]["bad"]), (&json!(3), &json!([])), "{status}");
    three.kill(2);
}
