//! `keystone-cluster secrets edit` with an editor: what it works on lies in memory, for nobody else, and is gone afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tree::terminal::{Terminal, script_is_here};
use tree::{Tree, text};

/// What no file and no process may show.
const OLD: &str = "old-value-not-to-be-seen";
const NEW: &str = "new-value-not-to-be-seen";

struct Desk {
    tree: Tree,
    /// Editor, and what it noted: outside of everything that is searched.
    aside: TempDir,
}

impl Desk {
    fn new() -> Self {
        let tree = Tree::adopted();
        assert!(tree.piped(&["edit", "headscale-derp"], OLD).status.success());
        fs::create_dir(tree.path("home/tmp")).unwrap();
        Self { tree, aside: tempfile::tempdir().unwrap() }
    }

    /// An editor that notes where it works, and whether whoever called it shows the value; then it does what it is told.
    fn edits(&self, script: &str, before: &[&str]) -> (Option<i32>, String) {
        let editor = self.aside.path().join("editor");
        let notes = self.aside.path().join("notes");
        let text = format!(
            "#!/bin/sh\n\
             {{ echo \"file $1\"; stat -f -c 'kind %T' \"$1\"; stat -c 'mode %a' \"$1\"; stat -c 'folder %a' \"${{1%/*}}\"\n\
             for part in cmdline environ; do echo \"$part $(grep -c -a {OLD} /proc/$PPID/$part /proc/$$/$part | tr '\\n' ' ')\"; done\n\
             grep -q {OLD} \"$1\" && echo 'held yes'; }} > '{}'\n\
             {script}\n",
            notes.display()
        );
        fs::write(&editor, text).unwrap();
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
        let temporary = self.tree.path("home/tmp");
        let env = [("EDITOR", editor.to_str().unwrap()), ("TMPDIR", temporary.to_str().unwrap())];
        Terminal::alice(&self.tree, before, &env, &["edit", "headscale-derp"]).end()
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.aside.path().join("notes")).unwrap();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn value(&self) -> String {
        self.tree.opened("headscale-derp", "people/alice").unwrap()
    }

    /// Nothing of either value lies anywhere where this could have left it.
    fn nothing_is_left(&self) {
        let folder = PathBuf::from(&self.notes()["file"]).parent().unwrap().to_owned();
        assert!(!folder.exists(), "{} is left", folder.display());
        let mut open = vec![self.tree.root().to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).unwrap().map(|entry| entry.unwrap()) {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    shows_nothing(&entry.path());
                }
            }
        }
    }
}

fn shows_nothing(path: &Path) {
    let text = text(&fs::read(path).unwrap());
    assert!(!text.contains(OLD) && !text.contains(NEW), "{}", path.display());
}

#[test]
fn an_editor_sees_a_file_in_memory_that_is_gone_afterwards() {
    if !script_is_here() {
        return;
    }
    let desk = Desk::new();
    // As editors do: a backup beside, and another file in the place of the first.
    let script = format!("cp \"$1\" \"$1~\" && printf {NEW} > \"$1.new\" && mv \"$1.new\" \"$1\"");
    let (code, said) = desk.edits(&script, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(OLD) && !said.contains(NEW), "{said}");
    let notes = desk.notes();
    assert_eq!(notes["held"], "yes");
    assert!(["tmpfs", "ramfs"].contains(&notes["kind"].as_str()), "{notes:?}");
    assert_eq!((notes["mode"].as_str(), notes["folder"].as_str()), ("600", "700"));
    for part in ["cmdline", "environ"] {
        assert!(!notes[part].contains(":1"), "{part} shows the value: {notes:?}");
    }
    assert_eq!(desk.value(), NEW);
    desk.nothing_is_left();
    desk.tree.good(&["verify", "--require-signed"]);
}

#[test]
fn an_editor_that_fails_or_changes_nothing_leaves_every_byte() {
    if !script_is_here() {
        return;
    }
    let desk = Desk::new();
    let before = desk.tree.files();
    for (script, code, words) in [
        (format!("printf {NEW} > \"$1\"; exit 3"), 1, "failed, and nothing was changed"),
        ("exit 0".to_owned(), 0, "headscale-derp is as it was, and nothing was written"),
        ("cp \"$1\" \"$1.new\" && mv \"$1.new\" \"$1\"".to_owned(), 0, "is as it was"),
        (": > \"$1\"".to_owned(), 0, "is as it was"),
        ("rm \"$1\"".to_owned(), 1, "No such file or directory"),
    ] {
        let (ended, said) = desk.edits(&script, &[]);
        assert_eq!(ended, Some(code), "{script}: {said}");
        assert!(said.contains(words), "{script}: {said}");
        assert_eq!(desk.tree.files(), before, "{script}");
        desk.nothing_is_left();
    }
}

/// A signal to all that runs at a terminal does not leave the value where the editor had it.
#[test]
fn signals_leave_nothing() {
    if !script_is_here() {
        return;
    }
    let desk = Desk::new();
    let before = desk.tree.files();
    for signal in ["TERM", "HUP"] {
        let (code, said) = desk.edits(&format!("printf {NEW} > \"$1\"; kill -{signal} $PPID"), &[]);
        assert_eq!(code, Some(1), "{signal}: {said}");
        assert!(said.contains("this was ended from outside, and nothing was changed"), "{signal}: {said}");
        assert_eq!(desk.tree.files(), before, "{signal}");
        desk.nothing_is_left();
    }
    // Ctrl-C belongs to the editor.
    let (code, said) = desk.edits(&format!("printf {NEW} > \"$1\"; kill -INT $PPID"), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.value(), NEW);
    desk.nothing_is_left();
}

#[test]
fn without_a_file_system_in_memory_it_is_told() {
    let possible = Command::new("unshare")
        .args(["--mount", "mount", "--bind", "/tmp", "/dev/shm"])
        .output()
        .is_ok_and(|done| done.status.success());
    if !possible || !script_is_here() {
        eprintln!("skipped: nothing can be mounted over /dev/shm here");
        return;
    }
    let desk = Desk::new();
    let before = desk.tree.files();
    let place = desk.tree.path("home/tmp");
    // $XDG_RUNTIME_DIR is looked at, too, and is no better.
    let hide = format!("mount --bind '{0}' /dev/shm && XDG_RUNTIME_DIR='{0}' exec \"$@\"", place.display());
    let (code, said) =
        desk.edits(&format!("printf {NEW} > \"$1\""), &["unshare", "--mount", "sh", "-c", &hide, "sh"]);
    // The test's own folder may lie in memory, and then there is nothing to see.
    let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(&place).output().unwrap();
    if text(&kind.stdout).trim() == "tmpfs" {
        eprintln!("skipped: all of this lies in memory");
        return;
    }
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("there is no file system in memory here") && said.contains("< FILE"), "{said}");
    assert!(!desk.aside.path().join("notes").exists(), "the editor was started");
    assert_eq!(desk.tree.files(), before);
}
