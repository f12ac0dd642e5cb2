//! A lab with a real control plane and a real Headscale: who is let in, what lies in etcd, and what is left afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use keystone_primer::ask::{Anchor, Asker, At, Fault};
use serde_json::Value;

const WITH: &str = "headscale,kubernetes";

struct Lab {
    // Goes when everything else went.
    _parent: tempfile::TempDir,
    folder: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("lab");
        Self { _parent: parent, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"));
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        command.arg("lab").args(arguments).arg("--dir").arg(&self.folder);
        command
    }

    fn said(&self, arguments: &[&str]) -> String {
        said(&mut self.command(arguments))
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.said(&["status", "--json"])).unwrap()
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.join("peers/LAB-UNTRUSTED-keys").join(name)
    }

    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        let kubeconfig = self.folder.join("peers/admin.kubeconfig");
        command.env("HOME", &self.folder).arg("--kubeconfig").arg(kubeconfig).args(arguments);
        command
    }

    /// kubectl with another certificate.
    fn kubectl_as(&self, leaf: &str, arguments: &[&str]) -> Output {
        let mut command = self.kubectl(arguments);
        command.arg("--client-certificate").arg(self.key(&format!("{leaf}.crt")));
        command.arg("--client-key").arg(self.key(&format!("{leaf}.key")));
        command.output().unwrap()
    }

    /// Processes whose command line names the lab.
    fn processes(&self) -> Vec<String> {
        let name = self.folder.display().to_string();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&name))
            .collect()
    }

    fn nothing_is_left(&self) {
        assert!(!self.folder.exists());
        assert_eq!(self.processes(), Vec::<String>::new());
    }
}

