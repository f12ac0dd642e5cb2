//! `mesh handoff`, `takeover` and `status` in a world of three candidates: killed at every step and resumed, taken back,
//! refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use world::World;

const GO: &[&str] = &["handoff", "control-1"];

fn moved() -> World {
    let world = World::new();
    let (code, _, said) = world.run(GO);
    assert_eq!(code, Some(0), "{said}");
    world
}

#[test]
fn the_coordinator_moves_with_all_that_it_knows() {
    let world = World::new();
    let before = world.at("primer-1", "sqlite3 $WORLD/primer-1/headscale/db.sqlite .dump").stdout;
    let (code, done, said) = world.run(GO);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        done.starts_with(
            "control-1 is the coordinator, with the lease of generation 2 and 2 rows of primer-1."
        ),
        "{done}"
    );
    assert!(done.contains("mesh.keystone.example  203.0.113.14"), "{done}");
    assert_eq!(world.coordinators(), ["control-1"]);
    let after = world.at("control-1", "sqlite3 $WORLD/control-1/headscale/db.sqlite .dump").stdout;
    assert_eq!(after, before);
    // Once more is once too often, and harmless.
    let state = world.state();
    let (code, done, _) = world.run(GO);
    assert_eq!((code, done.as_str()), (Some(0), "control-1 is the coordinator already; nothing was done.\n"));
    assert_eq!(world.state(), state);
}

/// However often, wherever and whenever the command dies: run again, it ends in the same state as undisturbed.
#[test]
fn killed_anywhere_and_run_again_it_ends_the_same() {
    let undisturbed = moved();
    let (expected, steps) = (undisturbed.state(), undisturbed.said());
    assert!(steps >= 6, "{steps}");
    for at in 1..=steps {
        for when in ["before", "meanwhile", "after"] {
            let world = World::new();
            let killed = world.mesh(GO).env("KILL_AT", format!("{at} {when}")).output().unwrap();
            assert_eq!(
                killed.status.code(),
                None,
                "{at} {when}: {}",
                String::from_utf8_lossy(&killed.stderr)
            );
            assert!(world.coordinators().len() <= 1, "{at} {when}");
            // A second death, one step on.
            let _ = world.mesh(GO).env("KILL_AT", format!("{} {when}", at + 1)).output().unwrap();
            assert!(world.coordinators().len() <= 1, "{at} {when}");
            let (code, _, said) = world.run(GO);
            assert_eq!(code, Some(0), "{at} {when}: {said}");
            assert_eq!(world.state(), expected, "{at} {when}");
        }
    }
}

/// The same on another machine, which has no journal.
#[test]
fn another_machine_goes_on_from_what_the_nodes_say() {
    let undisturbed = moved();
    let (expected, steps) = (undisturbed.state(), undisturbed.said_before_announcement());
    // From the announcement on nothing of it is left on the nodes.
    for at in 1..=steps {
        for when in ["before", "after"] {
            if (at, when) == (steps, "after") {
                continue;
            }
            let world = World::new();
            let _ = world.mesh(GO).env("KILL_AT", format!("{at} {when}")).output().unwrap();
            let (code, _, said) = world.run(&["handoff", "control-1", "--journal", "elsewhere"]);
            assert_eq!(code, Some(0), "{at} {when}: {said}");
            assert_eq!(world.state(), expected, "{at} {when}");
        }
    }
}

#[test]
fn it_is_taken_back_until_the_new_one_has_its_lease() {
    let steps = moved().said();
    let (mut back, mut forth) = (0, 0);
    for at in 1..=steps {
        for when in ["before", "after"] {
            let world = World::new();
            let _ = world.mesh(GO).env("KILL_AT", format!("{at} {when}")).output().unwrap();
            let adopted = world.path("control-1/state/lease").exists();
            let (code, done, said) = world.run(&["handoff", "control-1", "--abort"]);
            if adopted {
                forth += 1;
                assert_eq!(code, Some(1), "{at} {when}: {done}");
                assert!(said.starts_with("error: control-1 has its lease already"), "{at} {when}: {said}");
                assert_eq!(world.run(GO).0, Some(0), "{at} {when}");
                assert_eq!(world.coordinators(), ["control-1"], "{at} {when}");
            } else {
                back += 1;
                assert_eq!(code, Some(0), "{at} {when}: {said}");
                assert_eq!(world.coordinators(), ["primer-1"], "{at} {when}");
                // And then again, all the way.
                assert_eq!(world.run(GO).0, Some(0), "{at} {when}");
                assert_eq!(world.coordinators(), ["control-1"], "{at} {when}");
            }
        }
    }
    assert!(back >= 5 && forth >= 3, "{back} {forth}");
}

