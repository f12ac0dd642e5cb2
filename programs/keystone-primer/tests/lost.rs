//! A primer is lost with everything on it, and another machine takes its place.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod common;

use std::fs;

use common::{LAB, Three, encrypt, request};
use keystone_pki::certificate::Certificate;
use serde_json::{Value, json};

#[test]
fn another_machine_gets_the_lost_share_and_signs_and_opens_with_each_of_the_others() {
    let mut three = Three::ready(LAB);
    let before = three.json(1, &["status"])["keys"].clone();
    let recipient = fs::read_to_string(three.path(1, "backup.txt")).unwrap();
    // While it is declared nobody says that it is lost.
    let error = three.refused(2, &["repair", "--lost", "primer-3"]);
    assert!(error.contains("primer-3 is declared as a primer here, so it is not lost"), "{error}");
    let found = three.folder.path().join("found");
    fs::create_dir(&found).unwrap();
    let status = std::process::Command::new("cp")
        .arg("-a")
        .args([three.path(3, "keys"), three.path(3, "lab.key"), three.path(3, "primer.json")])
        .arg(&found)
        .status()
        .unwrap();
    assert!(status.success());
    three.replace_the_third();

    let error = three.refused(3, &["repair", "--lost", "primer-3"]);
    assert!(error.contains("this primer has not begun"), "{error}");
    let token = three.json(1, &["token", "create", "primer-4"])["token"].as_str().unwrap().to_owned();
    three.say(3, &["join", "--token", "-"], &token);
    let error = three.refused(3, &["repair", "--lost", "primer-9"]);
    assert!(error.contains("primer-9 has no share here that primer-4 could get"), "{error}");
    assert_eq!(three.json(3, &["status"])["keys"], json!({}));
    let done = three.json(3, &["repair", "--lost", "primer-3"]);
    assert_eq!(done["keys"], json!(["root-G1", "backup-G1"]), "{done}");
    assert_eq!(done["missing"], json!([]), "{done}");
    assert_eq!(three.json(3, &["status"])["keys"], before, "the keys are the same");
    assert_eq!(fs::read_to_string(three.path(3, "backup.txt")).unwrap(), recipient);
    let woken = three.say(3, &["test-wake"], "");
    assert!(!woken.is_empty());

    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    let backup = three.path(1, "cluster-backup.enc");
    encrypt(&recipient, "the whole cluster", &backup);
    for off in [2, 1] {
        let asked = 3 - off;
        three.kill(off);
        for n in [asked, 3] {
            let out = three.path(n, &format!("without-{off}.crt"));
            let arguments =
                ["sign-certificate", "--csr", csr.to_str().unwrap(), "--out", out.to_str().unwrap()];
            three.say(n, &arguments, "");
            let certificate = Certificate::from_pem(&fs::read_to_string(&out).unwrap()).unwrap();
            assert_eq!(certificate.contents().issuer.common_name, "production Root G1");
            let opened = three.path(n, &format!("opened-{off}"));
            let (input, output) = (backup.to_str().unwrap(), opened.to_str().unwrap());
            three.say(n, &["decrypt-backup", "--input", input, "--output", output], "");
            assert_eq!(fs::read_to_string(&opened).unwrap(), "the whole cluster");
        }
        three.run(off);
    }
    let status = three.say(1, &["status", "--verify"], "");
    assert!(status.ends_with("Quorum: 3/3 primers healthy\n"), "{status}");

    // Once more does no harm, and the record has it.
    three.json(3, &["repair", "--lost", "primer-3"]);
    let replay = &three.json(1, &["status", "--verify"])["replay"];
    assert_eq!(replay["bad"], json!([]), "{replay}");

    // The lost one is found, and is nobody any more: what it asks is answered by none.
    let config: Value =
        serde_json::from_str(&fs::read_to_string(found.join("primer.json")).unwrap()).unwrap();
    let mut config = config;
    config["keyStorage"] = json!(found.join("keys"));
    config["labKey"] = json!(found.join("lab.key"));
    three.kill(3);
    fs::write(three.path(3, "primer.json"), config.to_string()).unwrap();
    three.run(3);
    let error = three.refused(3, &["sign-certificate", "--csr", csr.to_str().unwrap()]);
    assert!(error.contains("primer-1: the key") && error.contains("is unknown to primer-1"), "{error}");
}

#[test]
fn a_repair_that_is_killed_or_misses_one_is_done_again() {
    let mut three = Three::ready(LAB);
    three.replace_the_third();
    let token = three.json(2, &["token", "create", "primer-4"])["token"].as_str().unwrap().to_owned();
    three.say(3, &["join", "--token", "-"], &token);
    // Both of the two others are needed.
    three.kill(2);
    let error = three.refused(3, &["repair", "--lost", "primer-3"]);
    assert!(error.contains("2 of 2 primers must agree, and they do not: primer-2"), "{error}");
    assert_eq!(three.json(3, &["status"])["keys"], json!({}), "nothing of a share is kept");
    three.run(2);
    // The machine that asks is killed at several moments of it.
    for wait in [0, 5, 10, 20, 40, 80] {
        let mut child = std::process::Command::new(common::PROGRAM)
            .arg("--config")
            .arg(three.path(3, "primer.json"))
            .args(["repair", "--lost", "primer-3"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        three.kill(3);
        child.wait().unwrap();
        three.run(3);
    }
    let done = three.json(3, &["repair", "--lost", "primer-3"]);
    assert_eq!(done["missing"], json!([]), "{done}");
    three.say(3, &["test-wake"], "");
    assert_eq!(three.json(3, &["status"])["keys"], three.json(1, &["status"])["keys"]);
}
