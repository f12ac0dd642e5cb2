//! What ends first, from public files alone.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

#[path = "../../keystone-pki/tests/common/mod.rs"]
mod authority;

use std::collections::BTreeMap;
use std::fs;

use authority::chains::{NOW, Root, all, by_quorum, cluster, nonce, root, view};
use authority::rng;
use keystone_model::{Authority, Cluster, secret};
use keystone_pki::certificate::{Certificate, PrivateKey, SigningRequest};
use keystone_pki::crl::{ListContents, RevocationList};
use keystone_pki::profile::{Holder, intermediate_subject};
use keystone_pki::request::{Policy, Request, View};
use keystone_primer::horizon::{Horizon, Kind, Places, Renewer, Token};

/// A repository after `generate-credentials`.
struct Repository {
    folder: tempfile::TempDir,
    cluster: Cluster,
    root: Root,
    issued: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

fn successor(cluster: &Cluster, root: &Root, authority: Authority, number: u8) -> Certificate {
    let key = PrivateKey::generate(&mut rng(900 + u64::from(number)));
    let generation = u32::from(number) + 1;
    let csr = SigningRequest::new(&key, &intermediate_subject(cluster, authority, generation), &[].into());
    let request = Request::Intermediate {
        authority,
        generation,
        successor: number,
        csr: csr.unwrap().pem().into_bytes(),
        not_before: NOW.unix(),
        nonce: nonce(9),
    };
    let view = view(cluster, &root.keys, 1, Some(&root.certificate), &[]);
    let view = View { policy: Policy::default(), ..view };
    by_quorum(&request, &root.keys, &view).unwrap()
}

impl Repository {
    fn new() -> Self {
        let cluster = cluster();
        let root = root(&cluster, 1);
        let folder = tempfile::tempdir().unwrap();
        for name in ["trust", "secrets"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut repository = Self { folder, cluster, root, issued: BTreeMap::new() };
        repository.write("trust/root-ca.crt", &repository.root.certificate.pem());
        for authority in [Authority::Kubernetes, Authority::Etcd, Authority::FrontProxy, Authority::Node] {
            repository.bundle(authority, &[1]);
        }
        for file in ["k8s-ca-key", "etcd-ca-key", "front-proxy-ca-key", "node-ca-key"] {
            repository.write(&format!("secrets/{file}.age"), "sealed");
        }
        for (n, identity) in all(&repository.cluster).iter().enumerate() {
            let file = match identity.holder() {
                Holder::Machine(name) => secret::host_certificates(name),
                Holder::Person(name) => secret::person_certificates(name),
            };
            if !secret::rules(&repository.cluster).contains_key(&file) {
                continue;
            }
            let (leaf, _) = repository.root.leaf(identity, n as u64);
            let validity = leaf.contents().validity;
            let note = serde_json::json!({ "meaning": "", "serial": "", "renewal": validity.renewal().unix(), "notAfter": validity.not_after.unix() });
            repository.write(&format!("secrets/{file}.age"), "sealed");
            repository.issued.entry(file).or_default().insert(identity.profile().name.to_owned(), note);
        }
        repository.save();
        repository
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn save(&self) {
        self.write("trust/issued.json", &serde_json::to_string(&self.issued).unwrap());
    }

    /// The intermediate that issues, and these successors.
    fn bundle(&self, authority: Authority, successors: &[u8]) {
        let mut text = self.root.intermediates[&authority].certificate().pem();
        for number in successors {
            text += &successor(&self.cluster, &self.root, authority, *number).pem();
        }
        self.write(&format!("trust/{}-ca.crt", authority.as_str()), &text);
    }

    fn list(&self, name: &str, days: u32) {
        let contents = ListContents {
            number: 1,
            this_update: NOW,
            next_update: NOW.plus_days(days),
            revoked: BTreeMap::new(),
        };
        let list = RevocationList::issue(&contents, &self.root.intermediates[&Authority::Etcd]).unwrap();
        self.write(name, &list.pem());
    }

    fn horizon(&self, tokens: &[Token]) -> Horizon {
        let places = Places {
            trust: self.folder.path().join("trust"),
            secrets: Some(self.folder.path().join("secrets")),
        };
        Horizon::new(&self.cluster, &places, tokens, NOW).unwrap()
    }
}

fn open(horizon: &Horizon) -> Vec<&str> {
    horizon.open.iter().map(|open| open.what.as_str()).collect()
}

#[test]
fn the_first_end_has_a_name_and_a_control_plane_that_renews_comes_further() {
    let repository = Repository::new();
    let horizon = repository.horizon(&[]);
    assert_eq!(open(&horizon), [""; 0]);
    // People's certificates live 30 days, everything else longer.
    let first = horizon.first().unwrap();
    assert_eq!((first.kind, first.ends), (Kind::Certificate, NOW.plus_days(30)));
    assert_eq!(first.name, "person in person-alice");
    assert_eq!(first.renewed_by, Renewer::ControlPlane);
    // One successor each: twice the life of an intermediate.
    let renewing = horizon.renewing().unwrap();
    assert_eq!((renewing.kind, renewing.ends), (Kind::Successor, NOW.plus_days(1460)));
    assert!(horizon.is_good_for(30) && !horizon.is_good_for(31));
    let text = horizon.text(false);
    assert!(
        text.starts_with("Autonomy horizon, if nobody renews anything:   2026-12-24 09:01 UTC, in 30 days: certificate person in person-alice\n"),
        "{text}"
    );
}

#[test]
fn each_kind_of_thing_can_be_the_culprit() {
    let mut repository = Repository::new();
    repository.list("trust/etcd.crl", 20);
    let horizon = repository.horizon(&[]);
    let first = horizon.first().unwrap();
    assert_eq!((first.kind, first.name.as_str(), first.ends), (Kind::List, "etcd.crl", NOW.plus_days(20)));
    assert_eq!(first.renewed_by, Renewer::ControlPlane);

    let token = Token { id: "abc123".to_owned(), name: "primer-3".to_owned(), ends: NOW.plus(3600) };
    let spent = Token { id: "000000".to_owned(), name: "primer-2".to_owned(), ends: NOW.plus(-1) };
    let horizon = repository.horizon(&[spent, token]);
    let first = horizon.first().unwrap();
    assert_eq!((first.kind, first.name.as_str()), (Kind::Token, "join token abc123 of primer-3"));
    assert_eq!(open(&horizon), [""; 0], "a token that ended is no concern of anybody");

    // Without successors the intermediate itself is what only a quorum replaces.
    repository.bundle(Authority::Node, &[]);
    repository.bundle(Authority::Etcd, &[1, 2, 3]);
    let horizon = repository.horizon(&[]);
    let renewing = horizon.renewing().unwrap();
    assert_eq!((renewing.kind, renewing.name.as_str()), (Kind::Intermediate, "production node G1"));
    assert_eq!(renewing.ends, NOW.plus_days(730));
    assert_eq!(open(&horizon), [""; 0]);
    let etcd: Vec<_> = horizon.items.iter().filter(|item| item.name.starts_with("production etcd")).collect();
    assert_eq!(etcd.iter().filter(|item| item.renewed_by == Renewer::Primers).count(), 1);
    assert_eq!(etcd.last().unwrap().ends, NOW.plus_days(2920));

    let note = repository.issued.get_mut("pki-control-1").unwrap().get_mut("etcd").unwrap();
    note["notAfter"] = serde_json::json!(NOW.plus_days(3).unix());
    repository.save();
    let horizon = repository.horizon(&[]);
    assert_eq!(horizon.first().unwrap().name, "etcd in pki-control-1");
}

#[test]
fn what_is_missing_or_over_is_open() {
    let mut repository = Repository::new();
    repository.issued.get_mut("pki-worker-1").unwrap().remove("kubelet").unwrap();
    let note = repository.issued.get_mut("pki-worker-2").unwrap().get_mut("node").unwrap();
    note["notAfter"] = serde_json::json!(NOW.plus_days(0).unix());
    repository.save();
    fs::remove_file(repository.folder.path().join("secrets/etcd-ca-key.age")).unwrap();
    fs::remove_file(repository.folder.path().join("trust/front-proxy-ca.crt")).unwrap();
    let stranger = root(&repository.cluster, 2);
    repository.write("trust/root-ca.crt", &stranger.certificate.pem());
    let horizon = repository.horizon(&[]);
    let open = open(&horizon);
    for expected in [
        "no certificate was issued for kubelet of worker-1",
        "secrets/etcd-ca-key.age is missing",
        "there is no intermediate front-proxy",
        "`CN=production node G1` in node-ca.crt is not signed by the root",
        "the certificate node in pki-worker-2 has ended, on 2026-11-24T09:01:01Z",
    ] {
        assert!(open.contains(&expected), "{expected}: {open:?}");
    }
    assert!(horizon.text(false).contains("  next: keystone-primer generate-credentials\n"));
}

#[test]
fn an_empty_folder_is_no_horizon_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places { trust: folder.path().join("trust"), secrets: Some(folder.path().join("secrets")) };
    let horizon = Horizon::new(&cluster(), &places, &[], NOW).unwrap();
    assert!(horizon.first().is_none() && !horizon.is_good_for(-1_000_000));
    assert!(horizon.text(false).contains("nothing is known that ends"));
    assert!(horizon.open.len() > 5);
}

#[test]
fn metrics_name_every_end_and_escape_what_they_must() {
    let repository = Repository::new();
    let token = Token { id: "a\"\\\n".to_owned(), name: "primer-3".to_owned(), ends: NOW.plus_days(1) };
    let horizon = repository.horizon(&[token]);
    let metrics = horizon.metrics();
    assert!(metrics.contains(&format!(
        "keystone_autonomy_horizon_timestamp_seconds{{cluster=\"production\",renewing=\"nobody\",kind=\"token\",culprit=\"join token a\\\"\\\\\\n of primer-3\"}} {}\n",
        NOW.plus_days(1).unix()
    )));
    assert!(metrics.contains("keystone_autonomy_open{cluster=\"production\"} 0\n"));
    let ends = metrics.lines().filter(|line| line.starts_with("keystone_ends_timestamp_seconds{"));
    assert_eq!(ends.count(), horizon.items.len());
    // One HELP and one TYPE for each, and no line of anything else.
    for line in metrics.lines() {
        assert!(
            line.starts_with("# HELP keystone_")
                || line.starts_with("# TYPE keystone_")
                || line.starts_with("keystone_")
        );
    }
    let path = repository.folder.path().join("keystone.prom");
    horizon.write_metrics(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), metrics);
    let error = horizon.write_metrics(&repository.folder.path().join("no/keystone.prom")).unwrap_err();
    assert!(error.to_string().starts_with("cannot write `"), "{error}");
}