#[test]
fn there_and_back() {
    let world = moved();
    world.sql("control-1", "INSERT INTO nodes VALUES (3, 'worker-2', 2.5)");
    world.at("control-1", "log");
    let (code, _, said) = world.run(&["handoff", "primer-1"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.coordinators(), ["primer-1"]);
    let rows = world
        .at("primer-1", "sqlite3 $WORLD/primer-1/headscale/db.sqlite 'SELECT count(*) FROM nodes'")
        .stdout;
    assert_eq!(rows, b"3\n");
}

#[test]
fn a_standby_takes_over_and_the_lost_one_gives_way() {
    let world = World::new();
    fs::remove_file(world.path("primer-1/up")).unwrap();
    let (code, done, said) = world.run(&["takeover", "control-2", "--lose-unreplicated-changes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(done.contains("primer-1") && done.contains("did not answer"), "{done}");
    // The lost one never heard of it. When it starts, it asks.
    fs::write(world.path("primer-1/up"), "").unwrap();
    fs::remove_file(world.path("primer-1/units/headscale.service")).unwrap();
    world.at("primer-1", "systemctl start headscale.service");
    assert_eq!(world.coordinators(), ["control-2"]);
    assert!(!world.path("primer-1/state/lease").exists());
}

#[test]
fn a_lost_one_that_runs_gives_way_at_its_next_look() {
    let world = World::new();
    fs::remove_file(world.path("primer-1/up")).unwrap();
    assert_eq!(world.run(&["takeover", "control-2", "--lose-unreplicated-changes"]).0, Some(0));
    fs::write(world.path("primer-1/up"), "").unwrap();
    // It was cut off, and both serve.
    assert_eq!(world.coordinators(), ["primer-1", "control-2"]);
    world.look("primer-1");
    assert_eq!(world.coordinators(), ["control-2"]);
}

#[test]
fn a_standby_asks_whom_it_follows_and_all_others_only_when_that_one_is_silent() {
    let world = moved();
    world.look("control-2");
    assert_eq!(world.look("control-2"), ["control-1".to_owned()].into());
    // Whoever serves hears everybody: one of them may have taken over.
    assert!(world.look("control-1").len() > 1);
    fs::remove_file(world.path("control-1/up")).unwrap();
    assert!(world.look("control-2").contains("primer-1"));
    assert_eq!(world.run(&["takeover", "primer-1", "--lose-unreplicated-changes"]).0, Some(0));
    // The old one is back and believes that it serves; a standby that was told of the new one does not ask it.
    fs::write(world.path("control-1/up"), "").unwrap();
    assert_eq!(world.look("control-2"), ["primer-1".to_owned()].into());
}

#[test]
fn a_takeover_that_was_killed_goes_on() {
    let go = &["takeover", "control-1", "--lose-unreplicated-changes"];
    let lost = || {
        let world = World::new();
        fs::remove_file(world.path("primer-1/up")).unwrap();
        world
    };
    let undisturbed = lost();
    assert_eq!(undisturbed.run(go).0, Some(0));
    for at in 1..=undisturbed.said() {
        for when in ["before", "meanwhile", "after"] {
            let world = lost();
            let _ = world.mesh(go).env("KILL_AT", format!("{at} {when}")).output().unwrap();
            let (code, _, said) = world.run(go);
            assert_eq!(code, Some(0), "{at} {when}: {said}");
            assert_eq!(world.state(), undisturbed.state(), "{at} {when}");
        }
    }
}

#[test]
fn the_address_is_changed_by_the_program_that_is_named() {
    let world = World::new();
    let hook = world.path("dns");
    fs::write(&hook, "#!/bin/sh\necho \"$@\" > changed\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, done, said) = world.run(&["handoff", "control-1", "--dns-command", "./dns", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["addressChanged"], true);
    assert_eq!(fs::read_to_string(world.path("changed")).unwrap(), "mesh.keystone.example 203.0.113.14\n");
}

/// A torn last line was never on the disk as a whole, so what it tells did not happen.
#[test]
fn a_torn_journal_is_read() {
    let expected = moved().state();
    let world = World::new();
    let _ = world.mesh(GO).env("KILL_AT", "2 after").output().unwrap();
    let journal = world.path("desk/keystone/handoff-production.journal");
    let text = fs::read_to_string(&journal).unwrap();
    for length in 0..text.len() {
        fs::write(&journal, &text[..length]).unwrap();
        let copy = world.run(&["handoff", "control-1", "--dry-run"]);
        assert_eq!(copy.0, Some(0), "{length}: {}", copy.2);
    }
    fs::write(&journal, &text[..text.len() - 3]).unwrap();
    let (code, _, said) = world.run(GO);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.state(), expected);
}
