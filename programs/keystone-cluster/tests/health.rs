//! Health, seen over real TLS: listeners on loopback answer as etcd, API servers and the coordinator do, with certificates
//! of a real hierarchy, and let nobody in who shows none.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

#[path = "../../keystone-pki/tests/common/mod.rs"]
mod common;
mod listener;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::chains::{Root, all, cluster, root_at};
use keystone_model::{Authority, Cluster, secret};
use keystone_pki::certificate::{Certificate, Time};
use keystone_pki::profile::Holder;
use listener::{Answers, Listener};
use serde_json::{Value, json};

const NODES: [&str; 3] = ["control-1", "control-2", "control-3"];

/// A cluster after everything was issued, an hour ago, seen from control-1.
struct World {
    folder: tempfile::TempDir,
    cluster: Cluster,
    root: Root,
    listeners: Vec<Listener>,
    at: Vec<String>,
}

fn now() -> Time {
    Time::from(std::time::SystemTime::now())
}

fn member(n: usize) -> Value {
    json!({ "ID": format!("{}", n + 100), "name": NODES[n], "peerURLs": [format!("https://{}:2380", NODES[n])] })
}

/// What the API server and the member of etcd of a control-plane node say.
fn etcd(n: usize) -> Answers {
    let members: Vec<Value> = (0..3).map(member).collect();
    let status =
        json!({ "header": { "member_id": (n + 100).to_string() }, "version": "3.6.5", "leader": "101" });
    Answers::from([
        ("/health", (200, json!({ "health": "true", "reason": "" }).to_string())),
        ("/v3/maintenance/status", (200, status.to_string())),
        ("/v3/cluster/member/list", (200, json!({ "members": members }).to_string())),
    ])
}

fn api() -> Answers {
    Answers::from([("/readyz?verbose", (200, "[+]ping ok\n[+]etcd ok\nreadyz check passed\n".to_owned()))])
}

impl World {
    fn new() -> Self {
        Self::issued(now().plus(-3600))
    }

