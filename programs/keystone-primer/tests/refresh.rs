//! All primers get new shares of the same keys, whoever is killed meanwhile; an old share makes nothing with new ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use common::proxy::{Fault, proxied};
use common::{LAB, PROGRAM, Three, encrypt, request};
use serde_json::{Value, json};

const KEYS: [&str; 2] = ["root-G1", "backup-G1"];

fn keys(three: &Three, n: usize) -> Value {
    three.json(n, &["status"])["keys"].clone()
}

fn csr(three: &Three) -> String {
    let csr = three.path(1, "worker-1.csr");
    if !csr.exists() {
        request(&csr);
    }
    csr.to_str().unwrap().to_owned()
}

/// Whether a quorum of two signs and opens, asked on one of them.
fn works(three: &Three, n: usize) {
    let csr = csr(three);
    let out = three.path(n, "worker-1.crt").display().to_string();
    three.say(n, &["sign-certificate", "--csr", &csr, "--out", &out], "");
    let input = three.folder.path().join("backup.enc").display().to_string();
    let output = three.path(n, "opened");
    let _ = fs::remove_file(&output);
    three.say(n, &["decrypt-backup", "--input", &input, "--output", output.to_str().unwrap()], "");
    assert_eq!(fs::read_to_string(output).unwrap(), "the whole cluster");
}

/// Each pair of primers signs and opens, asked on either.
fn each_pair_works(three: &mut Three) {
    for off in 1..=3 {
        three.kill(off);
        for n in (1..=3).filter(|n| *n != off) {
            works(three, n);
        }
        three.run(off);
    }
}

fn backup(three: &Three) -> String {
    let recipient = fs::read_to_string(three.path(1, "backup.txt")).unwrap();
    encrypt(&recipient, "the whole cluster", &three.folder.path().join("backup.enc"));
    recipient
}

