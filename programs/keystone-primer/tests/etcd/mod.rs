//! Members of a real etcd on loopback, with certificates of a real hierarchy, and a primer that asks them.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::certificate::Time;
use keystone_primer::ask::{Anchor, Asker, At};
use serde_json::{Value, json};

use crate::authority::chains::{Root, all, cluster, root_at};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keystone-primer");
pub const PRIMERS: [&str; 3] = ["primer-1", "primer-2", "primer-3"];
pub const CONTROL_PLANE: [&str; 3] = ["control-1", "control-2", "control-3"];

struct Node {
    client: u16,
    peer: u16,
    /// Where its data lies, and its token.
    home: (PathBuf, String),
    process: Option<Child>,
}

pub struct Etcds {
    folder: tempfile::TempDir,
    nodes: BTreeMap<String, Node>,
    asker: Asker,
}

fn free_port(taken: &mut Vec<TcpListener>) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    taken.push(socket);
    port
}

impl Etcds {
    /// The three primers' etcd, running, and a primer that has begun.
    pub fn new() -> Self {
        Self::of(&PRIMERS)
    }

    /// An etcd of these, running, and a primer that has begun.
    pub fn of(running: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cluster = cluster();
        let root = root_at(&cluster, 1, Time::from(std::time::SystemTime::now()).plus(-3600));
        let path = |name: &str| folder.path().join(name);
        for name in ["trust", "data"] {
            fs::create_dir(path(name)).unwrap();
        }
        let authority = &root.intermediates[&keystone_model::Authority::Etcd];
        fs::write(path("trust/etcd-ca.crt"), authority.certificate().pem()).unwrap();
        // Held until all are known, so that no port is given twice.
        let mut taken = Vec::new();
        let mut nodes = BTreeMap::new();
        for (seed, name) in (500..).zip(PRIMERS.into_iter().chain(CONTROL_PLANE)) {
            certificate(&root, &folder.path().join(format!("pki-{name}")), name, seed);
            let home = (path("data").join(name), "test".to_owned());
            let node =
                Node { client: free_port(&mut taken), peer: free_port(&mut taken), home, process: None };
            nodes.insert(name.to_owned(), node);
        }
        drop(taken);
        let at: Vec<At> = nodes
            .iter()
            .map(|(name, node)| At {
                name: format!("{name}.keystone.internal:2379"),
                address: format!("127.0.0.1:{}", node.client),
            })
            .collect();
        let asker = Asker::new(&path("trust"), &path("pki-primer-1"), &at);
        let mut etcds = Self { folder, nodes, asker };
        let config = json!({
            "schema": 1, "node": "primer-1", "role": "primer", "port": 0, "cluster": "production", "quorumSize": 2,
            "peers": ["primer-1:1", "primer-2:1", "primer-3:1"], "keyStorage": etcds.path("keys"),
            "labKey": etcds.path("lab.key"),
        });
        fs::write(etcds.path("primer.json"), config.to_string()).unwrap();
        let output = etcds.command(&["init"], &["--cluster", "production"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for name in running {
            etcds.start(name, running, "new");
        }
        etcds.settle(running[0]);
        etcds
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}", self.nodes[name].peer)
    }

    pub fn start(&mut self, name: &str, members: &[&str], state: &str) {
        let initial: Vec<String> = members.iter().map(|one| format!("{one}={}", self.url(one))).collect();
        let node = &self.nodes[name];
        let (client, peer) = (format!("https://127.0.0.1:{}", node.client), self.url(name));
        let pki = self.path(&format!("pki-{name}"));
        let log = fs::File::create(self.log(name)).unwrap();
        let process = Command::new(std::env::var_os("KEYSTONE_ETCD").unwrap_or_else(|| "etcd".into()))
            .args(["--name", name, "--data-dir"])
            .arg(&node.home.0)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &initial.join(","), "--initial-cluster-state", state])
            .args(["--initial-cluster-token", &node.home.1, "--log-level", "warn"])
            .args(["--client-cert-auth", "--peer-client-cert-auth", "--unsafe-no-fsync"])
            .arg("--trusted-ca-file")
            .arg(self.path("trust/etcd-ca.crt"))
            .arg("--peer-trusted-ca-file")
            .arg(self.path("trust/etcd-ca.crt"))
            .arg("--cert-file")
            .arg(pki.join("etcd.crt"))
            .arg("--key-file")
            .arg(pki.join("etcd.key"))
            .arg("--peer-cert-file")
            .arg(pki.join("etcd.crt"))
            .arg("--peer-key-file")
            .arg(pki.join("etcd.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.nodes.get_mut(name).unwrap().process = Some(process);
    }

    /// Starts one that was added, with everybody who is a member now; once.
    pub fn start_existing(&mut self, name: &str) {
        if self.nodes[name].process.is_some() {
            return;
        }
        let (members, _) = self.members(&PRIMERS);
        let mut names: Vec<String> =
            members.into_iter().map(|(name, _)| name).filter(|name| !name.is_empty()).collect();
        names.push(name.to_owned());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.start(name, &names, "existing");
    }

    pub fn stop(&mut self, name: &str) {
        if let Some(mut process) = self.nodes.get_mut(name).unwrap().process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Stops one for good.
    pub fn forget(&mut self, name: &str) {
        self.stop(name);
        let _ = fs::remove_dir_all(self.path("data").join(name));
    }

    /// From now on a node's data lies elsewhere.
    pub fn move_to(&mut self, name: &str, data: PathBuf, token: &str) {
        self.nodes.get_mut(name).unwrap().home = (data, token.to_owned());
    }

    /// Where a node's data lies, and its token.
    pub fn home(&self, name: &str) -> (PathBuf, String) {
        self.nodes[name].home.clone()
    }

    /// What a member said.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.log"))
    }

    /// Until somebody leads. etcd tells nobody when that is, so it is asked.
    pub fn settle(&self, name: &str) {
        let until = Instant::now() + Duration::from_secs(45);
        while Instant::now() < until {
            let status = self.try_ask(name, "/v3/maintenance/status", &json!({}));
            if status.is_ok_and(|status| status["leader"].as_str().is_some_and(|leader| leader != "0")) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{}", fs::read_to_string(self.log(name)).unwrap());
    }

    pub fn try_ask(&self, name: &str, path: &str, body: &Value) -> Result<Value, String> {
        let host = format!("{name}.keystone.internal");
        let question = ("POST", path, &*body.to_string());
        let answer = self
            .asker
            .ask((&host, 2379), Anchor::Bundle("etcd"), &["etcd"], question)
            .map_err(|fault| format!("{fault:?}"))?;
        if answer.status == 200 {
            serde_json::from_str(&answer.body).map_err(|e| e.to_string())
        } else {
            Err(answer.body)
        }
    }

    /// Asks whoever answers first.
    fn ask(&self, path: &str, body: &Value) -> Value {
        let mut why = Vec::new();
        for name in CONTROL_PLANE.into_iter().chain(PRIMERS) {
            match self.try_ask(name, path, body) {
                Ok(answer) => return answer,
                Err(error) => why.push(format!("{name}: {error}")),
            }
        }
        panic!("{}", why.join("\n"));
    }

    pub fn put(&self, key: &str, value: &str) {
        self.ask("/v3/kv/put", &json!({ "key": STANDARD.encode(key), "value": STANDARD.encode(value) }));
    }

    pub fn get(&self, key: &str) -> String {
        let found = self.ask("/v3/kv/range", &json!({ "key": STANDARD.encode(key) }));
        let value = found["kvs"][0]["value"].as_str().unwrap_or_else(|| panic!("{found}"));
        String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
    }

    /// Name of each member, whether it is a learner, and the name of the one that leads.
    pub fn members(&self, nodes: &[&str]) -> (Vec<(String, bool)>, String) {
        let ask = |path: &str| {
            nodes.iter().find_map(|name| self.try_ask(name, path, &json!({})).ok()).unwrap_or_default()
        };
        let (listed, status) = (ask("/v3/cluster/member/list"), ask("/v3/maintenance/status"));
        let rows = listed["members"].as_array().unwrap_or_else(|| panic!("nobody of {nodes:?} answers"));
        let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
        let leader = rows.iter().find(|row| row["ID"] == status["leader"]).map(name).unwrap_or_default();
        (rows.iter().map(|row| (name(row), row["isLearner"].as_bool() == Some(true))).collect(), leader)
    }

    /// A command line of the primer that asks.
    pub fn arguments(&self, front: &[&str], more: &[&str]) -> Vec<String> {
        let plain = |path: PathBuf| path.display().to_string();
        let mut arguments = vec!["--config".to_owned(), plain(self.path("primer.json"))];
        arguments.extend(front.iter().map(|&one| one.to_owned()));
        if let Some(verb @ ("handoff" | "recover")) = front.last().copied() {
            let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml").to_owned();
            arguments.extend(["--inventory".to_owned(), inventory]);
            if verb == "handoff" {
                arguments.push("--without-mesh".to_owned());
            } else {
                arguments.extend(["--mode=quorum-restore".to_owned(), "--work".to_owned()]);
                arguments.push(plain(self.path("recovery")));
            }
            arguments.extend(["--trust".to_owned(), plain(self.path("trust"))]);
            arguments.extend(["--pki".to_owned(), plain(self.path("pki-primer-1"))]);
            for (name, node) in &self.nodes {
                let at = format!("{name}.keystone.internal:2379=127.0.0.1:{}", node.client);
                arguments.extend(["--at".to_owned(), at]);
                arguments.extend(["--peer".to_owned(), format!("{name}={}", self.url(name))]);
            }
        }
        arguments.extend(more.iter().map(|&one| one.to_owned()));
        arguments
    }

    fn command(&self, front: &[&str], more: &[&str]) -> Output {
        Command::new(PROGRAM).args(self.arguments(front, more)).stdin(Stdio::null()).output().unwrap()
    }

    pub fn json(&self, front: &[&str], more: &[&str]) -> Value {
        let front: Vec<&str> = ["--json"].into_iter().chain(front.iter().copied()).collect();
        let output = self.command(&front, more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn refused(&self, front: &[&str], more: &[&str]) -> String {
        let output = self.command(front, more);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

fn certificate(root: &Root, folder: &std::path::Path, name: &str, seed: u64) {
    let identity = all(&cluster())
        .into_iter()
        .find(|one| one.holder().to_string() == name && one.profile().name == "etcd")
        .unwrap();
    let (leaf, key) = root.leaf(&identity, seed);
    let issuer = root.intermediates[&identity.profile().authority].certificate();
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("etcd.crt"), leaf.pem() + &issuer.pem()).unwrap();
    fs::write(folder.join("etcd.key"), key.to_pem().as_bytes()).unwrap();
}

impl Drop for Etcds {
    fn drop(&mut self) {
        for name in PRIMERS.into_iter().chain(CONTROL_PLANE) {
            self.stop(name);
        }
    }
}

/// A run of the verb, of which each line that it says while it works is looked at, and which is killed where `look` says so.
/// What it answers, if it came to its end.
pub fn watched(
    etcds: &mut Etcds,
    verb: &str,
    more: &[&str],
    look: &mut dyn FnMut(&mut Etcds, &str) -> bool,
) -> Option<Value> {
    let mut child = Command::new(PROGRAM)
        .args(etcds.arguments(&["--json", verb], more))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        said.push_str(&line);
        said.push('\n');
        if look(etcds, &line) {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