    fn issued(at: Time) -> Self {
        let cluster = cluster();
        let root = root_at(&cluster, 1, at);
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder, cluster, root, listeners: Vec::new(), at: Vec::new() };
        for name in ["hosts/trust", "secrets", "pki", "bin"] {
            fs::create_dir_all(world.path(name)).unwrap();
        }
        let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml");
        fs::copy(inventory, world.path("hosts/cluster.toml")).unwrap();
        fs::write(world.path("hosts/trust/root-ca.crt"), world.root.certificate.pem()).unwrap();
        for (authority, one) in &world.root.intermediates {
            let file = world.path(&format!("hosts/trust/{}-ca.crt", authority.as_str()));
            fs::write(file, one.certificate().pem()).unwrap();
        }
        for file in ["k8s-ca-key", "etcd-ca-key", "front-proxy-ca-key", "node-ca-key"] {
            fs::write(world.path(&format!("secrets/{file}.age")), "sealed").unwrap();
        }
        let mut issued: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        let rules = secret::rules(&world.cluster);
        for (n, identity) in all(&world.cluster).iter().enumerate() {
            let file = match identity.holder() {
                Holder::Machine(name) => secret::host_certificates(name),
                Holder::Person(name) => secret::person_certificates(name),
            };
            if !rules.contains_key(&file) {
                continue;
            }
            let (leaf, key) = world.root.leaf(identity, n as u64 + at.unix().unsigned_abs());
            let profile = identity.profile();
            if file == "pki-control-1" {
                let chain = leaf.pem() + &world.root.intermediates[&profile.authority].certificate().pem();
                fs::write(world.path(&format!("pki/{}.crt", profile.name)), chain).unwrap();
                fs::write(world.path(&format!("pki/{}.key", profile.name)), key.to_pem().as_bytes()).unwrap();
            }
            let contents = leaf.contents();
            let note = json!({ "meaning": "", "renewal": contents.validity.renewal().unix(),
                "notAfter": contents.validity.not_after.unix(), "serial": contents.serial.to_string() });
            fs::write(world.path(&format!("secrets/{file}.age")), "sealed").unwrap();
            issued.entry(file).or_default().insert(profile.name.to_owned(), note);
        }
        let text = serde_json::to_string(&issued).unwrap();
        fs::write(world.path("hosts/trust/issued.json"), text).unwrap();
        world.tailscale(r#"{"BackendState":"Running","Health":null}"#);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tailscale(&self, says: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("bin/tailscale");
        fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' '{says}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A listener of a node's, with that node's certificate `leaf`, asked as `name`.
    fn listen(&mut self, node: &str, leaf: &str, name: &str, clients: Option<Authority>, answers: Answers) {
        let identity = all(&self.cluster)
            .into_iter()
            .find(|one| one.holder().to_string() == node && one.profile().name == leaf)
            .unwrap();
        let (certificate, key) = self.root.leaf(&identity, 7000 + self.listeners.len() as u64);
        let issuer = self.root.intermediates[&identity.profile().authority].certificate();
        let clients: Option<&Certificate> = clients.map(|one| self.root.intermediates[&one].certificate());
        let listener = Listener::start(&[&certificate, issuer], &key, clients, answers);
        self.at.push(format!("{name}={}", listener.address));
        self.listeners.push(listener);
    }

    fn etcd(&mut self, n: usize, answers: Answers) {
        let name = format!("{}.keystone.internal:2379", NODES[n]);
        self.listen(NODES[n], "etcd", &name, Some(Authority::Etcd), answers);
    }

    fn api(&mut self, n: usize, answers: Answers) {
        let name = format!("{}.keystone.internal:6443", NODES[n]);
        self.listen(NODES[n], "apiserver", &name, Some(Authority::Kubernetes), answers);
    }

    fn coordinator(&mut self) {
        let url = &self.cluster.mesh.url;
        let name = format!("{}:{}", url.host(), url.port());
        let answers = Answers::from([("/health", (200, json!({ "status": "pass" }).to_string()))]);
        self.listen("primer-1", "mesh", &name, None, answers);
    }

    /// Everything runs.
    fn healthy() -> Self {
        let mut world = Self::new();
        for n in 0..3 {
            world.etcd(n, etcd(n));
            world.api(n, api());
        }
        world.coordinator();
        world
    }

    fn run(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"));
        command.arg("health").args(more).args(["--node", "control-1", "--inventory"]);
        command.arg(self.path("hosts/cluster.toml")).arg("--pki").arg(self.path("pki"));
        for at in &self.at {
            command.args(["--at", at]);
        }
        // Whoever has no listener is not there at all.
        for node in NODES {
            for port in [2379, 2380, 6443] {
                let name = format!("{node}.keystone.internal:{port}");
                if !self.at.iter().any(|at| at.starts_with(&name)) {
                    command.args(["--at", &format!("{name}={}", nobody())]);
                }
            }
        }
        let url = &self.cluster.mesh.url;
        let name = format!("{}:{}", url.host(), url.port());
        if !self.at.iter().any(|at| at.starts_with(&name)) {
            command.args(["--at", &format!("{name}={}", nobody())]);
        }
        command.env("PATH", self.path("bin").display().to_string() + ":/usr/bin:/bin").output().unwrap()
    }

    /// Exit code and document.
    fn look(&self) -> (i32, Value) {
        let output = self.run(&["--json"]);
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), document)
    }
}

/// An address at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn states(document: &Value) -> BTreeMap<String, String> {
    let areas = document["areas"].as_array().unwrap().iter();
    areas
        .map(|area| (area["name"].as_str().unwrap().to_owned(), area["state"].as_str().unwrap().to_owned()))
        .collect()
}

/// What a point says.
fn point<'d>(document: &'d Value, what: &str) -> (&'d str, &'d str) {
    let areas = document["areas"].as_array().unwrap().iter();
    let mut points = areas.flat_map(|area| area["points"].as_array().unwrap());
    let found = points.find(|point| point["what"] == what).unwrap_or_else(|| panic!("{what}: {document:#}"));
    (found["state"].as_str().unwrap(), found["detail"].as_str().unwrap())
}

#[test]
fn a_cluster_that_is_well_is_healthy_in_every_area() {
    let world = World::healthy();
    let (code, document) = world.look();
    assert_eq!(code, 0, "{document:#}");
    assert!(states(&document).values().all(|state| state == "healthy"), "{document:#}");
    assert_eq!(states(&document).len(), 6);
    assert_eq!(document["verdict"], "everything is healthy");
    assert_eq!(point(&document, "member control-2"), ("healthy", "version 3.6.5, the leader"));
    assert_eq!(point(&document, "quorum"), ("healthy", "3 of 3 that vote are well"));
    assert!(point(&document, "API server on control-3").1.starts_with("ready, its certificate until 20"));
    let text = String::from_utf8(world.run(&[]).stdout).unwrap();
    assert!(text.ends_with("\nEverything is healthy.\n"), "{text}");
}