/// Files of shares in a state folder.
fn files(three: &Three, n: usize) -> Vec<String> {
    let entries = fs::read_dir(three.path(n, "keys/groups")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn group(three: &Three, n: usize, key: &str) -> Value {
    let text = fs::read_to_string(three.path(n, &format!("keys/groups/{key}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All use shares of one refresh, and nothing is left beside them.
fn settled(three: &Three, what: &str) {
    let first = keys(three, 1);
    for n in 1..=3 {
        assert_eq!(keys(three, n), first, "{what}: primer-{n}");
        assert_eq!(files(three, n), ["backup-G1.json", "root-G1.json"], "{what}: primer-{n}");
    }
    let replay = &three.json(1, &["status", "--verify"])["replay"];
    assert_eq!(replay["bad"], json!([]), "{what}");
}

#[test]
fn after_a_refresh_each_pair_signs_and_opens_and_an_old_share_makes_nothing_with_a_new_one() {
    let mut three = Three::ready(LAB);
    let recipient = backup(&three);
    let before = keys(&three, 1);
    let root = fs::read(three.path(1, "keys/certificates/root-G1.crt")).unwrap();
    let old: Vec<(String, String)> = (1..=3)
        .flat_map(|n| KEYS.map(|key| (n, key)))
        .map(|(n, key)| {
            let path = three.path(n, &format!("keys/groups/{key}.json"));
            (path.display().to_string(), fs::read_to_string(path).unwrap())
        })
        .collect();

    let said = three.say(2, &["refresh"], "");
    for part in [
        "new shares of backup-G1, root-G1 are in use; the keys are the same",
        "every primer destroyed its old shares",
        "this is no revocation: whoever has 2 old shares has the key",
    ] {
        assert!(said.contains(part), "{said}");
    }
    settled(&three, "after");
    for n in 1..=3 {
        three.say(n, &["test-wake"], "");
    }
    for key in KEYS {
        assert_ne!(keys(&three, 1)[key], before[key], "{key}");
    }
    for (path, text) in &old {
        let share = serde_json::from_str::<Value>(text).unwrap()["share"].as_str().unwrap().to_owned();
        assert!(!fs::read_to_string(path).unwrap().contains(&share), "{path} holds the old share");
    }
    assert_eq!(fs::read(three.path(1, "keys/certificates/root-G1.crt")).unwrap(), root);
    assert_eq!(fs::read_to_string(three.path(3, "backup.txt")).unwrap(), recipient);
    assert!(three.json(3, &["status"])["refreshed"]["root-G1"].as_u64().is_some());
    assert!(three.say(1, &["status"], "").contains("its shares were refreshed at 2"));
    each_pair_works(&mut three);
    let mut entries = String::new();
    for entry in fs::read_dir(three.path(1, "keys/transcript/primer-2")).unwrap() {
        entries += &fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    for kind in ["refresh", "share-refreshed"] {
        assert!(entries.contains(&format!(r#"\"kind\":\"{kind}\""#)), "{entries}");
    }

    // The third gets its old shares back, as from a copy of its folder.
    three.kill(3);
    for (path, text) in old.iter().filter(|(path, _)| path.contains("primer-3/")) {
        fs::write(path, text).unwrap();
    }
    three.run(3);
    three.kill(2);
    let csr = csr(&three);
    let input = three.folder.path().join("backup.enc").display().to_string();
    let output = three.path(1, "not-opened").display().to_string();
    for n in [1, 3] {
        let error = three.refused(n, &["sign-certificate", "--csr", &csr]);
        assert!(
            error.contains("the share of root-G1 that primer-3 has is from before a refresh"),
            "primer-{n}: {error}"
        );
        let error = three.refused(n, &["decrypt-backup", "--input", &input, "--output", &output]);
        assert!(
            error.contains("the share of backup-G1 that primer-3 has is from before a refresh"),
            "primer-{n}: {error}"
        );
    }
    // The two others go on, and nobody refreshes what is no group any more.
    three.run(2);
    works(&three, 1);
    for n in 1..=3 {
        let error = three.refused(n, &["refresh"]);
        assert!(error.contains("that primer-3 has is from before a refresh"), "primer-{n}: {error}");
    }
    three.kill(3);
    let error = three.refused(1, &["refresh"]);
    assert!(error.contains("a refresh needs all primers, and not primer-3"), "{error}");
}

#[test]
fn every_primer_is_asked_and_one_that_says_no_ends_it() {
    let mut three = Three::ready(LAB);
    let policy = three.path(2, "policy.json");
    fs::write(&policy, r#"{ "unattendedActs": ["repair", "rotation", "decryption"] }"#).unwrap();
    three.configure(2, "policy", json!(policy));
    three.kill(2);
    three.run(2);
    let before = keys(&three, 1);
    for (verb, done) in [("deny", false), ("approve", true)] {
        let mut asking = Command::new(PROGRAM)
            .arg("--config")
            .arg(three.path(1, "primer.json"))
            .arg("refresh")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(asking.stderr.take().unwrap()).lines().map(Result::unwrap);
        let waits = said.find(|line| line.contains("waiting for primer-2")).unwrap();
        let id = waits.rsplit(' ').next().unwrap().to_owned();
        let shown = three.say(2, &["pending"], "");
        for part in [
            "give every primer a new share of backup-G1 and root-G1; the keys stay the same",
            "this is no revocation",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
        assert_eq!(keys(&three, 1), before);
        three.say(2, &[verb, &id], "");
        let rest: String = said.map(|line| line + "\n").collect();
        assert_eq!(asking.wait().unwrap().success(), done, "{rest}");
        assert_eq!(
            rest.contains("3 of 3 primers must agree, and they do not: primer-2: refused"),
            !done,
            "{rest}"
        );
        assert_eq!(keys(&three, 1) == before, !done);
    }
    settled(&three, "after");
}

#[test]
fn whoever_is_killed_at_whatever_message_no_key_is_lost_and_another_run_ends_it() {
    let (mut three, proxy) = proxied();
    three.begin();
    for n in 1..=3 {
        three.say(n, &["status", "--wait", "60"], "");
    }
    backup(&three);
    let (mut mixed, mut kept) = (0, 0);
    // The first leads, and the third hears of everything by the proxy.
    for victim in 1..=3 {
        let mut killed = 0;
        // Every message with the third, where most of it is the same whoever is killed.
        let step = if victim == 3 { 1 } else { 2 };
        for after in (0..40).step_by(step) {
            let what = format!("primer-{victim} killed at message {after}");
            proxy.process.store(three.pid(victim), Ordering::SeqCst);
            proxy.arm(Fault::Kill, after);
            let tried = three.try_do(1, &["refresh"], "");
            if !proxy.fired.load(Ordering::SeqCst) {
                *proxy.fault.lock().unwrap() = None;
                let error = String::from_utf8_lossy(&tried.stderr).into_owned();
                assert!(tried.status.success(), "{what}: {error}");
                break;
            }
            killed += 1;
            three.kill(victim);
            let used: Vec<Value> =
                (1..=3).map(|n| group(&three, n, "root-G1")["fingerprint"].clone()).collect();
            mixed += usize::from(used.iter().any(|one| *one != used[0]));
            kept += usize::from((1..=3).any(|n| files(&three, n).contains(&"root-G1.refresh".to_owned())));
            // The two that are left go on, and so does one of them with the third when it is back.
            works(&three, if victim == 1 { 2 } else { 1 });
            three.run(victim);
            if after % 2 == 0 {
                let off = if victim == 2 { 1 } else { 2 };
                three.kill(off);
                works(&three, victim);
                three.run(off);
            }
            three.say(if after % 2 == 0 { 1 } else { 3 }, &["refresh"], "");
            settled(&three, &what);
        }
        assert!(killed >= 4, "primer-{victim}: {killed}");
    }
    each_pair_works(&mut three);
    assert!(mixed > 0, "some used new shares while others used old ones: {mixed}");
    assert!(kept > 0, "both were kept: {kept}");
}
