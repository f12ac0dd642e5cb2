//! An admin's desk: a folder with inventory and secrets, programs that stand for other machines, and age to look into
//! files.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The key that the stand-in of a coordinator mints.
pub const KEY: &str =
    "hskey-auth-AAAAAAAAAAAA-0123456789012345678901234567890123456789012345678901234567890123";

pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["hosts", "secrets", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::copy(here("../../hosts/cluster.toml"), folder.path().join("hosts/cluster.toml")).unwrap();
        Self { folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn inventory(&self, text: &str) {
        fs::write(self.path("hosts/cluster.toml"), text).unwrap();
    }

    /// Puts a shell script on PATH.
    pub fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\nPATH=/usr/bin:/bin:$OUTSIDE\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// An ssh that reaches a coordinator, which notes what it was asked.
    pub fn coordinator(&self) {
        self.program("ssh", &format!("echo \"$*\" > asked\necho '{{ \"id\": 3, \"key\": \"{KEY}\" }}'\n"));
    }

    /// `mesh enroll`, with nothing on PATH but the desk's own programs.
    pub fn enroll(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"));
        command
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env("OUTSIDE", std::env::var_os("PATH").unwrap_or_default())
            .env("PATH", self.path("bin"))
            .args(["mesh", "enroll"])
            .args(arguments);
        command
    }

    /// Every file below the desk.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap().to_owned();
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    /// What the throw-away identity finds in the file, if it opens.
    pub fn opened(&self, file: &str, identity: &str) -> Option<String> {
        opened(&fs::read(self.path(file)).unwrap(), identity)
    }

    /// The same with a throw-away SSH key.
    pub fn opened_by_ssh(&self, file: &str, key: &str) -> Option<String> {
        let text = fs::read(here("../../checks/fixtures/identities").join(key)).unwrap();
        let identity = age::ssh::Identity::from_buffer(text.as_slice(), None).unwrap();
        age::decrypt(&identity, &fs::read(self.path(file)).unwrap())
            .ok()
            .map(|text| String::from_utf8(text).unwrap())
    }
}

/// What the throw-away identity finds in the file, if it opens.
pub fn opened(file: &[u8], identity: &str) -> Option<String> {
    let path = here("../../checks/fixtures/identities").join(format!("{identity}.txt"));
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let identity: age::x25519::Identity = line.parse().unwrap();
    age::decrypt(&identity, file).ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}