#[test]
fn what_is_not_there_is_unknown_and_not_healthy() {
    let world = World::new();
    let (code, document) = world.look();
    assert_eq!(code, 3, "{document:#}");
    assert_eq!(document["verdict"], "unknown: etcd, API, mesh");
    assert_eq!(document["ok"], false);
    let (state, why) = point(&document, "member control-1");
    assert!(state == "unknown" && why.contains("does not answer"), "{why}");
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
        .args(["health", "--json", "--pki"])
        .arg(empty.path().join("pki"))
        .arg("--trust")
        .arg(empty.path())
        .arg("--inventory")
        .arg(world.path("hosts/cluster.toml"))
        .env("PATH", empty.path())
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(states(&document).values().all(|state| state == "unknown"), "{document:#}");
    assert_eq!(point(&document, "this machine in the mesh").1, "there is no tailscale here");
}

#[test]
fn one_member_that_is_away_is_unknown_and_a_lost_quorum_is_unhealthy() {
    let mut world = World::new();
    for n in 0..2 {
        world.etcd(n, etcd(n));
    }
    let (code, document) = world.look();
    assert_eq!((code, states(&document)["etcd"].as_str()), (3, "unknown"), "{document:#}");
    assert_eq!(point(&document, "quorum"), ("healthy", "2 of 3 that vote are well"));
    let mut world = World::new();
    world.etcd(0, etcd(0));
    let (code, document) = world.look();
    assert_eq!((code, states(&document)["etcd"].as_str()), (1, "unhealthy"));
    assert_eq!(point(&document, "quorum"), ("unhealthy", "1 of 3 that vote are well"));
}

#[test]
fn members_on_primers_count_where_they_are_members_and_are_handed_over() {
    let on_primers = |control: usize| {
        let names = ["primer-1", "primer-2", "primer-3"].into_iter().chain(NODES.into_iter().take(control));
        let members: Vec<Value> =
            names.enumerate().map(|(id, name)| json!({ "ID": id.to_string(), "name": name })).collect();
        json!({ "members": members }).to_string()
    };
    let with = |control: usize, primers: usize| {
        let mut world = World::new();
        let mut answers = etcd(0);
        answers.insert("/v3/cluster/member/list", (200, on_primers(control)));
        for n in 0..control {
            world.etcd(n, answers.clone());
        }
        for primer in ["primer-1", "primer-2", "primer-3"].into_iter().take(primers) {
            let name = format!("{primer}.keystone.internal:2379");
            world.listen(primer, "etcd", &name, Some(Authority::Etcd), answers.clone());
        }
        world.look().1
    };
    let document = with(0, 3);
    assert_eq!(point(&document, "member primer-2").0, "healthy", "{document:#}");
    assert_eq!(point(&document, "member control-1").0, "unknown");
    assert_eq!(point(&document, "quorum"), ("healthy", "3 of 3 that vote are well"));
    let text = document.to_string();
    assert!(
        text.contains("primer-1, primer-2, primer-3 are members, and not on the control plane"),
        "{text}"
    );
    assert!(text.contains("keystone-primer handoff, if they are primers"), "{text}");

    // In the middle of it, and one primer is off.
    let document = with(3, 2);
    assert_eq!(point(&document, "member primer-3").0, "unknown", "{document:#}");
    assert_eq!(point(&document, "quorum"), ("healthy", "5 of 6 that vote are well"));
}

/// What a member says that nobody leads, of the cluster with this number.
fn alone(n: usize, cluster: &str) -> Answers {
    let status = json!({ "header": { "member_id": (n + 100).to_string(), "cluster_id": cluster }, "leader": "0",
        "errors": ["etcdserver: no leader"] });
    let mut answers = etcd(n);
    answers.insert("/v3/maintenance/status", (200, status.to_string()));
    let ill = json!({ "health": "false", "reason": "RAFT NO LEADER" });
    answers.insert("/health", (503, ill.to_string()));
    answers
}

