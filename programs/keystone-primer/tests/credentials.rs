//! Every credential of the reference cluster, made by a quorum of a lab.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

mod common;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use common::{LAB, Three};
use keystone_generator::Input;
use keystone_pki::certificate::Certificate;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn identity(path: &str) -> PathBuf {
    repository().join("checks/fixtures/identities").join(path)
}

fn open(file: &Path, identity: &Path) -> Option<String> {
    let identity =
        age::IdentityFile::from_file(identity.display().to_string()).unwrap().into_identities().unwrap();
    let decryptor = age::Decryptor::new(fs::File::open(file).unwrap()).unwrap();
    let mut text = String::new();
    decryptor
        .decrypt(identity.iter().map(|one| &**one as &dyn age::Identity))
        .ok()?
        .read_to_string(&mut text)
        .unwrap();
    Some(text)
}

#[test]
fn a_second_run_changes_nothing_and_what_is_missing_is_made_alone() {
    let three = Three::ready(LAB);
    let (secrets, trust) = (three.path(1, "secrets"), three.path(1, "trust"));
    let inventory = repository().join("hosts/cluster.toml");
    let primer = identity("nodes/primer-1.txt");
    let arguments = |more: &[&'static str]| -> Vec<String> {
        let plain = |path: &Path| path.display().to_string();
        [
            "generate-credentials",
            "--inventory",
            &plain(&inventory),
            "--secrets",
            &plain(&secrets),
            "--trust",
            &plain(&trust),
        ]
        .iter()
        .chain(&["--identity", &plain(&primer)])
        .chain(more)
        .map(|&argument| argument.to_owned())
        .collect()
    };
    let json = |more: &[&'static str]| {
        let arguments = arguments(more);
        three.json(1, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let plan = json(&["--dry-run"]);
    assert_eq!(plan["plan"]["authorities"].as_array().unwrap().len(), 16);
    assert!(!secrets.exists() && !trust.exists());

    let done = json(&[]);
    let written = done["written"].as_array().unwrap().len();
    assert!(written > 30, "{done}");
    // Generators read what was written, and it has no private key.
    Input { inventory: inventory.clone(), trust: Some(trust.clone()) }.load().unwrap();
    // Each holder opens his own.
    let file = secrets.join("pki-control-1.age");
    let contents: serde_json::Value =
        serde_json::from_str(&open(&file, &identity("nodes/control-1.txt")).unwrap()).unwrap();
    for leaf in ["apiserver", "etcd", "front-proxy", "kubelet", "mesh", "node"] {
        let chain = Certificate::bundle(contents[format!("{leaf}.crt")].as_str().unwrap()).unwrap();
        chain[0].verify(&chain[1]).unwrap();
        let root = Certificate::from_pem(&fs::read_to_string(trust.join("root-ca.crt")).unwrap()).unwrap();
        chain[1].verify(&root).unwrap();
        assert!(contents[format!("{leaf}.key")].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
    assert!(open(&file, &identity("nodes/control-2.txt")).is_none());
    assert!(open(&secrets.join("person-bob.age"), &identity("people/alice.txt")).is_none());
    let noise = open(&secrets.join("headscale-noise.age"), &identity("nodes/control-1.txt")).unwrap();
    assert!(noise.starts_with("privkey:") && noise.len() == 72);

    let again = json(&[]);
    assert_eq!(again["written"].as_array().unwrap().len(), 0, "{again}");

    let keep = |name: &str| fs::read(secrets.join(name)).unwrap();
    let (before, authority) = (keep("pki-worker-2.age"), keep("k8s-ca-key.age"));
    fs::remove_file(secrets.join("pki-worker-1.age")).unwrap();
    let repaired = json(&[]);
    assert_eq!(
        repaired["written"],
        serde_json::json!(["secrets/pki-worker-1.age", "trust/issued.json"]),
        "{repaired}"
    );
    assert_eq!((keep("pki-worker-2.age"), keep("k8s-ca-key.age")), (before, authority));

    // A lock knows nothing of what is written beside it, and whoever reads this is told.
    assert_eq!(repaired["adopt"], false);
    fs::write(secrets.join("lock.json"), "{}").unwrap();
    fs::remove_file(secrets.join("pki-worker-1.age")).unwrap();
    assert_eq!(json(&[])["adopt"], true);

    // Somebody left who knew the key of an intermediate: the lock asks for another one, and the quorum signs it.
    let bundle = || {
        let text = fs::read_to_string(trust.join("kubernetes-ca.crt")).unwrap();
        Certificate::bundle(&text).unwrap()
    };
    let before = bundle();
    let digest = ring::digest::digest(&ring::digest::SHA256, before[0].der());
    let known = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let asked =
        serde_json::json!({ "because": ["bob left"], "since": "2026-01-01T00:00:00Z", "known": [known] });
    let lock = serde_json::json!({ "version": 1, "replace": { "kubernetes": asked }, "files": {} });
    fs::write(secrets.join("lock.json"), lock.to_string()).unwrap();
    let etcd = keep("etcd-ca-key.age");
    let replaced = json(&[]);
    let plan: Vec<&str> =
        replaced["plan"]["authorities"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    let ahead = ["kubernetes G6, in advance", "kubernetes G7, in advance", "kubernetes G8, in advance"];
    assert_eq!(plan, [&["kubernetes G5 (bob left)"][..], &ahead].concat());
    assert_eq!(keep("etcd-ca-key.age"), etcd);
    let after = bundle();
    assert_ne!(after[0].contents().key, before[0].contents().key);
    assert_eq!(
        after.last(),
        before.first(),
        "the one before is believed until every machine has the new ones"
    );
    let overlaps: serde_json::Value =
        serde_json::from_slice(&fs::read(trust.join("rotation.json")).unwrap()).unwrap();
    assert_eq!((&overlaps["kubernetes"]["from"], &overlaps["kubernetes"]["to"]), (&1.into(), &5.into()));
    assert_eq!(json(&[])["written"].as_array().unwrap().len(), 0);
}
