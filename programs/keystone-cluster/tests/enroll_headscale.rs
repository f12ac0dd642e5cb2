//! `mesh enroll` with a real Headscale: what it mints, and for how long.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod enrolment;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use enrolment::Desk;
use serde_json::Value;

/// A Headscale of its own, which ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn headscale(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("headscale");
    // It looks for its configuration in ~/.headscale (cmd/headscale/cli/root.go).
    command.env("HOME", home).current_dir(home).args(arguments);
    command
}

fn serve(home: &Path) -> Server {
    let folder = home.join(".headscale");
    fs::create_dir(&folder).unwrap();
    let at = folder.display();
    let configuration = format!(
        "server_url: http://127.0.0.1:1
listen_addr: 127.0.0.1:0
metrics_listen_addr: 127.0.0.1:0
grpc_listen_addr: 127.0.0.1:0
unix_socket: {at}/socket
unix_socket_permission: \"0700\"
noise: {{ private_key_path: {at}/noise }}
prefixes: {{ v4: 100.64.0.0/10, v6: \"fd7a:115c:a1e0::/48\" }}
derp:
  urls: []
  paths: []
  server: {{ enabled: true, region_id: 999, stun_listen_addr: \"127.0.0.1:0\", private_key_path: {at}/derp }}
database: {{ type: sqlite, sqlite: {{ path: {at}/database }} }}
dns: {{ magic_dns: true, base_domain: keystone.internal, override_local_dns: false }}
disable_check_updates: true
"
    );
    fs::write(folder.join("config.yaml"), configuration).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let child =
        headscale(home, &["serve"]).stdout(Stdio::null()).stderr(log).spawn().expect("headscale runs");
    let server = Server(child);
    let started = Instant::now();
    while !headscale(home, &["preauthkeys", "list"]).output().unwrap().status.success() {
        let log = || fs::read_to_string(folder.join("log")).unwrap();
        assert!(started.elapsed() < Duration::from_secs(60), "{}", log());
        sleep(Duration::from_millis(200));
    }
    server
}

fn keys(home: &Path) -> Vec<Value> {
    let list = headscale(home, &["preauthkeys", "list", "--output", "json"]).output().unwrap().stdout;
    serde_json::from_slice(&list).unwrap()
}

/// The desk's own programs, and headscale.
fn enroll(desk: &Desk, home: &Path, arguments: &[&str]) -> std::process::Output {
    desk.command(arguments).env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap()
}

#[test]
#[ignore = "needs headscale; checks/conformance/enroll/run runs it"]
fn the_key_is_single_use_tagged_and_short_lived() {
    let desk = Desk::new();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    // Nobody answers yet.
    let done = enroll(&desk, home, &["worker-1", "--local"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        said.starts_with("error: Headscale does not answer on this machine: connecting to headscale"),
        "{said}"
    );

    let _server = serve(home);
    for (host, expiration, seconds) in
        [("worker-1", "30m", 1800), ("control-2", "2d", 172_800), ("storage-1", "90s", 90)]
    {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let done = enroll(&desk, home, &[host, "--local", "--expiration", expiration, "--json"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
        let listed = keys(home);
        let id: u64 = summary["keyId"].as_str().unwrap().parse().unwrap();
        let made = listed.iter().find(|key| key["id"] == id).unwrap();
        let role = host.rsplit_once('-').unwrap().0.replace("control", "control-plane");
        assert_eq!(made["acl_tags"], serde_json::json!([format!("tag:{role}")]));
        // What is false is left out.
        for absent in ["reusable", "ephemeral", "used", "user"] {
            assert!(made.get(absent).is_none_or(|value| *value == false), "{absent} of {made}");
        }
        let ends = made["expiration"]["seconds"].as_u64().unwrap();
        assert!((before + seconds..before + seconds + 30).contains(&ends), "{expiration}: {made}");
        // The file holds this key: a list shows how it begins.
        let shown = made["key"].as_str().unwrap().trim_end_matches('*');
        let file = format!("secrets/mesh-join-{host}.age");
        let key = desk.opened(&file, &format!("nodes/{host}")).expect("the host opens its file");
        assert!(key.starts_with(shown) && key.len() > shown.len() + 32, "{shown}");
        assert_eq!(desk.opened(&file, "nodes/worker-2"), None);
    }
    assert_eq!(keys(home).len(), 3);

    // A refusal makes no key.
    assert!(!enroll(&desk, home, &["worker-1", "--local"]).status.success());
    assert_eq!(keys(home).len(), 3);
}