#[test]
fn who_is_left_without_a_quorum_says_so_and_one_of_an_old_cluster_is_named() {
    let mut world = World::new();
    world.etcd(0, alone(0, "7"));
    let (code, document) = world.look();
    assert_eq!(code, 1);
    assert_eq!(point(&document, "leader"), ("unhealthy", "there is none"));
    assert_eq!(point(&document, "quorum"), ("unhealthy", "0 of 3 that vote are well"));
    let text = String::from_utf8(world.run(&[]).stdout).unwrap();
    assert!(text.contains("keystone-primer recover --mode quorum-restore"), "{text}");

    // Two of a new cluster, and one that nobody told of it.
    let mut world = World::new();
    for n in 0..2 {
        let mut answers = etcd(n);
        let status =
            json!({ "header": { "member_id": (n + 100).to_string(), "cluster_id": "8" }, "leader": "101" });
        answers.insert("/v3/maintenance/status", (200, status.to_string()));
        world.etcd(n, answers);
    }
    world.etcd(2, alone(2, "7"));
    let (code, document) = world.look();
    assert_eq!(code, 1);
    let (state, why) = point(&document, "member control-3");
    assert!(state == "unhealthy" && why.starts_with("it is of another cluster than the others"), "{why}");
    assert_eq!(point(&document, "quorum"), ("healthy", "2 of 3 that vote are well"));
    assert_eq!(point(&document, "leader").0, "healthy");

    // One that was started anew while nobody leads it answers no client, and other members alone.
    for (ids, said) in
        [([7, 9], "of another cluster than the others"), ([100, 101], "waits for more than half")]
    {
        let mut world = World::new();
        for n in 0..2 {
            world.etcd(n, etcd(n));
        }
        let told = json!([{ "id": ids[0], "name": "control-1" }, { "id": ids[1], "name": "control-2" }]);
        let answers = Answers::from([("/members", (200, told.to_string()))]);
        world.listen(NODES[2], "etcd", "control-3.keystone.internal:2380", Some(Authority::Etcd), answers);
        let (code, document) = world.look();
        let (state, why) = point(&document, "member control-3");
        assert!(code == 1 && state == "unhealthy" && why.contains(said), "{why}");
    }
}

/// A world in which the first member of etcd answers one question otherwise.
fn with_first(path: &'static str, status: u16, body: &Value) -> Value {
    let mut world = World::new();
    let mut first = etcd(0);
    first.insert(path, (status, body.to_string()));
    world.etcd(0, first);
    for n in 1..3 {
        world.etcd(n, etcd(n));
    }
    let (code, document) = world.look();
    assert_eq!(code, 1, "{document:#}");
    document
}

#[test]
fn members_that_say_something_wrong_are_unhealthy_and_named() {
    let document = with_first("/health", 503, &json!({ "health": "false", "reason": "RAFT NO LEADER" }));
    let (state, why) = point(&document, "member control-1");
    assert!(state == "unhealthy" && why.ends_with("RAFT NO LEADER"), "{why}");
    assert_eq!(point(&document, "quorum").1, "2 of 3 that vote are well");

    let status = json!({ "header": { "member_id": "100" }, "version": "3.6.5", "leader": "102" });
    let document = with_first("/v3/maintenance/status", 200, &status);
    assert_eq!(point(&document, "leader"), ("unhealthy", "members follow 2 different ones"));

    let alarm = json!({ "header": { "member_id": "100" }, "leader": "101", "errors": ["memberID:100 alarm:NOSPACE "] });
    let document = with_first("/v3/maintenance/status", 200, &alarm);
    let (state, why) = point(&document, "member control-1");
    assert_eq!((state, why), ("unhealthy", "it has no space left, so none takes writes (NOSPACE)"));
    let alarm = json!({ "header": { "member_id": "100" }, "leader": "101", "errors": ["memberID:102 alarm:NOSPACE "] });
    let document = with_first("/v3/maintenance/status", 200, &alarm);
    assert!(point(&document, "member control-1").1.starts_with("another member has no space left"));

    let learner = json!({ "header": { "member_id": "100" }, "leader": "101", "isLearner": true });
    let document = with_first("/v3/maintenance/status", 200, &learner);
    assert_eq!(point(&document, "member control-1").1, "it is a learner, which does not vote");

    let mut members: Vec<Value> = (0..3).map(member).collect();
    members.push(json!({ "ID": "9", "name": "primer-1", "peerURLs": ["https://primer-1:2380"] }));
    let document = with_first("/v3/cluster/member/list", 200, &json!({ "members": members }));
    assert_eq!(
        point(&document, "members"),
        ("unhealthy", "primer-1 are members, and not on the control plane of the inventory")
    );
    let url = "https://control-3.keystone.internal:2380";
    members[3] = json!({ "ID": "9", "peerURLs": [url], "isLearner": true });
    members.remove(2);
    let document = with_first("/v3/cluster/member/list", 200, &json!({ "members": members }));
    assert_eq!(point(&document, "members"), ("unhealthy", "control-3 were added and have not started"));
    members.pop();
    let document = with_first("/v3/cluster/member/list", 200, &json!({ "members": members }));
    assert_eq!(point(&document, "members").1, "control-3 are none, and the inventory says so");
    let document = with_first("/health", 200, &json!("no form of etcd's"));
    assert!(point(&document, "member control-1").1.starts_with("it answers /health with status 200: "));
}

