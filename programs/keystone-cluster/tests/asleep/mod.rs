//! A lab whose primers are off, and the control plane's rotation of what it left.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use keystone_pki::certificate::Certificate;
use serde_json::Value;

use crate::enrolment::{here, opened};

pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("lab").join(name)
    }

    pub fn run(&self, arguments: &[&str], identity: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
            .args(["rotate-keys", "--json"])
            .args(arguments)
            .arg("--inventory")
            .arg(self.path("cluster.toml"))
            .arg("--secrets")
            .arg(self.path("secrets"))
            .arg("--trust")
            .arg(self.path("trust"))
            .arg("--identity")
            .arg(here("../../checks/fixtures/identities").join(identity))
            .output()
            .unwrap()
    }

    pub fn done(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments, "nodes/control-1.txt");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn refused(&self, arguments: &[&str], identity: &str) -> String {
        let before = self.files();
        let output = self.run(arguments, identity);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(self.files(), before, "nothing was changed");
        let error: Value = serde_json::from_slice(&output.stdout).unwrap();
        format!("{} / {}", error["error"]["message"].as_str().unwrap(), error["error"]["fix"])
    }

    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("secrets"), self.path("trust")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }

    pub fn bundle(&self, authority: &str) -> Vec<Certificate> {
        let path = self.path(&format!("trust/{authority}-ca.crt"));
        Certificate::bundle(&fs::read_to_string(path).unwrap()).unwrap()
    }

    pub fn leaf(&self, host: &str, name: &str) -> Vec<Certificate> {
        let bytes = fs::read(self.path(&format!("secrets/pki-{host}.age"))).unwrap();
        let text = opened(&bytes, &format!("nodes/{host}")).unwrap();
        let contents: Value = serde_json::from_str(&text).unwrap();
        Certificate::bundle(contents[format!("{name}.crt")].as_str().unwrap()).unwrap()
    }
}

/// A lab, of which nothing runs any more.
pub fn asleep() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let lab = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
            .arg("lab")
            .args(arguments)
            .arg("--dir")
            .arg(folder.path().join("lab"))
            .current_dir(here("../.."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    lab(&["up"]);
    lab(&["down", "--keep"]);
    Place { folder }
}
