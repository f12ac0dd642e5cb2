//! Our own programs believe a machine by the node intermediate or the root, and by nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;

use common::chains::{Forged, NOW, by_quorum, cluster, forge_certificate, nonce, root, view};
use common::rng;
use keystone_model::Authority;
use keystone_pki::certificate::{MachineError, MachineTrust, PrivateKey, SigningRequest, Subject, Usage};
use keystone_pki::crl::{ListContents, Reason, RevocationList, Revoked};
use keystone_pki::profile::Identity;
use keystone_pki::request::Request;

#[test]
fn a_machine_is_believed_by_the_node_intermediate_or_the_root_only() {
    let cluster = cluster();
    let root = root(&cluster, 1);
    let intermediate = |authority| &root.intermediates[&authority];
    // A careless bundle with every intermediate: only that of nodes counts.
    let bundle: Vec<_> = root.intermediates.values().map(|i| i.certificate().clone()).collect();
    let roots = [root.certificate.clone()];
    let trust = MachineTrust { nodes: &bundle, roots: &roots, lists: &[] };
    let node = Identity::new(&cluster, "node", "worker-1").unwrap();
    let (leaf, _) = root.leaf(&node, 1);
    let now = NOW.plus(60);
    assert_eq!(trust.machine(&leaf, Usage::Client, now).unwrap(), "worker-1");

    // Directly by the root.
    let key = PrivateKey::generate(&mut rng(2));
    let request = Request::Leaf {
        profile: "node".to_owned(),
        holder: "worker-2".to_owned(),
        csr: SigningRequest::new(&key, &Subject::named("worker-2"), &[].into()).unwrap().der().to_vec(),
        not_before: NOW.unix(),
        nonce: nonce(1),
    };
    let view = view(&cluster, &root.keys, 1, Some(&root.certificate), &[]);
    let direct = by_quorum(&request, &root.keys, &view).unwrap();
    assert_eq!(trust.machine(&direct, Usage::Server, now).unwrap(), "worker-2");
    let without_root = MachineTrust { roots: &[], ..trust };
    assert!(matches!(without_root.machine(&direct, Usage::Server, now), Err(MachineError::Issuer(_))));

    // The same name below other intermediates.
    for authority in [Authority::Kubernetes, Authority::Etcd, Authority::FrontProxy] {
        let forged = Forged { organisation: None, common_name: "worker-1", dns: vec![], authority: false };
        let leaf = forge_certificate(intermediate(authority), &forged, &key.public(), 3);
        let refused = trust.machine(&leaf, Usage::Client, now);
        assert_eq!(refused, Err(MachineError::Issuer(Subject::named("worker-1"))));
    }
    // Other certificates below the right one: the coordinator's is for servers, an intermediate is no machine.
    let (mesh, _) = root.leaf(&Identity::new(&cluster, "mesh", "primer-1").unwrap(), 4);
    assert!(matches!(trust.machine(&mesh, Usage::Client, now), Err(MachineError::NotAMachine(_))));
    let authority = intermediate(Authority::Node).certificate();
    assert!(matches!(trust.machine(authority, Usage::Client, now), Err(MachineError::NotAMachine(_))));
}

#[test]
fn time_and_lists_are_looked_at() {
    let cluster = cluster();
    let root = root(&cluster, 1);
    let issuer = &root.intermediates[&Authority::Node];
    let nodes = [issuer.certificate().clone()];
    let (leaf, _) = root.leaf(&Identity::new(&cluster, "node", "worker-1").unwrap(), 1);
    let end = leaf.contents().validity.not_after;
    let list = |revoked, days| {
        let contents =
            ListContents { number: 1, this_update: NOW, next_update: NOW.plus_days(days), revoked };
        [RevocationList::issue(&contents, issuer).unwrap()]
    };
    let ask = |lists: &[RevocationList], now| {
        MachineTrust { nodes: &nodes, roots: &[], lists }.machine(&leaf, Usage::Client, now)
    };
    assert!(ask(&[], end).is_ok());
    assert!(matches!(ask(&[], end.plus(1)), Err(MachineError::Time { .. })));
    assert!(matches!(ask(&[], NOW.plus(-1)), Err(MachineError::Time { .. })));

    let empty = list(BTreeMap::new(), 10);
    assert!(ask(&empty, NOW.plus_days(10)).is_ok());
    assert!(matches!(ask(&empty, NOW.plus_days(11)), Err(MachineError::ListExpired(_))));
    let gone = Revoked { at: NOW, reason: Reason::CessationOfOperation };
    let full = list(BTreeMap::from([(leaf.contents().serial, gone)]), 10);
    assert_eq!(ask(&full, NOW), Err(MachineError::Revoked(Subject::named("worker-1"))));
}
