//! A change of many files, stopped at every single system call that changes a file: killed there, and told that the disk is
//! full there. Whatever it was, afterwards every file is old or every file is new, and `resume` says which.
//!
//! strace does it to the real program. Where there is none, or it may not trace, these tests are skipped by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};
use std::sync::LazyLock;

use tree::{PROGRAM, Tree, identity, opened, text};

/// What changes a file, or the names of files, or brings either to the disk.
const CALLS: &str = "mkdir,mkdirat,open,openat,creat,write,pwrite64,fchmod,chmod,fchmodat,link,linkat,rename,renameat,renameat2,\
                     fsync,fdatasync,unlink,unlinkat,rmdir,ftruncate";

fn traced(tree: &Tree, strace: &[&str], arguments: &[&str]) -> Output {
    let log = tree.path("home/trace");
    Command::new("strace")
        .current_dir(tree.root())
        .env("HOME", tree.path("home"))
        .args(["-f", "-qq", "-o"])
        .arg(&log)
        .args(strace)
        .args([PROGRAM, "secrets", "--rules", "inventory"])
        .args(arguments)
        .args(["-i", &identity("people/alice.txt"), "--sign-key", &identity("people/alice-ssh")])
        .output()
        .expect("strace runs")
}

fn strace_works() -> bool {
    let works = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .output()
        .is_ok_and(|done| done.status.success());
    if !works {
        eprintln!("skipped: strace is not here, or may not trace");
    }
    works
}

/// A tree in which every file has to be encrypted anew, as bob left.
fn before() -> Tree {
    static READY: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
        let tree = Tree::adopted();
        // Half as many files are enough to see a set fall apart, and take half the time.
        for name in ["headscale-derp", "headscale-private", "oidc-signing"] {
            fs::remove_file(tree.path(&format!("secrets/{name}.age"))).unwrap();
        }
        tree.good(&["adopt"]);
        tree.bob_leaves();
        tree.kept()
    });
    Tree::of(&READY)
}

/// The calls that change something in the tree, in order: which, and its how many-th.
fn calls() -> Vec<(String, usize)> {
    let tree = before();
    let done = traced(&tree, &["-e", &format!("trace={CALLS}")], &["rekey"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    // strace counts for each thread.
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    let mut changing = false;
    for line in fs::read_to_string(tree.path("home/trace")).unwrap().lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let Some((name, _)) = call.split_once('(') else { continue };
        if name.contains(['<', ' ', '+', '-']) {
            continue;
        }
        let count = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *count += 1;
        // From the first change of the tree on; and of opening, only what makes a file.
        changing |= name.starts_with("mkdir");
        let makes = !name.starts_with("open") || call.contains("O_CREAT");
        let call = (name.to_owned(), *count);
        if changing && makes && !calls.contains(&call) {
            calls.push(call);
        }
    }
    calls
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    Old,
    New,
}

/// All old or all new, and never something between.
fn state(tree: &Tree, old: &BTreeMap<String, Vec<u8>>, at: &str) -> State {
    let now = tree.files();
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&now), names(old), "{at}");
    let changed: Vec<&String> = now.keys().filter(|name| now[*name] != old[*name]).collect();
    let state = if changed.is_empty() {
        State::Old
    } else {
        assert_eq!(changed.len(), now.len(), "{at}: only {changed:?} are new");
        State::New
    };
    for (name, bytes) in now.iter().filter(|(name, _)| !name.starts_with("lock.json")) {
        assert!(opened(bytes, "people/alice").is_some(), "{at}: {name} is damaged");
        assert_eq!(opened(bytes, "people/bob").is_some(), state == State::Old, "{at}: {name}");
    }
    state
}

