//! What happens to a ceremony when a primer is killed, or its connections break, at any point of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::sync::atomic::Ordering;

use common::proxy::{Fault, proxied};
use common::{Three, request};
use serde_json::json;

fn keys(three: &Three, n: usize) -> serde_json::Value {
    three.json(n, &["status"])["keys"].clone()
}

/// All three come to the same keys and the root's certificate, after the third was started again.
fn heals(three: &Three, what: &str) {
    for n in 1..=3 {
        let waited = three.try_do(n, &["status", "--wait", "60"], "");
        assert!(
            waited.status.success(),
            "{what}: {}{}",
            String::from_utf8_lossy(&waited.stderr),
            (1..=3).fold(String::new(), |logs, n| logs + &three.log(n))
        );
    }
    assert_eq!(keys(three, 1), keys(three, 3), "{what}");
    assert_eq!(keys(three, 1), keys(three, 2), "{what}");
    let replay = &three.json(3, &["status", "--verify"])["replay"];
    assert_eq!(replay["bad"], json!([]), "{what}");
}

#[test]
fn killed_in_the_midst_of_the_making_of_keys_it_heals() {
    let mut killed = 0;
    // Every fourth message: a round has more than that, with what surrounds it.
    for after in (0..200).step_by(4) {
        let (mut three, proxy) = proxied();
        proxy.arm(Fault::Kill, after);
        let begun = three.json(1, &["init", "--cluster", "production"]);
        for (n, token) in (2..).zip(begun["tokens"].as_array().unwrap()) {
            // One that is killed meanwhile may have lost the answer.
            let joined = three.try_do(n, &["join", "--token", "-"], token["token"].as_str().unwrap());
            assert!(n == 3 || joined.status.success());
        }
        // Until the fault, or until nothing is left to do.
        let mut done = false;
        while !done && !proxy.fired.load(Ordering::SeqCst) {
            done = three.try_do(1, &["status", "--wait", "1"], "").status.success();
        }
        if !proxy.fired.load(Ordering::SeqCst) {
            assert!(done, "{}", three.log(1));
            break;
        }
        three.kill(3);
        three.run(3);
        // The token was used by this very key, and by no other.
        let token = begun["tokens"][1]["token"].as_str().unwrap();
        let again = three.try_do(3, &["join", "--token", "-"], token);
        let error = String::from_utf8_lossy(&again.stderr).into_owned();
        assert!(again.status.success() || error.contains("this primer has joined already"), "{error}");
        heals(&three, &format!("killed at message {after}"));
        killed += 1;
    }
    // Two keys of five questions each, the root's certificate, and what goes before and after.
    assert!(killed > 3, "{killed}");
}

#[test]
fn lost_doubled_changed_and_late_messages_cost_a_try_and_no_more() {
    let (three, proxy) = proxied();
    three.begin();
    heals(&three, "before");
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    let csr = csr.to_str().unwrap();
    for fault in [Fault::Drop, Fault::Duplicate, Fault::Corrupt, Fault::Delay] {
        for after in 0..6 {
            proxy.arm(fault, after);
            // Two others are enough, whatever happens to the third.
            three.say(1, &["sign-certificate", "--csr", csr], "");
        }
    }
    heals(&three, "after");
    let record = three.json(1, &["status", "--verify"]);
    assert_eq!(record["replay"]["bad"], json!([]), "{record}");
}

#[test]
fn a_custodian_that_is_killed_in_the_midst_of_signing_ends_the_session_and_the_next_one_is_signed() {
    let (mut three, proxy) = proxied();
    three.begin();
    heals(&three, "before");
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    let csr = csr.to_str().unwrap().to_owned();
    // Without the second, nothing is signed without the third.
    three.kill(2);
    let (mut killed, mut unsigned) = (0, 0);
    for after in 0..60 {
        proxy.process.store(three.pid(3), Ordering::SeqCst);
        proxy.arm(Fault::Kill, after);
        let tried = three.try_do(1, &["sign-certificate", "--csr", &csr], "");
        if !proxy.fired.load(Ordering::SeqCst) {
            *proxy.fault.lock().unwrap() = None;
            assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
            break;
        }
        killed += 1;
        if !tried.status.success() {
            unsigned += 1;
            let error = String::from_utf8_lossy(&tried.stderr).into_owned();
            assert!(
                error.contains("2 of 3 primers must agree, and they do not"),
                "killed at {after}: {error}"
            );
        }
        three.kill(3);
        three.run(3);
        // The session is gone with the nonces that it had, and nobody waits for it.
        assert_eq!(three.json(3, &["pending"])["waiting"], json!([]), "killed at {after}");
        three.say(1, &["sign-certificate", "--csr", &csr], "");
    }
    assert!(killed >= 3 && unsigned >= 2, "{killed} {unsigned}");
    three.run(2);
    heals(&three, "after");
}

#[test]
fn a_primer_that_is_killed_while_a_root_follows_another_is_started_again_and_the_step_is_repeated() {
    let (mut three, proxy) = proxied();
    three.begin();
    heals(&three, "before");
    let repository = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = |name: &str| three.folder.path().join(name).display().to_string();
    let named = |name: &str| repository.join(name).display().to_string();
    let more = [
        "--secrets".to_owned(),
        place("secrets"),
        "--trust".to_owned(),
        place("trust"),
        "--identity".to_owned(),
        named("checks/fixtures/identities/nodes/primer-1.txt"),
        "--inventory".to_owned(),
        named("hosts/cluster.toml"),
    ];
    let verb =
        |verb: &'static str| -> Vec<String> { [verb.to_owned()].into_iter().chain(more.clone()).collect() };
    let (credentials, rotate) = (verb("generate-credentials"), verb("rotate-root-keys"));
    three.say(1, &credentials.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let words: Vec<&str> = rotate.iter().map(String::as_str).collect();
    let mut killed = 0;
    // Each time a little later, from wherever the run before came to.
    for after in 0..40 {
        proxy.process.store(three.pid(3), Ordering::SeqCst);
        proxy.arm(Fault::Kill, after);
        let tried = three.try_do(1, &words, "");
        if !proxy.fired.load(Ordering::SeqCst) {
            *proxy.fault.lock().unwrap() = None;
            assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
            break;
        }
        three.kill(3);
        three.run(3);
        killed += 1;
        if tried.status.success() {
            break;
        }
    }
    assert!(killed >= 3, "{killed}");
    heals(&three, "after");
    let there = keys(&three, 3);
    assert!(there["root-G1"].is_string() && there["root-G2"].is_string(), "{there}");
    assert!(there["root-G3"].is_null(), "no step was taken twice: {there}");
    let next = three.json(1, &[&words[..], &["--dry-run"]].concat());
    assert_eq!(next["step"], "issue", "{next}");
}
