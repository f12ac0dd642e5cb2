//! Where memory cannot be locked: one plain warning, or, if it has to be, nothing is done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::process::{Command, Output};

use tree::{PROGRAM, Tree, identity, text};

/// With no memory that may be locked. Root may all the same, until it gives that up.
fn limited(tree: &Tree, arguments: &[&str]) -> Output {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command
        .args(["-c", "ulimit -l 0 && exec \"$@\"", "sh", PROGRAM, "secrets", "--rules", "inventory"])
        .args(arguments)
        .args(["-i", &identity("people/alice.txt"), "--sign-key", &identity("people/alice-ssh")])
        .current_dir(tree.root())
        .env("HOME", tree.path("home"))
        .output()
        .unwrap()
}

fn said(done: &Output) -> String {
    text(&done.stdout) + &text(&done.stderr)
}

#[test]
fn memory_that_cannot_be_locked() {
    let tree = Tree::adopted();
    let warning = "warning: not all secrets lay in locked memory";
    let done = limited(&tree, &["list"]);
    if !done.status.success() {
        eprintln!("skipped: the limit cannot be lowered here: {}", said(&done));
        return;
    }
    let before = tree.files();
    for arguments in
        [["rekey", "--all"].as_slice(), &["rotate", "headscale-derp"], &["show", "headscale-derp"]]
    {
        let done = limited(&tree, &[arguments, &["--require-mlock"]].concat());
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {}", said(&done));
        assert!(said(&done).contains("memory cannot be locked"), "{arguments:?}: {}", said(&done));
        assert!(done.stdout.is_empty(), "{arguments:?}");
        assert_eq!(tree.files(), before, "{arguments:?}");
    }
    let value = tree.opened("headscale-derp", "people/alice").unwrap();
    let done = limited(&tree, &["show", "headscale-derp"]);
    assert_eq!(text(&done.stdout), value, "a warning is no part of a value");
    assert_eq!(text(&done.stderr).matches(warning).count(), 1, "{}", said(&done));
    let done = limited(&tree, &["rekey", "--all"]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(said(&done).matches(warning).count(), 1, "{}", said(&done));
    assert_ne!(tree.files(), before);
}
