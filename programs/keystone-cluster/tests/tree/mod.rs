//! A copy of the reference cluster's tree that `keystone-cluster secrets` works on, as one of its throw-away people.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub mod terminal;
pub mod verdict;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keystone-cluster");

pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize().unwrap()
}

pub fn identity(name: &str) -> String {
    here("checks/fixtures/identities").join(name).display().to_string()
}

const COMMITMENTS: &str = "secret-commitments.age";

pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// The reference cluster's tree, before it had a lock.
    pub fn new() -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["secrets", "hosts/trust/service-account", "home", "modules/cluster", "lib"] {
            fs::create_dir_all(tree.path(folder)).unwrap();
        }
        for file in [
            "hosts/cluster.toml",
            "hosts/trust/trust.toml",
            "secrets.nix",
            "lib/secret-rules.nix",
            "modules/cluster/secrets.json",
        ] {
            fs::copy(here(file), tree.path(file)).unwrap();
        }
        for folder in ["secrets", "hosts/trust/service-account"] {
            for entry in fs::read_dir(here(folder)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                let ending = Path::new(&name).extension().unwrap_or_default();
                // What came with the lock goes without it.
                if (ending == "age" || ending == "pub") && name != COMMITMENTS {
                    fs::copy(entry.path(), tree.path(folder).join(name)).unwrap();
                }
            }
        }
        tree
    }

    /// The reference cluster's tree with its lock.
    pub fn reference() -> Self {
        let tree = Self::new();
        for name in ["lock.json", "lock.json.sig", COMMITMENTS] {
            fs::copy(here("secrets").join(name), tree.path("secrets").join(name)).unwrap();
        }
        tree
    }

    /// A tree that alice adopted and signed.
    pub fn adopted() -> Self {
        let tree = Self::new();
        tree.good(&["adopt"]);
        tree
    }

    /// Its files, to be put elsewhere.
    pub fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        let mut kept = BTreeMap::new();
        for folder in ["secrets", "hosts"] {
            for entry in fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap()) {
                if entry.path().is_file() {
                    let name = entry.file_name().into_string().unwrap();
                    kept.insert(format!("{folder}/{name}"), fs::read(entry.path()).unwrap());
                }
            }
        }
        kept
    }

    /// A tree of such files.
    pub fn of(kept: &BTreeMap<String, Vec<u8>>) -> Self {
        let tree = Self::new();
        for path in tree.kept().keys() {
            fs::remove_file(tree.path(path)).unwrap();
        }
        for (path, bytes) in kept {
            fs::write(tree.path(path), bytes).unwrap();
        }
        tree
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .arg("secrets")
            .args(arguments);
        // Nix takes longer than all the rest, and a test of its own.
        if !arguments.contains(&"--rules") {
            command.args(["--rules", "inventory"]);
        }
        command
    }

    /// As alice, who signs with her SSH key.
    pub fn alice(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args(["-i", &identity("people/alice.txt"), "--sign-key", &identity("people/alice-ssh")]);
        command
    }

    /// As alice; it has to go well.
    pub fn good(&self, arguments: &[&str]) -> String {
        let done = self.alice(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    /// As alice; it has to fail. What was said.
    pub fn bad(&self, arguments: &[&str]) -> String {
        failed(&self.alice(arguments).output().unwrap())
    }

    pub fn piped(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .alice(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }

    /// bob is no admin any more.
    pub fn bob_leaves(&self) {
        self.replace(
            "hosts/cluster.toml",
            "email = \"bob@keystone.example\"\nadmin = true",
            "email = \"bob@keystone.example\"",
        );
    }

    /// Every file below `secrets`.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.path("secrets")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                files.insert(entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
            }
        }
        files
    }

    /// What a secret holds for somebody.
    pub fn opened(&self, name: &str, who: &str) -> Option<String> {
        opened(&fs::read(self.path(&format!("secrets/{name}.age"))).unwrap(), who)
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let done = Command::new("git")
            .current_dir(self.root())
            .args([
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@keystone.example",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(arguments)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", text(&done.stderr));
        text(&done.stdout)
    }

    pub fn commit(&self, what: &str) {
        if !self.path(".git").exists() {
            self.git(&["init", "-q"]);
        }
        self.git(&["add", "-A", "--", "secrets", "hosts", "secrets.nix", "lib"]);
        self.git(&["commit", "-q", "-m", what]);
    }
}

/// Without git, tests that need a history are skipped by name.
pub fn git_is_here() -> bool {
    let here = Command::new("git").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: git is not here");
    }
    here
}

pub fn opened(file: &[u8], who: &str) -> Option<String> {
    let text = fs::read_to_string(identity(&format!("{who}.txt"))).unwrap();
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let identity: age::x25519::Identity = line.parse().unwrap();
    age::decrypt(&identity, file).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn failed(done: &Output) -> String {
    assert_eq!(done.status.code(), Some(1), "{}{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout) + &text(&done.stderr)
}