#[test]
fn a_server_of_another_authority_or_name_is_not_believed() {
    let mut world = World::new();
    // The right name below the intermediate of another purpose.
    world.listen("control-1", "kubelet", "control-1.keystone.internal:2379", None, etcd(0));
    // The right authority, another machine.
    world.listen("control-3", "etcd", "control-2.keystone.internal:2379", None, etcd(1));
    world.etcd(2, etcd(2));
    let (code, document) = world.look();
    assert_eq!(code, 1);
    let (state, why) = point(&document, "member control-1");
    assert!(state == "unhealthy" && why.contains("UnknownIssuer"), "{why}");
    let (state, why) = point(&document, "member control-2");
    assert!(state == "unhealthy" && why.contains("not valid for name"), "{why}");
    assert_eq!(point(&document, "member control-3").0, "healthy");
}

#[test]
fn an_api_server_says_which_check_failed_and_one_that_refuses_us_is_unknown() {
    let mut world = World::new();
    let failed = "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n";
    world.api(0, Answers::from([("/readyz?verbose", (500, failed.to_owned()))]));
    world.api(1, Answers::from([("/readyz?verbose", (401, "Unauthorized".to_owned()))]));
    world.api(2, api());
    let (code, document) = world.look();
    assert_eq!(code, 1);
    assert_eq!(
        point(&document, "API server on control-1"),
        ("unhealthy", "not ready: [-]etcd failed: reason withheld")
    );
    assert_eq!(point(&document, "API server on control-2").0, "unknown");
    assert_eq!(point(&document, "API server on control-3").0, "healthy");
}

#[test]
fn certificates_that_are_late_foreign_or_old_are_unhealthy() {
    // 70 of 90 days ago: they should have been renewed, and people's have ended.
    let world = World::issued(now().plus(-70 * 86_400));
    let (code, document) = world.look();
    assert_eq!(code, 1);
    let (state, why) = point(&document, "etcd");
    assert!(state == "unhealthy" && why.starts_with("it should be renewed by now, and ends on "), "{why}");
    assert_eq!(states(&document)["horizon"], "unhealthy");
    let world = World::issued(now().plus(-100 * 86_400));
    assert!(point(&world.look().1, "etcd").1.starts_with("it ended on "));

    let world = World::new();
    let stranger = World::issued(now().plus(-7200));
    for file in ["etcd.crt", "etcd.key"] {
        fs::copy(stranger.path(&format!("pki/{file}")), world.path(&format!("pki/{file}"))).unwrap();
    }
    fs::copy(world.path("pki/kubelet.key"), world.path("pki/scheduler.key")).unwrap();
    let (code, document) = world.look();
    assert_eq!(code, 1);
    // The same group, so the same root key: what differs is what was issued for this node last.
    assert_eq!(
        point(&document, "generation of this machine's certificates"),
        ("unhealthy", "etcd are older than what was issued")
    );
    assert_eq!(point(&document, "scheduler"), ("unhealthy", "its key is another one's"));
    let other = root_at(&world.cluster, 2, now().plus(-3600));
    fs::write(world.path("hosts/trust/root-ca.crt"), other.certificate.pem()).unwrap();
    assert!(point(&world.look().1, "node").1.ends_with("is not signed by the root"));
}

#[test]
fn a_machine_that_left_the_mesh_is_unhealthy() {
    let mut world = World::new();
    world.coordinator();
    world.tailscale(r#"{"BackendState":"NeedsLogin","Health":["not logged in"]}"#);
    let (code, document) = world.look();
    assert_eq!((code, point(&document, "this machine in the mesh").1), (1, "its state is NeedsLogin"));
    world.tailscale(r#"{"BackendState":"Running","Health":["no relay answers"]}"#);
    assert_eq!(point(&world.look().1, "this machine in the mesh"), ("unhealthy", "no relay answers"));
    world.tailscale(r#"{"BackendState":"Running","Health":null,"Self":{"Online":false}}"#);
    let document = world.look().1;
    let (state, said) = point(&document, "this machine in the mesh");
    assert!(
        state == "unhealthy" && said.starts_with("the coordinator answers, and not to this machine"),
        "{said}"
    );
    // Nobody can tell that while the coordinator is away.
    let world = World::new();
    world.tailscale(r#"{"BackendState":"Running","Health":null,"Self":{"Online":false}}"#);
    let document = world.look().1;
    let (state, said) = point(&document, "this machine in the mesh");
    assert!(state == "unknown" && said.starts_with("joined; it hears nothing new"), "{said}");
    world.tailscale(r#"{"BackendState":"Running","Health":null,"Self":{"Online":true}}"#);
    assert_eq!(point(&world.look().1, "this machine in the mesh"), ("healthy", "joined"));
}
