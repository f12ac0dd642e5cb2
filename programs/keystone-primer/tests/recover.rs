//! A new quorum from one real member of etcd, of three of which two were killed for good.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

#[path = "../../keystone-pki/tests/common/mod.rs"]
mod authority;
mod etcd;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd::{CONTROL_PLANE, Etcds, watched};
use serde_json::{Value, json};

const LOST: [&str; 4] = ["--lost", "control-2", "--lost", "control-3"];
const KEYS: usize = 200;

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", "-T"]).arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// A run of the command. It does what the operator is told to, and is killed as soon as it says a line of which `stop` says so.
fn run(etcds: &mut Etcds, more: &[&str], stop: &mut dyn FnMut(&str) -> bool) -> Option<Value> {
    watched(etcds, "recover", more, &mut |etcds, line| {
        if line.starts_with("recover: ") && stop(line) {
            return true;
        }
        if let ["recover:", "copy", folder, "to", node, "as", target, ..] =
            line.split(' ').collect::<Vec<_>>().as_slice()
        {
            deploy(etcds, Path::new(folder), node.trim_end_matches(','), target.trim_end_matches(','));
        }
        false
    })
}

/// What an operator does with a folder: it goes beside the old one, and etcd starts from it.
fn deploy(etcds: &mut Etcds, folder: &Path, node: &str, target: &str) {
    let (old, _) = etcds.home(node);
    let name = Path::new(target).file_name().unwrap().to_str().unwrap();
    let new = old.with_file_name(format!("{node}-{name}"));
    if new.exists() {
        return;
    }
    etcds.stop(node);
    copy(folder, &new);
    let token = format!("production-{}", name.strip_prefix("etcd-").unwrap());
    etcds.move_to(node, new, &token);
    etcds.start(node, &CONTROL_PLANE, "existing");
}

