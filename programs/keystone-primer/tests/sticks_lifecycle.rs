//! What happens to primers that share no network over the years: new shares, another machine in the place of a lost one, a
//! new root. All of it by files that are carried by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::control_plane::intermediates;
use common::walker::Walker;
use common::{LAB, Three, encrypt, request};
use keystone_pki::certificate::Certificate;
use serde_json::{Value, json};

fn air_gapped() -> Three {
    let three = Three::configured(LAB, &json!({ "airGapped": true }));
    three.begin();
    Walker::new(&three).ready();
    three
}

fn keys(three: &Three, n: usize) -> Value {
    three.json(n, &["status"])["keys"].clone()
}

/// A machine's certificate by the present root, and an opened backup.
fn works(walker: &Walker<'_>, n: usize, issuer: &str) {
    let three = walker.three;
    let (csr, out) = (three.path(n, "worker-1.csr"), three.path(n, "worker-1.crt"));
    request(&csr);
    walker.say(n, &["sign-certificate", "--csr", csr.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    let signed = Certificate::from_pem(&fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(signed.contents().issuer.common_name, issuer);
    let (backup, opened) = (three.path(n, "backup.enc"), three.path(n, "opened"));
    encrypt(&fs::read_to_string(three.path(n, "backup.txt")).unwrap(), "by hand", &backup);
    walker.say(
        n,
        &["decrypt-backup", "--input", backup.to_str().unwrap(), "--output", opened.to_str().unwrap()],
    );
    assert_eq!(fs::read_to_string(opened).unwrap(), "by hand");
}

#[test]
fn all_get_new_shares() {
    let three = air_gapped();
    let before = keys(&three, 1);
    let walker = Walker::new(&three);
    let said = walker.say(2, &["refresh"]);
    assert!(said.contains("new shares of backup-G1, root-G1 are in use"), "{said}");
    walker.until(|| keys(&three, 1) == keys(&three, 2) && keys(&three, 2) == keys(&three, 3));
    assert_ne!(keys(&three, 1), before);
    for n in 1..=3 {
        three.say(n, &["test-wake"], "");
    }
    works(&walker, 3, "production Root G1");
    walker.witnessed();
}

#[test]
fn another_machine_takes_the_place_of_a_lost_one() {
    let mut three = air_gapped();
    let before = keys(&three, 1);
    three.replace_the_third();
    let token = three.json(1, &["token", "create", "primer-4"])["token"].as_str().unwrap().to_owned();
    three.say(3, &["join", "--token", "-"], &token);
    let walker = Walker::new(&three);
    walker.until(|| {
        three.json(3, &["status"])["primers"].as_array().unwrap().iter().all(|p| p["pin"].is_string())
    });
    let done = walker.say(3, &["repair", "--lost", "primer-3"]);
    assert!(done.contains("root-G1") && done.contains("backup-G1"), "{done}");
    assert_eq!(keys(&three, 3), before, "the keys are the same");
    three.say(3, &["test-wake"], "");
    works(&walker, 3, "production Root G1");
}

#[test]
fn a_new_root_is_made_and_vouched_for() {
    let three = air_gapped();
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = |name: &str| three.folder.path().join(name).display().to_string();
    let inventory = repository.join("hosts/cluster.toml").display().to_string();
    let identity = repository.join("checks/fixtures/identities/nodes/primer-1.txt").display().to_string();
    let (secrets, trust) = (place("secrets"), place("trust"));
    let walker = Walker::new(&three);
    let verb = |verb: &str, more: &[&str]| {
        let common = [
            verb,
            "--inventory",
            &inventory,
            "--identity",
            &identity,
            "--secrets",
            &secrets,
            "--trust",
            &trust,
        ];
        walker.say(1, &common.iter().chain(more).copied().collect::<Vec<_>>())
    };
    verb("generate-credentials", &[]);
    let roots = || {
        let text = fs::read_to_string(three.folder.path().join("trust/root-ca.crt")).unwrap();
        Certificate::bundle(&text).unwrap()
    };
    assert_eq!(roots().len(), 1);
    verb("rotate-root-keys", &[]);
    let names: BTreeSet<String> =
        roots().iter().map(|root| root.contents().subject.common_name.clone()).collect();
    assert_eq!(names, BTreeSet::from(["production Root G1".to_owned(), "production Root G2".to_owned()]));
    intermediates(Path::new(&secrets), Path::new(&trust), None, false);
    verb("rotate-root-keys", &[]);
    verb("rotate-root-keys", &["--drop"]);
    assert_eq!(roots().len(), 1);
    works(&walker, 2, "production Root G2");
}
