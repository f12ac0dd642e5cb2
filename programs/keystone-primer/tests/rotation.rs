//! A root follows another: accept, issue, drop, each step killed and repeated; and everything at once in an emergency.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::control_plane::intermediates;
use common::{LAB, Three, encrypt, request};
use keystone_model::Authority;
use keystone_pki::certificate::Certificate;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::Value;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct World {
    three: Three,
}

impl World {
    fn new() -> Self {
        let world = Self { three: Three::ready(LAB) };
        world.json(1, "generate-credentials", &[]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.three.folder.path().join(name)
    }

    fn arguments(&self, verb: &str, more: &[&str]) -> Vec<String> {
        let place = |name: &str| self.path(name).display().to_string();
        let identity = repository().join("checks/fixtures/identities/nodes/primer-1.txt");
        let inventory = repository().join("hosts/cluster.toml");
        [verb.to_owned(), "--secrets".to_owned(), place("secrets"), "--trust".to_owned(), place("trust")]
            .into_iter()
            .chain(["--identity".to_owned(), identity.display().to_string()])
            .chain(["--inventory".to_owned(), inventory.display().to_string()])
            .chain(more.iter().map(|&more| more.to_owned()))
            .collect()
    }

    fn json(&self, n: usize, verb: &str, more: &[&str]) -> Value {
        let arguments = self.arguments(verb, more);
        self.three.json(n, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// `keystone-cluster rotate-keys --type intermediate` on a node of the control plane.
    fn intermediates(&self, only: Option<Authority>, finish: bool) -> String {
        intermediates(&self.path("secrets"), &self.path("trust"), only, finish)
    }

    fn refused(&self, n: usize, verb: &str, more: &[&str]) -> String {
        let arguments = self.arguments(verb, more);
        self.three.refused(n, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn trust(&self, name: &str) -> Vec<Certificate> {
        Certificate::bundle(&fs::read_to_string(self.path("trust").join(name)).unwrap()).unwrap()
    }

    /// Which generations of the intermediate of etcd are believed, in the order of its bundle.
    fn generations(&self) -> Vec<String> {
        let name = |one: &Certificate| one.contents().subject.common_name.clone();
        let bundle = self.trust("etcd-ca.crt");
        bundle.iter().map(|one| name(one).rsplit_once(' ').unwrap().1.to_owned()).collect()
    }

    fn leaf(&self, host: &str, leaf: &str) -> Vec<Certificate> {
        let identity = repository().join(format!("checks/fixtures/identities/nodes/{host}.txt"));
        let output = Command::new("age")
            .arg("-d")
            .arg("-i")
            .arg(identity)
            .arg(self.path("secrets").join(format!("pki-{host}.age")))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let contents: Value = serde_json::from_slice(&output.stdout).unwrap();
        Certificate::bundle(contents[format!("{leaf}.crt")].as_str().unwrap()).unwrap()
    }
}

fn by_webpki(anchor: &Certificate, between: &[&Certificate], leaf: &Certificate) -> Result<(), String> {
    let anchor = CertificateDer::from(anchor.der());
    let anchor = webpki::anchor_from_trusted_cert(&anchor).unwrap();
    let between: Vec<_> = between.iter().map(|one| CertificateDer::from(one.der())).collect();
    let leaf = CertificateDer::from(leaf.der());
    let now = UnixTime::since_unix_epoch(Duration::from_secs(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
    ));
    webpki::EndEntityCert::try_from(&leaf)
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &between,
            now,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn by_openssl(
    folder: &Path,
    anchor: &Certificate,
    between: &[&Certificate],
    leaf: &Certificate,
) -> Result<(), String> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile"])
        .arg(write("anchor.pem", anchor.pem()))
        .arg("-untrusted")
        .arg(write("between.pem", between.iter().map(|one| one.pem()).collect()))
        .arg(write("leaf.pem", leaf.pem()))
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn believed(folder: &Path, anchor: &Certificate, between: &[&Certificate], leaf: &Certificate) -> bool {
    let (one, other) = (by_webpki(anchor, between, leaf), by_openssl(folder, anchor, between, leaf));
    assert_eq!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    one.is_ok()
}

#[test]
fn the_end_of_an_overlap_takes_out_what_it_names_and_nothing_else() {
    let world = World::new();
    let rotate = |finish: bool| world.intermediates(Some(Authority::Etcd), finish);
    let generations = || world.generations();
    rotate(false);
    assert_eq!(generations(), ["G2", "G3", "G4", "G1"]);
    // The root is replaced meanwhile: what issues below the old one is what machines show that were not deployed since.
    world.json(1, "rotate-root-keys", &[]);
    assert_eq!(generations(), ["G2", "G5", "G6", "G7", "G1"]);
    let said = rotate(true);
    assert!(said.contains("etcd G1 is believed no more"), "{said}");
    assert_eq!(generations(), ["G2", "G5", "G6", "G7"]);
    world.intermediates(None, false);
    assert_eq!(generations(), ["G5", "G6", "G7", "G2"]);
    world.json(1, "rotate-root-keys", &[]);
    assert_eq!(generations(), ["G5", "G8", "G9", "G10", "G2"]);
    world.json(1, "rotate-root-keys", &["--drop"]);
    assert_eq!(generations(), ["G5", "G8", "G9", "G10"]);
    // What was to end has ended with its root, so nothing has to be finished first.
    rotate(false);
    assert_eq!(generations(), ["G8", "G9", "G10", "G5"]);
}

#[test]
fn below_a_new_root_an_overlap_ends_and_what_is_below_the_old_one_stays_until_that_goes() {
    let world = World::new();
    world.json(1, "rotate-root-keys", &[]);
    world.intermediates(None, false);
    world.json(1, "rotate-root-keys", &[]);
    assert_eq!(world.generations(), ["G5", "G8", "G9", "G10", "G1"]);
    // Somebody left who knew its key, and machines may show what is below G1 all the same.
    let digest = ring::digest::digest(&ring::digest::SHA256, world.trust("etcd-ca.crt")[0].der());
    let known = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let asked =
        serde_json::json!({ "because": ["bob left"], "since": "2026-01-01T00:00:00Z", "known": [known] });
    let lock = serde_json::json!({ "version": 1, "replace": { "etcd": asked }, "files": {} });
    fs::write(world.path("secrets/lock.json"), lock.to_string()).unwrap();
    world.json(1, "generate-credentials", &[]);
    assert_eq!(world.generations(), ["G11", "G12", "G13", "G14", "G5", "G1"]);
    let said = world.intermediates(Some(Authority::Etcd), true);
    assert!(said.contains("etcd G5 is believed no more"), "{said}");
    assert_eq!(world.generations(), ["G11", "G12", "G13", "G14", "G1"]);
    world.json(1, "rotate-root-keys", &["--drop"]);
    assert!(!world.generations().contains(&"G1".to_owned()), "{:?}", world.generations());
}

#[test]
fn a_root_follows_another_and_all_four_paths_are_believed_meanwhile() {
    let mut world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let before = world.leaf("control-1", "node");
    let old = world.trust("root-ca.crt").remove(0);

    let planned = world.json(1, "rotate-root-keys", &["--dry-run"]);
    assert_eq!((planned["step"].as_str(), planned["to"].as_u64()), (Some("accept"), Some(2)));
    assert_eq!(world.three.json(1, &["status"])["keys"].as_object().unwrap().len(), 2);
    let done = world.json(1, "rotate-root-keys", &[]);
    assert_eq!(done["step"], "accept", "{done}");
    let roots = world.trust("root-ca.crt");
    assert_eq!(roots[0], old);
    let new = roots[1].clone();
    let crosses = world.trust("root-cross.crt");
    let by = |issuer: &Certificate| crosses.iter().find(|one| one.verify(issuer).is_ok()).unwrap();
    let (new_by_old, old_by_new) = (by(&old), by(&new));
    // The old one still issues, and every primer knows.
    let csr = world.path("worker-1.csr");
    request(&csr);
    let said = world.three.say(2, &["sign-certificate", "--csr", csr.to_str().unwrap()], "");
    assert!(said.contains("production Root G1"), "{said}");

    // Whoever was off meanwhile comes back; and a second coordinator goes on.
    for n in 1..=3 {
        world.three.kill(n);
        world.three.run(n);
    }
    // What comes next is signed below the new root, and believed; what is in use stays.
    let bundle = world.trust("kubernetes-ca.crt");
    assert!(bundle[0].verify(&old).is_ok() && bundle[1..].iter().all(|one| one.verify(&new).is_ok()));
    assert_eq!(world.leaf("control-1", "node"), before);
    let planned = world.json(2, "rotate-root-keys", &["--dry-run"]);
    assert_eq!(planned["step"], "issue", "{planned}");
    assert_eq!(planned["open"], serde_json::json!(["kubernetes", "etcd", "front-proxy", "node"]));
    let error = world.refused(2, "rotate-root-keys", &[]);
    assert!(error.contains("kubernetes, etcd, front-proxy, node are still issued below G1"), "{error}");
    assert!(error.contains("keystone-cluster rotate-keys --type intermediate"), "{error}");
    world.intermediates(None, false);
    // Whatever is asked for now leaves the new intermediates in use alone.
    let idle = world.json(1, "generate-credentials", &["--successors", "2"]);
    assert_eq!(idle["written"], serde_json::json!([]), "{idle}");
    let bundle = world.trust("kubernetes-ca.crt");
    let done = world.json(2, "rotate-root-keys", &[]);
    assert_eq!(done["step"], "issue", "{done}");
    assert_eq!(world.trust("kubernetes-ca.crt")[0], bundle[0]);
    let after = world.leaf("control-1", "node");
    assert_eq!(after[1].contents().issuer, new.contents().subject);
    assert_eq!(after[2], *new_by_old, "the way over the old root goes along");
    for (anchor, between, leaf) in [
        (&old, vec![&before[1]], &before[0]),
        (&new, vec![&after[1]], &after[0]),
        (&old, vec![&after[1], new_by_old], &after[0]),
        (&new, vec![&before[1], old_by_new], &before[0]),
    ] {
        assert!(believed(folder.path(), anchor, &between, leaf), "{anchor:?} {between:?}");
    }
    assert!(!believed(folder.path(), &old, &[&after[1]], &after[0]));
    assert!(!believed(folder.path(), &new, &[&before[1]], &before[0]));
    let said = world.three.say(3, &["sign-certificate", "--csr", csr.to_str().unwrap()], "");
    assert!(said.contains("production Root G2"), "{said}");
    // What was issued below the old root is in no bundle before the new, and still in it.
    let bundle = world.trust("kubernetes-ca.crt");
    bundle[0].verify(&new).unwrap();
    assert!(bundle.iter().any(|one| one.verify(&old).is_ok()));

    let error = world.refused(1, "rotate-root-keys", &[]);
    assert!(error.contains("destroys the shares of G1") && error.contains("--drop"), "{error}");
    // One that is off keeps its share, and loses it when it is on again.
    world.three.kill(3);
    let done = world.json(1, "rotate-root-keys", &["--drop"]);
    assert_eq!(done["step"], "drop", "{done}");
    world.three.run(3);
    let done = world.json(1, "rotate-root-keys", &["--drop"]);
    assert_eq!(done["step"], "drop", "{done}");
    assert_eq!(world.trust("root-ca.crt"), [new]);
    assert!(!world.path("trust/root-cross.crt").exists());
    for n in 1..=3 {
        let status = world.three.json(n, &["status", "--verify"]);
        let keys: Vec<&str> = status["keys"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["backup-G1", "root-G2"]);
        assert_eq!(status["replay"]["bad"], serde_json::json!([]));
        let group = fs::read_to_string(world.three.path(n, "keys/groups/root-G1.json")).unwrap();
        assert!(!group.contains("AGE ENCRYPTED FILE"), "primer-{n} has its old share");
    }
    let planned = world.json(2, "rotate-root-keys", &["--dry-run"]);
    assert_eq!((planned["step"].as_str(), planned["to"].as_u64()), (Some("accept"), Some(3)));
}

#[test]
fn in_an_emergency_nothing_of_before_is_believed() {
    let world = World::new();
    let backup = world.path("backup.enc");
    let recipient = fs::read_to_string(world.three.path(1, "backup.txt")).unwrap();
    encrypt(&recipient, "before", &backup);
    let names = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(world.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let files = |folder: &str| -> Vec<Vec<u8>> {
        names(folder).iter().map(|name| fs::read(world.path(folder).join(name)).unwrap()).collect()
    };
    let (before, leaf) = (files("secrets"), world.leaf("control-1", "apiserver"));
    let old = world.trust("root-ca.crt").remove(0);
    let error = world.refused(1, "emergency-rotate", &[]);
    assert!(error.contains("next: keystone-primer emergency-rotate --all-credentials"), "{error}");
    let planned = world.json(1, "emergency-rotate", &["--all-credentials", "--dry-run"]);
    assert_eq!((planned["root"].as_u64(), planned["backup"].as_u64()), (Some(2), Some(2)));
    assert_eq!(files("secrets"), before);

    // It ends when the keys are made and nothing is written yet, and goes on with these keys.
    let held = world.path("secrets/etcd-encryption.age");
    let whole = fs::read(&held).unwrap();
    fs::write(&held, "damaged").unwrap();
    let error = world.refused(1, "emergency-rotate", &["--all-credentials"]);
    assert!(error.contains("etcd-encryption"), "{error}");
    fs::write(&held, whole).unwrap();
    assert_eq!(files("secrets"), before);
    let done = world.json(1, "emergency-rotate", &["--all-credentials"]);
    assert_eq!((done["root"].as_u64(), done["backup"].as_u64()), (Some(2), Some(2)), "{done}");
    let after = files("secrets");
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{:?}", names("secrets"));
    let new = world.trust("root-ca.crt");
    assert_eq!(new.len(), 1);
    assert_ne!(new[0].contents().key, old.contents().key);
    for name in ["kubernetes", "etcd", "front-proxy", "node"] {
        for intermediate in world.trust(&format!("{name}-ca.crt")) {
            intermediate.verify(&new[0]).unwrap();
        }
    }
    assert!(world.trust("kubernetes-ca.crt").iter().all(|one| leaf[0].verify(one).is_err()));
    assert_eq!(names("trust/service-account").len(), 1);
    // Everybody has the new keys, and nobody a share of the old root.
    for n in 1..=3 {
        let status = world.three.json(n, &["status", "--verify"]);
        let keys: Vec<&str> = status["keys"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["backup-G1", "backup-G2", "root-G2"], "{status}");
        assert_eq!(status["replay"]["bad"].as_array().unwrap().len(), 0, "{status}");
        assert_eq!(
            fs::read_to_string(world.three.path(n, "backup.txt")).unwrap(),
            fs::read_to_string(world.three.path(1, "backup.txt")).unwrap()
        );
    }
    // Old backups still open, new ones too.
    let now = fs::read_to_string(world.three.path(1, "backup.txt")).unwrap();
    assert_ne!(now, recipient);
    let newer = world.path("newer.enc");
    encrypt(&now, "after", &newer);
    for (file, expected) in [(&backup, "before"), (&newer, "after")] {
        world.three.say(2, &["decrypt-backup", "--input", file.to_str().unwrap()], "");
        assert_eq!(fs::read_to_string(file.with_extension("")).unwrap(), expected);
    }
    let idle = world.json(3, "generate-credentials", &[]);
    assert_eq!(idle["written"], serde_json::json!([]), "{idle}");
}

#[test]
fn an_emergency_in_the_middle_of_a_rotation_uses_nothing_of_it() {
    let world = World::new();
    world.json(1, "rotate-root-keys", &[]);
    world.intermediates(None, false);
    let before = world.trust("kubernetes-ca.crt");
    let roots = world.trust("root-ca.crt");
    assert_eq!((roots.len(), before[0].verify(&roots[1]).is_ok()), (2, true));

    let done = world.json(2, "emergency-rotate", &["--all-credentials"]);
    assert_eq!((done["root"].as_u64(), done["backup"].as_u64()), (Some(3), Some(2)), "{done}");
    let root = world.trust("root-ca.crt");
    assert!(root.len() == 1 && !roots.contains(&root[0]));
    for intermediate in world.trust("kubernetes-ca.crt") {
        intermediate.verify(&root[0]).unwrap();
        assert!(before.iter().all(|one| one.contents().key != intermediate.contents().key));
    }
    assert!(!world.path("trust/root-cross.crt").exists() && !world.path("trust/rotation.json").exists());
    let status = world.three.json(1, &["status", "--verify"]);
    let keys: Vec<&str> = status["keys"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["backup-G1", "backup-G2", "root-G3"], "{status}");
}