impl Drop for Lab {
    // A test that failed leaves nothing either.
    fn drop(&mut self) {
        let _ = self.command(&["down"]).output();
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs the peers; checks/conformance/lab/run runs it"]
fn a_control_plane_and_a_headscale_run_with_the_credentials_of_the_lab() {
    let lab = Lab::new();
    let refused = lab.command(&["up", "--with", WITH, "--identities", "/nonexistent"]).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        error.contains("there is no `/nonexistent/nodes/control-1.txt`\n  next: name their folder"),
        "{error}"
    );
    lab.nothing_is_left();

    let up = lab.said(&["up", "--with", WITH]);
    assert!(up.contains("Its admin is break-glass:alice") && up.contains("This is a LAB"), "{up}");
    let status = lab.status();
    let kubeconfig = lab.folder.canonicalize().unwrap().join("peers/admin.kubeconfig");
    assert_eq!(status["kubeconfig"], kubeconfig.display().to_string());
    let running: Vec<&str> = status["peers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one["running"], true, "{one}");
            assert!(one["address"].as_str().unwrap().starts_with("127.0.0.1:"));
            one["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(running, ["headscale", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
    for entry in fs::read_dir(lab.key("")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }

    people_and_strangers(&lab);
    what_the_credentials_do(&lab, &status);
    headscale_is_who_it_says(&lab, &status);

    // A second time nothing is started, or only what was missing.
    let scheduler = lab.folder.join("peers/kube-scheduler/pid");
    let before = fs::read(&scheduler).unwrap();
    assert!(lab.said(&["up", "--with", "kubernetes"]).contains("kubectl get namespaces"));
    assert_eq!(fs::read(&scheduler).unwrap(), before);
    let down = lab.said(&["down"]);
    assert_eq!(down, "3 primers and 5 programs beside them were stopped, and its folder is gone\n");
    lab.nothing_is_left();
}

fn people_and_strangers(lab: &Lab) {
    let names = said(&mut lab.kubectl(&["get", "namespaces", "--output", "name"]));
    assert!(names.contains("namespace/default\n") && names.contains("namespace/kube-system\n"), "{names}");
    let who = said(&mut lab.kubectl(&["auth", "whoami", "--output", "json"]));
    let who: Value = serde_json::from_str(&who).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "break-glass:alice");
    assert_eq!(said(&mut lab.kubectl(&["auth", "can-i", "*", "*"])), "yes\n");
    // The same admin by the ordinary certificate: a name that nothing was given to yet.
    let person = lab.kubectl_as("person", &["get", "secrets"]);
    let error = String::from_utf8_lossy(&person.stderr).into_owned();
    assert!(error.contains("(Forbidden)") && error.contains("\"alice@keystone.example\""), "{error}");
    // Other intermediates of the same root make nobody a client.
    for leaf in ["apiserver-etcd", "etcd", "front-proxy", "node"] {
        let stranger = lab.kubectl_as(leaf, &["get", "namespaces"]);
        let error = String::from_utf8_lossy(&stranger.stderr).into_owned();
        assert!(!stranger.status.success() && error.contains("Unauthorized"), "{leaf}: {error}");
    }
}

fn what_the_credentials_do(lab: &Lab, status: &Value) {
    const WORD: &str = "a-word-that-nobody-may-read";
    said(&mut lab.kubectl(&["create", "secret", "generic", "kept", &format!("--from-literal=word={WORD}")]));
    let etcd = status["peers"][1]["address"].as_str().unwrap();
    let stored = Command::new("etcdctl")
        .arg(format!("--endpoints=https://{etcd}"))
        .arg(format!("--cacert={}", lab.folder.join("trust/etcd-ca.crt").display()))
        .arg(format!("--cert={}", lab.key("apiserver-etcd.crt").display()))
        .arg(format!("--key={}", lab.key("apiserver-etcd.key").display()))
        .args(["get", "/registry/secrets/default/kept", "--print-value-only"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stored.stdout).into_owned();
    assert!(text.starts_with("k8s:enc:aesgcm:v1:"), "{}", String::from_utf8_lossy(&stored.stderr));
    assert!(!text.contains(WORD));
    let read = said(&mut lab.kubectl(&["get", "secret", "kept", "--output", "jsonpath={.data.word}"]));
    assert_eq!(base64::prelude::BASE64_STANDARD.decode(read).unwrap(), WORD.as_bytes());
    // The audit log has the name of who made it, and not the word.
    let audit = fs::read_to_string(lab.folder.join("peers/kube-apiserver/audit.log")).unwrap();
    let entry =
        audit.lines().find(|line| line.contains(r#""verb":"create""#) && line.contains(r#""name":"kept""#));
    assert!(entry.unwrap().contains("break-glass:alice") && !audit.contains(WORD));
    let token = said(&mut lab.kubectl(&["create", "token", "default"]));
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "https://oidc.keystone.example/production");
    assert_eq!(claims["sub"], "system:serviceaccount:default:default");
}

fn headscale_is_who_it_says(lab: &Lab, status: &Value) {
    let address = status["peers"][0]["address"].as_str().unwrap();
    let health = |name: &str, anchor| {
        let at = At { name: format!("{name}:443"), address: address.to_owned() };
        let asker = Asker::new(&lab.folder.join("trust"), Path::new("/nonexistent"), &[at]);
        asker.ask((name, 443), Anchor::Bundle(anchor), &[], ("GET", "/health", ""))
    };
    let answer = health("mesh.keystone.example", "root").unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!((answer.status, answer.body.trim()), (200, r#"{"status":"pass"}"#));
    for (name, anchor) in [("mesh.keystone.example", "etcd"), ("other.keystone.example", "root")] {
        let fault = health(name, anchor).err().unwrap();
        assert!(matches!(&fault, Fault::Wrong(why) if why.contains("certificate")), "{fault:?}");
    }
}

/// Starts a lab, and kills that command as soon as it says so.
fn killed_at(lab: &Lab, line: &str) {
    let mut up =
        lab.command(&["up", "--with", WITH]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut heard = String::new();
    let reached = BufReader::new(up.stderr.take().unwrap()).lines().map(Result::unwrap).any(|said| {
        heard.push_str(&said);
        heard.push('\n');
        said.contains(line)
    });
    up.kill().unwrap();
    up.wait().unwrap();
    assert!(reached, "{heard}");
    let left = lab.processes();
    assert!(left.iter().any(|line| line.contains("serve")), "what was started outlives it: {left:?}");
}

#[test]
#[ignore = "needs the peers; checks/conformance/lab/run runs it"]
fn down_cleans_up_after_a_kill() {
    let lab = Lab::new();
    killed_at(&lab, "every credential of the inventory is made");
    assert_eq!(lab.said(&["down", "--keep"]), "3 primers were stopped, and its folder stays\n");
    assert_eq!(lab.processes(), Vec::<String>::new());
    // The API server is about to be started.
    killed_at(&lab, "etcd answers on");
    let down = lab.said(&["down"]);
    assert!(down.ends_with(" programs beside them were stopped, and its folder is gone\n"), "{down}");
    lab.nothing_is_left();
}