/// Three members, of which the first has everything, and the others are dead. The old folders.
fn lost_quorum() -> (Etcds, Vec<PathBuf>) {
    let mut etcds = Etcds::of(&CONTROL_PLANE);
    for n in 0..KEYS {
        etcds.put(&format!("key-{n}"), &format!("value-{n}"));
    }
    // What was acknowledged lies on two of three; that the survivor is one of them is what makes it the survivor.
    let last = json!({ "key": STANDARD.encode(format!("key-{}", KEYS - 1)), "serializable": true });
    let until = Instant::now() + Duration::from_secs(20);
    while etcds.try_ask("control-1", "/v3/kv/range", &last).unwrap()["count"] != "1" {
        assert!(Instant::now() < until);
    }
    let old = CONTROL_PLANE.map(|name| etcds.home(name).0).to_vec();
    etcds.stop("control-2");
    etcds.stop("control-3");
    // Until the survivor knows that it is alone.
    let until = Instant::now() + Duration::from_secs(30);
    while etcds.try_ask("control-1", "/v3/maintenance/status", &json!({})).unwrap()["leader"]
        .as_str()
        .is_some_and(|l| l != "0")
    {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    (etcds, old)
}

fn everything_is_there(etcds: &Etcds) {
    for n in 0..KEYS {
        assert_eq!(etcds.get(&format!("key-{n}")), format!("value-{n}"));
    }
}

fn bytes(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("member/snap/db")).unwrap()
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn one_of_three_becomes_a_quorum_though_every_step_is_killed_once() {
    let (mut etcds, old) = lost_quorum();
    let before = bytes(&old[1]);
    let dry = etcds.json(&["recover"], &[&LOST[..], &["--dry-run"]].concat());
    assert_eq!((dry["from"].as_str(), dry["underWay"].as_bool()), (Some("control-1"), Some(false)), "{dry}");
    assert!(!etcds.path("recovery").exists());

    let mut seen = BTreeSet::new();
    let done = loop {
        if let Some(done) = run(&mut etcds, &LOST, &mut |line| seen.insert(line.to_owned())) {
            break done;
        }
    };
    for expected in
        ["nobody leads: begin", "save what control-1 has", "make the folder of control-3", "deploy them with"]
    {
        assert!(seen.iter().any(|line| line.starts_with(&format!("recover: {expected}"))), "{seen:?}");
    }
    assert_eq!(done["members"], json!(CONTROL_PLANE));
    assert!(
        done["credentials"][0].as_str().unwrap().contains("whoever has the disk of control-2 or control-3"),
        "{done}"
    );
    everything_is_there(&etcds);
    etcds.put("after", "it too");
    let (members, _) = etcds.members(&CONTROL_PLANE);
    assert_eq!(members.len(), 3);
    // A quorum of three survives one.
    etcds.stop("control-1");
    etcds.settle("control-2");
    assert_eq!(etcds.get("after"), "it too");
    everything_is_there(&etcds);

    // What was there before is where it was, as it was.
    assert_eq!(bytes(&old[1]), before);
    // A member of the old cluster that comes back, by its old folder, is a stranger.
    etcds.stop("control-3");
    let (new_home, new_token) = etcds.home("control-3");
    etcds.move_to("control-3", old[2].clone(), "test");
    etcds.start("control-1", &CONTROL_PLANE, "existing");
    etcds.settle("control-2");
    etcds.start("control-3", &CONTROL_PLANE, "new");
    let until = Instant::now() + Duration::from_secs(45);
    loop {
        let log = fs::read_to_string(etcds.log("control-3")).unwrap();
        if log.contains("cluster ID mismatch") || log.contains("cluster-id-mismatch") {
            break;
        }
        assert!(Instant::now() < until, "{log}");
        std::thread::sleep(Duration::from_millis(100));
    }
    // It finds nobody who leads, and serves nobody.
    let status = etcds.try_ask("control-3", "/v3/maintenance/status", &json!({})).unwrap_or_default();
    assert!(status["leader"].as_str().is_none_or(|leader| leader == "0"), "{status}");
    let (members, leader) = etcds.members(&["control-1"]);
    assert!(
        members.len() == 3 && ["control-1", "control-2"].contains(&leader.as_str()),
        "{members:?} {leader}"
    );
    etcds.put("fenced", "yes");
    // From its new folder it is one of them.
    etcds.stop("control-3");
    etcds.move_to("control-3", new_home, &new_token);
    etcds.start("control-3", &CONTROL_PLANE, "existing");
    etcds.settle("control-3");
    etcds.stop("control-1");
    etcds.settle("control-3");
    assert_eq!(etcds.get("fenced"), "yes");

    // Once more it refuses, as a quorum lives.
    let error = etcds.refused(&["recover"], &LOST);
    assert!(error.contains("an operational quorum lives"), "{error}");
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn it_refuses_while_a_quorum_lives_and_while_silence_is_not_explained() {
    let mut etcds = Etcds::of(&CONTROL_PLANE);
    let error = etcds.refused(&["recover"], &LOST);
    assert!(error.contains("an operational quorum lives, and a second one would fork the record"), "{error}");
    // Two of three are one, too.
    etcds.stop("control-3");
    let error = etcds.refused(&["recover"], &LOST[2..]);
    assert!(error.contains("an operational quorum lives"), "{error}");
    etcds.stop("control-2");
    let until = Instant::now() + Duration::from_secs(30);
    let error = loop {
        let error = etcds.refused(&["recover"], &LOST[2..]);
        if !error.contains("operational quorum") {
            break error;
        }
        assert!(Instant::now() < until);
    };
    assert!(error.contains("control-2 does not answer") && error.contains("--lost control-2"), "{error}");
    assert!(!etcds.path("recovery").exists(), "nothing was saved");
    let error = etcds.refused(&["recover"], &["--abort"]);
    assert!(error.contains("no recovery is under way"), "{error}");
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn what_was_begun_is_given_up_and_a_file_does_as_well_as_a_member() {
    let (mut etcds, old) = lost_quorum();
    assert!(run(&mut etcds, &LOST, &mut |line| line.contains("make the folder of control-2")).is_none());
    let saved = fs::read_dir(etcds.path("recovery")).unwrap().next().unwrap().unwrap().path();
    // Whoever comes back meanwhile ends it.
    etcds.start("control-2", &CONTROL_PLANE, "new");
    etcds.settle("control-2");
    let error = etcds.refused(&["recover"], &LOST);
    assert!(error.contains("an operational quorum lives"), "{error}");
    etcds.stop("control-2");
    let given_up = etcds.json(&["recover"], &["--abort"]);
    assert_eq!(given_up["aborted"], true, "{given_up}");
    assert!(saved.join("etcd.snapshot").exists(), "what was saved is kept");
    // Now nobody is left, and there is a file; a damaged one is none.
    etcds.stop("control-1");
    let file = etcds.path("kept.snapshot");
    let mut damaged = fs::read(saved.join("etcd.snapshot")).unwrap();
    fs::write(&file, &damaged).unwrap();
    let all = ["--lost", "control-1", "--lost", "control-2", "--lost", "control-3"];
    let error = etcds.refused(&["recover"], &all);
    assert!(error.contains("no member of etcd answers, so there is nothing to begin from"), "{error}");
    etcds.json(&["recover"], &["--abort"]);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let bad = etcds.path("bad.snapshot");
    fs::write(&bad, &damaged).unwrap();
    let named = |file: &Path| -> Vec<String> {
        let file = ["--snapshot".to_owned(), file.display().to_string()];
        all.iter().map(|&one| one.to_owned()).chain(file).collect()
    };
    let bad = named(&bad);
    let error = etcds.refused(&["recover"], &bad.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(error.contains("etcdutl ended with"), "{error}");
    etcds.json(&["recover"], &["--abort"]);
    let good = named(&file);
    let done = run(&mut etcds, &good.iter().map(String::as_str).collect::<Vec<_>>(), &mut |_| false).unwrap();
    assert_eq!(done["members"], json!(CONTROL_PLANE), "{done}");
    everything_is_there(&etcds);
    assert!(old.iter().all(|folder| folder.join("member").exists()));
}
