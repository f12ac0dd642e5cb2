//! Three real daemons on loopback, on ports that the system chooses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]
#![allow(dead_code, reason = "not every test uses all of it")]

pub mod control_plane;
pub mod proxy;
pub mod walker;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use keystone_pki::certificate::{PrivateKey, SigningRequest, Subject};
use serde_json::{Value, json};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keystone-primer");

/// Three primers.
pub struct Three {
    pub folder: tempfile::TempDir,
    listeners: Vec<Option<TcpListener>>,
    addresses: Vec<SocketAddr>,
    daemons: Vec<Option<Child>>,
}

/// A key in a file opens the shares, and everything is approved.
pub const LAB: bool = true;
/// Passphrases, and a person approves.
pub const PRODUCTION: bool = false;

impl Three {
    /// Three that have not begun, running.
    pub fn start(lab: bool) -> Self {
        Self::configured(lab, &json!({}))
    }

    /// The same, with more in their configurations.
    pub fn configured(lab: bool, more: &Value) -> Self {
        Self::behind(lab, more, &|real| real.to_vec())
    }

    /// The same, with other addresses in their configurations than those on which they listen.
    pub fn behind(lab: bool, more: &Value, known: &dyn Fn(&[SocketAddr]) -> Vec<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let peers: Vec<String> =
            known(&addresses).iter().zip(1..).map(|(address, n)| format!("primer-{n}={address}")).collect();
        let inventory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
        for n in 1..=3 {
            let own = folder.path().join(format!("primer-{n}"));
            fs::create_dir(&own).unwrap();
            let mut config = json!({
                "schema": 1, "node": format!("primer-{n}"), "role": "primer", "port": 0, "cluster": "production",
                "peers": peers, "keyStorage": own.join("keys"), "quorumSize": 2,
                "backupRecipient": own.join("backup.txt"), "inventory": inventory,
                "labKey": lab.then(|| own.join("lab.key")),
            });
            for (key, value) in more.as_object().unwrap() {
                config[key] = value.clone();
            }
            fs::write(own.join("primer.json"), config.to_string()).unwrap();
        }
        let mut three = Self {
            folder,
            listeners: listeners.into_iter().map(Some).collect(),
            addresses,
            daemons: vec![None, None, None],
        };
        for n in 1..=3 {
            three.run(n);
        }
        three
    }

    /// Changes a configuration; a daemon reads it when it starts.
    pub fn configure(&self, n: usize, key: &str, value: Value) {
        let path = self.path(n, "primer.json");
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        config[key] = value;
        fs::write(path, config.to_string()).unwrap();
    }

    pub fn path(&self, n: usize, name: &str) -> PathBuf {
        self.folder.path().join(format!("primer-{n}")).join(name)
    }

    /// Starts a daemon, and waits until it says that it is ready.
    pub fn run(&mut self, n: usize) {
        // Not kept here: whoever connects to a primer that is off must be refused.
        let address = self.addresses[n - 1];
        let socket = self.listeners[n - 1].take().unwrap_or_else(|| TcpListener::bind(address).unwrap());
        let log = File::options().create(true).append(true).open(self.path(n, "log")).unwrap();
        let mut daemon = Command::new(PROGRAM)
            .arg("--config")
            .arg(self.path(n, "primer.json"))
            .args(["serve", "--inherited"])
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let stdout = daemon.stdout.take().unwrap();
        self.daemons[n - 1] = Some(daemon);
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "{}", self.log(n));
    }

    /// The daemon's process.
    pub fn pid(&self, n: usize) -> u32 {
        self.daemons[n - 1].as_ref().unwrap().id()
    }

    /// kill -9.
    pub fn kill(&mut self, n: usize) {
        if let Some(mut daemon) = self.daemons[n - 1].take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Another machine, primer-4, stands in the configurations where the third stood; it has nothing of it.
    pub fn replace_the_third(&mut self) {
        for n in 1..=3 {
            self.kill(n);
        }
        fs::remove_dir_all(self.path(3, "keys")).unwrap();
        fs::remove_file(self.path(3, "lab.key")).unwrap();
        let config: Value =
            serde_json::from_str(&fs::read_to_string(self.path(3, "primer.json")).unwrap()).unwrap();
        let peers: Vec<String> = config["peers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|peer| peer.as_str().unwrap().replace("primer-3=", "primer-4="))
            .collect();
        for n in 1..=3 {
            self.configure(n, "peers", json!(peers));
        }
        self.configure(3, "node", json!("primer-4"));
        for n in 1..=3 {
            self.run(n);
        }
    }

    pub fn log(&self, n: usize) -> String {
        fs::read_to_string(self.path(n, "log")).unwrap_or_default()
    }

    pub fn try_do(&self, n: usize, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(PROGRAM)
            .arg("--config")
            .arg(self.path(n, "primer.json"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command says, which must succeed.
    pub fn say(&self, n: usize, arguments: &[&str], input: &str) -> String {
        let output = self.try_do(n, arguments, input);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {error}\n{}",
            (1..=3).map(|n| self.log(n)).collect::<String>()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, n: usize, arguments: &[&str]) -> Value {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        serde_json::from_str(&self.say(n, &all, "")).unwrap()
    }

    /// What a command says that must fail.
    pub fn refused(&self, n: usize, arguments: &[&str]) -> String {
        let output = self.try_do(n, arguments, "");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// Init and joins; gives the tokens.
    pub fn begin(&self) -> Vec<String> {
        let begun = self.json(1, &["init", "--cluster", "production"]);
        for (n, token) in (2..).zip(begun["tokens"].as_array().unwrap()) {
            self.say(n, &["join", "--token", "-"], token["token"].as_str().unwrap());
        }
        let tokens = begun["tokens"].as_array().unwrap();
        tokens.iter().map(|token| token["token"].as_str().unwrap().to_owned()).collect()
    }

    /// All the way to the root's certificate, in a lab.
    pub fn ready(lab: bool) -> Self {
        let three = Self::start(lab);
        three.begin();
        for n in 1..=3 {
            three.say(n, &["status", "--wait", "60"], "");
        }
        three
    }
}

impl Drop for Three {
    fn drop(&mut self) {
        for n in 1..=3 {
            self.kill(n);
        }
    }
}

/// A request to sign a certificate of worker-1's.
pub fn request(path: &Path) {
    let key = PrivateKey::generate(&mut rand_core::OsRng);
    let subject = Subject { organisation: None, common_name: "worker-1".to_owned() };
    let request = SigningRequest::new(&key, &subject, &BTreeSet::new()).unwrap();
    fs::write(path, request.pem()).unwrap();
}

/// What `age` writes for the recipient.
pub fn encrypt(recipient: &str, text: &str, path: &Path) {
    let recipient: age::x25519::Recipient = recipient.trim().parse().unwrap();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut writer = encryptor.wrap_output(File::create(path).unwrap()).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap();
}
