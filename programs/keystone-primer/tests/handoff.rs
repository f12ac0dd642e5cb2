//! The transfer of leadership with real members of etcd, over TLS, killed at each of its steps.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

#[path = "../../keystone-pki/tests/common/mod.rs"]
mod authority;
mod etcd;

use std::collections::BTreeSet;

use etcd::{CONTROL_PLANE, Etcds, PRIMERS, watched};
use serde_json::Value;

/// A run of the command, killed as soon as it says a line of which `stop` says so. Whether it came to its end.
fn run(etcds: &mut Etcds, stop: &mut dyn FnMut(&str) -> bool) -> Option<Value> {
    watched(etcds, "handoff", &[], &mut |etcds, line| {
        if let Some(node) = line.strip_prefix("handoff: wait until the member ") {
            etcds.start_existing(node.strip_suffix(" is well").unwrap());
        }
        line.starts_with("handoff: ") && stop(line)
    })
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn the_control_plane_takes_over_though_every_step_is_killed_once() {
    let mut etcds = Etcds::new();
    etcds.put("before", "the handoff");
    let dry = etcds.json(&["handoff"], &["--dry-run"]);
    assert_eq!(dry["next"], "control-1 joins as a learner", "{dry}");
    assert_eq!(dry["underWay"], false);

    let mut seen: BTreeSet<String> = BTreeSet::new();
    let done = loop {
        if let Some(done) = run(&mut etcds, &mut |line| seen.insert(line.to_owned())) {
            break done;
        }
        if seen.iter().any(|line| line.contains("primer-1 leaves")) {
            let error = etcds.refused(&["handoff"], &["--abort"]);
            assert!(error.contains("primers may have left already, so there is no way back"), "{error}");
        }
        // Whatever was killed, everything is still readable.
        assert_eq!(etcds.get("before"), "the handoff");
    };
    assert_eq!(done["members"], serde_json::json!(CONTROL_PLANE));
    for expected in ["control-3 joins as a learner", "control-3 votes", "primer-3 leaves"] {
        assert!(seen.contains(&format!("handoff: {expected}")), "{seen:?}");
    }
    let (members, leader) = etcds.members(&CONTROL_PLANE);
    let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(CONTROL_PLANE));
    assert!(
        members.iter().all(|(_, learner)| !learner) && names.contains(leader.as_str()),
        "{members:?} {leader}"
    );
    for primer in PRIMERS {
        etcds.stop(primer);
    }
    assert_eq!(etcds.get("before"), "the handoff");
    etcds.put("after", "it too");
    assert_eq!(etcds.get("after"), "it too");
    // Once more, nothing is to be done, and there is nothing to take back.
    let again = run(&mut etcds, &mut |_| false).unwrap();
    assert_eq!(again["steps"].as_array().unwrap().len(), 0, "{again}");
    let error = etcds.refused(&["handoff"], &["--abort"]);
    assert!(error.contains("no handoff is under way"), "{error}");
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn what_was_begun_is_taken_back_from_a_learner_and_from_a_leader() {
    let mut etcds = Etcds::new();
    etcds.put("before", "the handoff");
    let primers: BTreeSet<String> = PRIMERS.map(str::to_owned).into();
    for stop in ["control-1 votes", "control-2 votes", "control-1 leads"] {
        let ended = run(&mut etcds, &mut |line| line.ends_with(stop));
        assert!(ended.is_none(), "it went past {stop}");
        let back = etcds.json(&["handoff"], &["--abort", "--patience", "60"]);
        assert_eq!(back["aborted"], true, "{back}");
        let (members, leader) = etcds.members(&PRIMERS);
        let names: BTreeSet<String> = members.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, primers, "after {stop}");
        assert!(primers.contains(&leader));
        assert_eq!(etcds.get("before"), "the handoff");
        // A member that was taken out begins with an empty folder.
        for node in CONTROL_PLANE {
            etcds.forget(node);
        }
    }
}

#[test]
#[ignore = "needs etcd: checks/conformance/handoff/run"]
fn a_node_that_does_not_start_is_waited_for_and_a_lost_quorum_stops_it() {
    let mut etcds = Etcds::new();
    // etcd itself takes some seconds before it lets anybody join.
    let error = etcds.refused(&["handoff"], &["--patience", "12"]);
    assert!(error.contains("wait until the member control-1 is well: that took longer than 12 s"), "{error}");
    assert!(error.contains("next: see to it, then keystone-primer handoff again"), "{error}");
    etcds.json(&["handoff"], &["--abort"]);
    for primer in &PRIMERS[1..] {
        etcds.stop(primer);
    }
    let error = etcds.refused(&["handoff"], &["--patience", "1"]);
    assert!(!error.is_empty());
    let (members, _) = etcds.members(&PRIMERS[..1]);
    assert_eq!(members.len(), 3, "nothing was changed without a quorum");
}