/// The lock is one over these files, and its signature one over this lock.
fn verified(tree: &Tree, state: State, at: &str) {
    let done = tree.command(&["verify", "--json"]).output().unwrap();
    let verdict: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let kinds: Vec<&str> =
        verdict["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
    let fine = match state {
        // bob's going is in the inventory and not in the files.
        State::Old => ["stale", "not-rotated"].as_slice(),
        State::New => ["not-rotated"].as_slice(),
    };
    assert!(kinds.iter().all(|kind| fine.contains(kind)), "{at}: {verdict}");
    assert_eq!(verdict["signedBy"], "alice", "{at}");
}

#[test]
fn killed_at_every_call_that_changes_a_file() {
    if !strace_works() {
        return;
    }
    let calls = calls();
    assert!(calls.len() > 30, "{calls:?}");
    let (mut old, mut new) = (0, 0);
    for (call, count) in calls {
        let at = format!("killed at the {count}th {call}");
        let tree = before();
        let files = tree.files();
        let inject = format!("inject={call}:signal=KILL:when={count}");
        let done = traced(&tree, &["-e", &format!("trace={call}"), "-e", &inject], &["rekey"]);
        // Threads sync in any order, so that a count may be one that a run does not reach.
        if done.status.success() {
            assert_eq!(state(&tree, &files, &at), State::New);
            continue;
        }
        let done = tree.command(&["resume", "--json"]).output().unwrap();
        assert!(done.status.success(), "{at}: {}", text(&done.stderr));
        let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        let state = state(&tree, &files, &at);
        match said["files"].as_str().unwrap() {
            "all-old" => assert_eq!(state, State::Old, "{at}"),
            "all-new" => assert_eq!(state, State::New, "{at}"),
            said => assert_eq!(said, "nothing", "{at}"),
        }
        verified(&tree, state, &at);
        assert!(!tree.path("secrets/.keystone-unfinished").exists(), "{at}");
        if state == State::Old { old += 1 } else { new += 1 }
    }
    assert!(old > 10 && new > 5, "{old} old, {new} new");
}

#[test]
fn a_full_disk_at_every_call_that_changes_a_file() {
    if !strace_works() {
        return;
    }
    let (mut old, mut new) = (0, 0);
    for (call, count) in calls() {
        // What a disk that is full does not say to.
        if call.starts_with("unlink") || call == "rmdir" {
            continue;
        }
        let at = format!("no space at the {count}th {call}");
        let tree = before();
        let files = tree.files();
        let inject = format!("inject={call}:error=ENOSPC:when={count}");
        let done = traced(&tree, &["-e", &format!("trace={call}"), "-e", &inject], &["rekey"]);
        // Without `resume`: it is old or new by itself, and what was said is true.
        let state = state(&tree, &files, &at);
        let said = text(&done.stderr);
        if done.status.success() || said.contains("cannot write the output") {
            assert_eq!(state, State::New, "{at}");
            new += 1;
        } else {
            assert_eq!(state, State::Old, "{at}: {said}");
            assert!(said.contains("No space left on device"), "{at}: {said}");
            old += 1;
        }
        let done = tree.command(&["resume"]).output().unwrap();
        assert!(done.status.success(), "{at}: {}", text(&done.stderr));
        verified(&tree, state, &at);
    }
    assert!(old > 10, "{old} old, {new} new");
}

/// From one rename on, everything fails: neither forward nor back is possible, until it is.
#[test]
fn what_cannot_go_either_way_waits_for_resume() {
    if !strace_works() {
        return;
    }
    let renames: Vec<(String, usize)> =
        calls().into_iter().filter(|(call, _)| call.starts_with("rename")).collect();
    assert!(renames.len() > 4, "{renames:?}");
    for (call, count) in renames.iter().skip(1) {
        let at = format!("no rename from the {count}th {call} on");
        let tree = before();
        let files = tree.files();
        let inject = format!("inject={call}:error=EIO:when={count}+");
        let done = traced(&tree, &["-e", &format!("trace={call}"), "-e", &inject], &["rekey"]);
        assert_eq!(done.status.code(), Some(1), "{at}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains("secrets resume"), "{at}: {}", text(&done.stderr));
        // Nothing else begins before.
        assert!(tree.bad(&["rekey", "--all"]).contains("an earlier change was interrupted"), "{at}");
        let said = text(&tree.command(&["resume"]).output().unwrap().stdout);
        assert!(said.contains("every file is new"), "{at}: {said}");
        assert_eq!(state(&tree, &files, &at), State::New);
    }
}

/// What a kill does not show, and a power cut would: everything new is on the disk before the change is decided, and the decision
/// before the first target changes.
#[test]
fn new_files_and_the_decision_are_synced_in_this_order() {
    if !strace_works() {
        return;
    }
    let tree = before();
    let calls = "trace=fsync,fdatasync,rename,renameat,renameat2";
    let done = traced(&tree, &["-y", "-e", calls], &["rekey"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let trace = fs::read_to_string(tree.path("home/trace")).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let first = |what: &dyn Fn(&str) -> bool, called: &str| {
        lines.iter().position(|line| what(line)).unwrap_or_else(|| panic!("{called} is not in {trace}"))
    };
    let renames = |line: &str, from: &str| line.contains("rename") && line.contains(from);
    let synced = |line: &str, path: &str| line.contains("sync(") && line.contains(&format!("{path}>"));
    let decided = first(&|line| renames(line, "journal.part\""), "the decision");
    let began = first(&|line| renames(line, ".new\""), "the first target");
    let swapped = lines.iter().filter(|line| renames(line, ".new\"")).count();
    let staged: BTreeSet<usize> = (0..swapped)
        .map(|index| {
            first(
                &|line| synced(line, &format!("/.keystone-unfinished/{index}.new")),
                "a new file that is synced",
            )
        })
        .collect();
    assert!(swapped > 5 && staged.len() == swapped, "{trace}");
    assert!(staged.iter().all(|at| *at < decided), "{trace}");
    let journal = first(&|line| synced(line, "/journal.part"), "the journal that is synced");
    assert!(journal < decided && decided < began, "{trace}");
    let between = lines.get(decided..began).unwrap();
    assert!(between.iter().any(|line| synced(line, "/secrets/.keystone-unfinished")), "{trace}");
    let last = lines.iter().rposition(|line| renames(line, ".new\"")).unwrap();
    assert!(lines.iter().skip(last).any(|line| synced(line, "/secrets")), "{trace}");
}
