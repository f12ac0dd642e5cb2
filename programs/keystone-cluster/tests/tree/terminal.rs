//! A terminal of its own, by `script` of util-linux: what asks people only asks at one.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{PROGRAM, Tree, identity};

pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    said: String,
}

/// Without `script`, tests that need a terminal are skipped by name.
pub fn script_is_here() -> bool {
    let here = Command::new("script").arg("--version").output().is_ok_and(|done| done.status.success());
    if !here {
        eprintln!("skipped: script (of util-linux) is not here");
    }
    here
}

impl Terminal {
    /// `keystone-cluster secrets` at a terminal, after `before`, a command that runs the rest of its line.
    pub fn start(tree: &Tree, before: &[&str], env: &[(&str, &str)], arguments: &[&str]) -> Self {
        let quoted = |word: &&str| format!("'{}'", word.replace('\'', r"'\''"));
        let words = before.iter().chain(&[PROGRAM, "secrets", "--rules", "inventory"]).chain(arguments);
        let line = words.map(quoted).collect::<Vec<_>>().join(" ");
        let mut child = Command::new("timeout")
            .args(["120", "script", "--quiet", "--return", "--flush", "--command"])
            .args([&format!("exec {line}"), "/dev/null"])
            .current_dir(tree.root())
            .env("HOME", tree.path("home"))
            .env_remove("VISUAL")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (keys, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, keys, screen, said: String::new() }
    }

    /// As alice, who signs with her SSH key.
    pub fn alice(tree: &Tree, before: &[&str], env: &[(&str, &str)], arguments: &[&str]) -> Self {
        let (alice, key) = (identity("people/alice.txt"), identity("people/alice-ssh"));
        let who = ["-i", &alice, "--sign-key", &key];
        Self::start(tree, before, env, &[arguments, &who].concat())
    }

    /// Waits until a text is on the screen.
    pub fn until(&mut self, text: &str) {
        let mut byte = [0];
        while !self.said.contains(text) {
            assert!(self.screen.read(&mut byte).unwrap() == 1, "{text} never came: {}", self.said);
            self.said.push(char::from(byte[0]));
        }
    }

    pub fn types(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Exit code, and all that was on the screen.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).unwrap();
        self.said.push_str(&String::from_utf8_lossy(&rest));
        drop(self.keys);
        (self.child.wait().unwrap().code(), self.said)
    }
}
