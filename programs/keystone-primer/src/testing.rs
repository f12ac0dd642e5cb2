//! Three primers in one process, on loopback, for tests that need to be one of them: to lie, to look at what is in memory, or
//! to be killed in between.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::config::Config;
use crate::control::Command;
use crate::message::Signed;
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::serve;

/// Changes a primer's answer before it goes out; the primer is its own.
pub type Lie = Arc<dyn Fn(&Primer, Signed) -> Result<Signed, Refusal> + Send + Sync>;

/// Three primers of a lab.
pub struct Trio {
    pub folder: tempfile::TempDir,
    pub primers: Vec<Arc<Primer>>,
}

fn config(folder: &Path, n: usize, addresses: &[SocketAddr], more: &serde_json::Value) -> Config {
    let peers: Vec<String> =
        addresses.iter().zip(1..).map(|(address, n)| format!("primer-{n}={address}")).collect();
    let own = folder.join(format!("primer-{n}"));
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    let mut config = json!({
        "schema": 1, "node": format!("primer-{n}"), "role": "primer", "port": 0, "cluster": "production",
        "peers": peers, "keyStorage": own, "quorumSize": 2, "inventory": inventory,
        "labKey": folder.join(format!("lab-{n}.key")),
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

impl Trio {
    /// All the way to the root's certificate.
    pub fn ready() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<SocketAddr> = listeners.iter().map(|one| one.local_addr().unwrap()).collect();
        let primers: Vec<Arc<Primer>> = (1..=3)
            .map(|n| Primer::open(config(folder.path(), n, &addresses, &json!({}))).unwrap())
            .collect();
        for (primer, listener) in primers.iter().zip(listeners) {
            let primer = Arc::clone(primer);
            // It ends with the test's process.
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let primer = Arc::clone(&primer);
                    thread::spawn(move || serve::connection(&primer, stream));
                }
            });
        }
        let quiet = |_: String| {};
        let begun = primers[0].execute(Command::Init { cluster: "production".to_owned() }, &quiet).unwrap();
        for (primer, token) in primers[1..].iter().zip(begun["tokens"].as_array().unwrap()) {
            let token = token["token"].as_str().unwrap().to_owned().into();
            primer.execute(Command::Join { token }, &quiet).unwrap();
        }
        for primer in &primers {
            primer.execute(Command::Wait { seconds: 60 }, &quiet).unwrap();
        }
        // Whoever led writes it down at the end, and shows it to the others.
        drop(primers[0].ceremony.lock().unwrap());
        Self { folder, primers }
    }

    /// From now on a primer's answers are changed before they go out.
    pub fn lies(&self, n: usize, lie: Lie) {
        *self.primers[n - 1].lie.lock().unwrap() = Some(lie);
    }

    /// A primer's state folder, file by file.
    pub fn state(&self, n: usize) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
        let mut found = std::collections::BTreeMap::new();
        let mut folders = vec![self.folder.path().join(format!("primer-{n}"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        found
    }

    /// A copy of a primer as it lies on disk, started.
    pub fn copy(&self, n: usize) -> (tempfile::TempDir, Arc<Primer>) {
        let folder = tempfile::tempdir().unwrap();
        let own = self.folder.path().join(format!("primer-{n}"));
        let target = folder.path().join("keys");
        for (path, bytes) in self.state(n) {
            let place = target.join(path.strip_prefix(&own).unwrap());
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
        }
        let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
        std::fs::set_permissions(&target, mode).unwrap();
        let mut config = self.primers[n - 1].config.clone();
        config.key_storage = target;
        (folder, Primer::open(config).unwrap())
    }
}

/// Where a lie is kept.
pub type Kept = Mutex<Option<Lie>>;
