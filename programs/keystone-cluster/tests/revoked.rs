//! Certificates that are taken back before they end: a list, and whoever reads it refuses them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod asleep;
mod enrolment;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use asleep::{Place, asleep};
use enrolment::opened;
use keystone_pki::certificate::Certificate;
use keystone_pki::crl::{ListContents, Reason, RevocationList};
use serde_json::{Value, json};

fn list(place: &Place) -> (RevocationList, ListContents) {
    let list = RevocationList::from_der(&fs::read(place.path("trust/etcd-ca.crl")).unwrap()).unwrap();
    let contents = list.contents().unwrap();
    (list, contents)
}

#[test]
fn what_was_taken_back_is_on_the_list_until_it_ended() {
    let place = asleep();
    let old: Vec<Certificate> =
        ["etcd", "apiserver-etcd"].map(|leaf| place.leaf("control-2", leaf)[0].clone()).into();
    let kept = place.leaf("control-1", "etcd")[0].clone();
    assert!(!place.path("trust/etcd-ca.crl").exists());

    for (arguments, why) in [
        (["--type", "leaves", "--revoke", "nobody"], "no certificate was issued to `nobody`"),
        (
            ["--type", "intermediate", "--revoke", "control-2"],
            "an intermediate is taken back by its next one",
        ),
    ] {
        let error = place.refused(&arguments, "nodes/control-1.txt");
        assert!(error.contains(why), "{error}");
    }
    let planned = place.done(&["--type", "leaves", "--revoke", "control-2", "--dry-run"]);
    assert_eq!(planned["revoked"].as_array().unwrap().len(), 2, "{planned}");
    assert!(!place.path("trust/etcd-ca.crl").exists());

    let done = place.done(&["--type", "leaves", "--revoke", "control-2=superseded"]);
    assert_eq!(done["bundles"], json!(["pki-control-2.age"]));
    let said = done["done"].to_string();
    assert!(
        said.contains(
            "control-2: certificates below front-proxy, kubernetes, node are on no list, as nobody reads one"
        ),
        "{said}"
    );
    let (signed, contents) = list(&place);
    signed.verify(place.bundle("etcd")[0].contents()).unwrap();
    for one in &old {
        assert_eq!(contents.revoked[&one.contents().serial].reason, Reason::Superseded);
    }
    assert_eq!((contents.revoked.len(), contents.number), (2, 1));
    assert!(!signed.has(&kept.contents().serial));
    let new = place.leaf("control-2", "etcd");
    assert_ne!(new[0].contents().key, old[0].contents().key);
    assert!(!signed.has(&new[0].contents().serial));
    assert_eq!(place.done(&["--type", "leaves"])["written"], json!([]), "the list is good for a while");

    // The next intermediate signs the list again: those that were taken back stay so as long as they are believed.
    place.done(&["--type", "intermediate", "--only", "etcd"]);
    let (signed, contents) = list(&place);
    signed.verify(place.bundle("etcd")[0].contents()).unwrap();
    assert!(signed.has(&old[0].contents().serial));
    assert_eq!(contents.number, 2);
}

/// A member of etcd, on a port that was free.
struct Etcd {
    process: Child,
    url: String,
}

impl Etcd {
    fn start(place: &Place, folder: &Path, identity: &(PathBuf, PathBuf)) -> Self {
        let free: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [client, peer] =
            [0, 1].map(|at: usize| format!("https://127.0.0.1:{}", free[at].local_addr().unwrap().port()));
        drop(free);
        let (ca, crl) = (place.path("trust/etcd-ca.crt"), place.path("trust/etcd-ca.crl"));
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args([
                "--initial-cluster",
                &format!("default={peer}"),
                "--log-level",
                "warn",
                "--unsafe-no-fsync",
            ])
            .args(["--client-cert-auth", "--peer-client-cert-auth"])
            .arg("--trusted-ca-file")
            .arg(&ca)
            .arg("--peer-trusted-ca-file")
            .arg(&ca)
            .arg("--client-crl-file")
            .arg(&crl)
            .arg("--peer-crl-file")
            .arg(&crl)
            .arg("--cert-file")
            .arg(&identity.0)
            .arg("--key-file")
            .arg(&identity.1)
            .arg("--peer-cert-file")
            .arg(&identity.0)
            .arg("--peer-key-file")
            .arg(&identity.1)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, url: client }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A leaf of a host and its key, as files.
fn files(place: &Place, folder: &Path, host: &str, leaf: &str, name: &str) -> (PathBuf, PathBuf) {
    let bytes = fs::read(place.path(&format!("secrets/pki-{host}.age"))).unwrap();
    let contents: Value = serde_json::from_str(&opened(&bytes, &format!("nodes/{host}")).unwrap()).unwrap();
    let write = |ending: &str| {
        let path = folder.join(format!("{name}.{ending}"));
        fs::write(&path, contents[format!("{leaf}.{ending}")].as_str().unwrap()).unwrap();
        path
    };
    (write("crt"), write("key"))
}

#[test]
#[ignore = "needs etcd and etcdctl: checks/conformance/handoff/run"]
fn etcd_refuses_who_is_on_the_list() {
    let place = asleep();
    let folder = tempfile::tempdir().unwrap();
    let file = |host: &str, leaf: &str, name: &str| files(&place, folder.path(), host, leaf, name);
    let old = file("control-2", "apiserver-etcd", "old");
    let other = file("control-3", "apiserver-etcd", "other");
    place.done(&["--type", "leaves", "--revoke", "control-2"]);
    let new = file("control-2", "apiserver-etcd", "new");
    let etcd = Etcd::start(&place, folder.path(), &file("control-1", "etcd", "member"));
    let asked = |identity: &(PathBuf, PathBuf)| {
        Command::new("etcdctl")
            .args(["--endpoints", &etcd.url, "--dial-timeout", "2s", "--command-timeout", "3s", "get", "a"])
            .arg("--cacert")
            .arg(place.path("trust/etcd-ca.crt"))
            .arg("--cert")
            .arg(&identity.0)
            .arg("--key")
            .arg(&identity.1)
            .output()
            .unwrap()
    };
    let until = Instant::now() + Duration::from_secs(30);
    while !asked(&other).status.success() {
        assert!(Instant::now() < until, "{}", fs::read_to_string(folder.path().join("log")).unwrap());
    }
    assert!(asked(&new).status.success());
    let refused = asked(&old);
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stdout));
    // The client is told nothing; the member says why.
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("revoked"), "{log}");
}
