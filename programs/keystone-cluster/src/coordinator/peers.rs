//! Asking the other candidates.

use std::path::Path;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lease::{self, Lease};
use super::settings::{Peer, Settings};
use super::system::{output, succeeds};

/// The version of the protocol that is named when asking for the key; any since 2022 has the same.
const PROTOCOL: &str = "116";

/// What each of the others knows, of those that answer. SSH in the mesh, to an account that can read and nothing else.
pub fn ask(settings: &Settings) -> Vec<Lease> {
    if in_mesh() { ask_all(settings) } else { Vec::new() }
}

/// What the holder of a lease knows, if it says that it still is; otherwise what each of the others does. A connection of SSH
/// costs more than all else that a candidate does while nothing happens, and whoever takes over tells everybody it reaches.
pub fn ask_holder_first(settings: &Settings, last: &Lease) -> Vec<Lease> {
    if !in_mesh() {
        return Vec::new();
    }
    let told = settings.peers.get(&last.holder).and_then(|peer| told_by(settings, peer));
    if told.as_ref() == Some(last) { told.into_iter().collect() } else { ask_all(settings) }
}

fn ask_all(settings: &Settings) -> Vec<Lease> {
    each(settings, |peer| told_by(settings, peer)).into_iter().map(|(_, lease)| lease).collect()
}

fn told_by(settings: &Settings, peer: &Peer) -> Option<Lease> {
    let file = tempfile::NamedTempFile::new().ok()?;
    let identity = settings.identity.to_string_lossy();
    let from = format!("{}@{}:/known", settings.account, peer.mesh_name);
    let to = file.path().to_string_lossy().into_owned();
    let options = [
        "-q",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=5",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "StrictHostKeyChecking=yes",
        "-i",
        &identity,
        &from,
        &to,
    ];
    succeeds("sftp", &options).then(|| lease::read::<Lease>(Path::new(&to)).ok().flatten()).flatten()
}

/// Those of the others that serve at the coordinator's URL, over their addresses outside the mesh.
pub fn serving(settings: &Settings) -> Vec<String> {
    let port = settings.port;
    each(settings, |peer| health(settings, &format!("{}:{port}", peer.endpoint)).then_some(()))
        .into_iter()
        .map(|(name, ())| name)
        .collect()
}

/// Headscale's public key as this node's own server tells it, when it answers.
pub fn own_key(settings: &Settings) -> Option<String> {
    let to = connect_to(settings, &format!("127.0.0.1:{}", settings.port));
    let url = format!("{}/key?v={PROTOCOL}", settings.url);
    let answer =
        output("curl", &["--silent", "--fail", "--max-time", "5", "--connect-to", &to, &url]).ok()?;
    let document: Value = serde_json::from_str(&answer).ok()?;
    let key = document.get("publicKey").or_else(|| document.get("PublicKey"))?;
    key.as_str().map(str::to_owned)
}

fn health(settings: &Settings, address: &str) -> bool {
    let to = connect_to(settings, address);
    let url = format!("{}/health", settings.url);
    succeeds(
        "curl",
        &["--silent", "--fail", "--connect-timeout", "2", "--max-time", "4", "--connect-to", &to, &url],
    )
}

/// The URL's host and whatever port, at that address.
fn connect_to(settings: &Settings, address: &str) -> String {
    format!("{}::{address}", settings.host)
}

/// Asks all of them at once.
fn each<T: Send>(settings: &Settings, ask: impl Fn(&Peer) -> Option<T> + Sync) -> Vec<(String, T)> {
    let ask = &ask;
    scope(|scope| {
        let asked: Vec<_> = settings
            .peers
            .iter()
            .map(|(name, peer)| (name.clone(), scope.spawn(move || ask(peer))))
            .collect();
        asked
            .into_iter()
            .filter_map(|(name, thread)| thread.join().ok().flatten().map(|answer| (name, answer)))
            .collect()
    })
}

/// Whether this node has an address in the mesh. One that joined before gets it back within a moment of a start.
fn in_mesh() -> bool {
    let joined = || {
        let status = output("tailscale", &["status", "--json"]).ok()?;
        serde_json::from_str::<Value>(&status).ok()?.get("HaveNodeKey")?.as_bool()
    };
    if joined() != Some(true) {
        return false;
    }
    let started = Instant::now();
    while !succeeds("tailscale", &["ip", "-4"]) {
        if started.elapsed() > Duration::from_secs(10) {
            return false;
        }
        sleep(Duration::from_millis(200));
    }
    true
}
