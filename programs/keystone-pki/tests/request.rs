//! A custodian rebuilds what it signs, and whoever lies about it is refused with the reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::chains::{NOW, Root, by_quorum, cluster, nonce, root, to_be_signed, view};
use common::rng;
use keystone_model::{Authority, Cluster};
use keystone_pki::certificate::{
    AltName, CertificateError, Contents, DAY, Difference, Kind, PrivateKey, PublicKey, Serial,
    SigningRequest, Subject, Time,
};
use keystone_pki::crl::Reason;
use keystone_pki::group::Signing;
use keystone_pki::profile::{self, IdentityError, root_subject};
use keystone_pki::request::{OtherRoot, Refusal, Request, RevokedEntry, Signable, View, rebuild};

const NODE: &str = "worker-1";

fn dns(name: &str) -> AltName {
    AltName::Dns(name.to_owned())
}

fn csr(subject: &str, names: &[AltName]) -> Vec<u8> {
    let key = PrivateKey::generate(&mut rng(40));
    let names = names.iter().cloned().collect();
    SigningRequest::new(&key, &Subject::named(subject), &names).unwrap().der().to_vec()
}

/// A request that asks to be an authority, as `openssl req -addext basicConstraints=CA:TRUE` makes it.
fn csr_of_authority() -> Vec<u8> {
    let key = PrivateKey::generate(&mut rng(40));
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, NODE);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let public = key.public();
    params.serialize_request(&common::chains::Thief(&key, public)).unwrap().der().to_vec()
}

fn node(csr: Vec<u8>) -> Request {
    Request::Leaf {
        profile: "node".to_owned(),
        holder: NODE.to_owned(),
        csr,
        not_before: NOW.unix(),
        nonce: nonce(9),
    }
}

struct World {
    cluster: Cluster,
    root: Root,
}

impl World {
    fn new() -> Self {
        let cluster = cluster();
        let root = root(&cluster, 1);
        Self { cluster, root }
    }

    fn view(&self) -> View<'_> {
        view(&self.cluster, &self.root.keys, 1, Some(&self.root.certificate), &[])
    }

    fn refusal(&self, request: &Request) -> Refusal {
        rebuild(request, &self.view()).err().unwrap()
    }
}

#[test]
fn the_root_signs_a_machine_and_people_read_what_it_is() {
    let world = World::new();
    let leaf = by_quorum(&node(csr(NODE, &[])), &world.root.keys, &world.view()).unwrap();
    leaf.verify(&world.root.certificate).unwrap();
    let rebuilt = rebuild(&node(csr(NODE, &[])), &world.view()).unwrap();
    let key = PrivateKey::generate(&mut rng(40)).public();
    assert_eq!(
        rebuilt.to_string(),
        format!(
            "certificate for: server, client\n  subject:       CN=worker-1\n  names:         \
             DNS:worker-1.keystone.internal\n  signed by:     CN=production Root G1\n  valid:         \
             2026-11-24T09:01:01Z to 2027-02-22T09:01:01Z\n  key:           {key}\n  serial number: {}",
            leaf.contents().serial
        )
    );
    assert_eq!(
        world.root.certificate.to_string().lines().next().unwrap(),
        "CERTIFICATE AUTHORITY, with 2 further ones below it"
    );
}

#[test]
fn a_lying_requester_is_found_out() {
    let world = World::new();
    let rebuilt = rebuild(&node(csr(NODE, &[])), &world.view()).unwrap();
    rebuilt.check(rebuilt.bytes()).unwrap();

    // What the requester claims is made by the same code for something else, so that each claim is a sound certificate.
    let claim = |request: &Request, view: &View<'_>| rebuild(request, view).unwrap().bytes().to_vec();
    let lies = |claimed: &[u8]| match rebuilt.check(claimed) {
        Err(Refusal::Lie(differences)) => differences,
        other => panic!("{other:?}"),
    };

    // CA:TRUE: an intermediate instead of a machine.
    let key = PrivateKey::generate(&mut rng(41));
    let intermediate = SigningRequest::new(
        &key,
        &profile::intermediate_subject(&world.cluster, Authority::Node, 1),
        &[].into(),
    );
    let authority = Request::Intermediate {
        authority: Authority::Node,
        generation: 1,
        successor: 0,
        csr: intermediate.unwrap().der().to_vec(),
        not_before: NOW.unix(),
        nonce: nonce(9),
    };
    let found = lies(&claim(&authority, &world.view()));
    assert_eq!(found[0], Difference::Authority { asked: true });
    let text = rebuilt.check(&claim(&authority, &world.view())).err().unwrap().to_string();
    assert!(
        text.contains("it is a certificate authority (CA:TRUE), and the profile says otherwise"),
        "{text}"
    );

    // Another name: the inventory of the requester has another zone.
    let mut other = world.cluster.clone();
    other.mesh.base_domain = "attacker.example".parse().unwrap();
    let other_view = View { cluster: &other, ..world.view() };
    assert_eq!(
        lies(&claim(&node(csr(NODE, &[])), &other_view)),
        [Difference::AltNames {
            asked: [dns("worker-1.attacker.example")].into(),
            right: [dns("worker-1.keystone.internal")].into(),
        }]
    );

    // Another validity; the serial number follows from it.
    let mut later = node(csr(NODE, &[]));
    if let Request::Leaf { not_before, .. } = &mut later {
        *not_before += 60;
    }
    let found = lies(&claim(&later, &world.view()));
    assert!(matches!(found[0], Difference::Validity { .. }), "{found:?}");

    // Another serial number.
    let mut another = node(csr(NODE, &[]));
    if let Request::Leaf { nonce: bytes, .. } = &mut another {
        *bytes = nonce(10);
    }
    let found = lies(&claim(&another, &world.view()));
    assert!(matches!(found[..], [Difference::Serial { .. }]), "{found:?}");

    // Bytes that are nothing at all.
    assert!(matches!(
        rebuilt.check(b"sign this"),
        Err(Refusal::Certificate(CertificateError::Malformed { .. }))
    ));
}

#[test]
fn a_request_to_sign_that_asks_for_more_is_refused() {
    let world = World::new();
    let right = dns("worker-1.keystone.internal");
    // What is right may be asked for.
    rebuild(&node(csr(NODE, std::slice::from_ref(&right))), &world.view()).unwrap();

    let foreign = dns("kubernetes.default.svc");
    assert_eq!(
        world.refusal(&node(csr(NODE, &[right.clone(), foreign.clone()]))),
        Refusal::AsksForNames { foreign: vec![foreign], right: vec![right], holder: NODE.to_owned() }
    );
    assert_eq!(
        world.refusal(&node(csr("control-1", &[]))),
        Refusal::AsksForSubject { asked: Subject::named("control-1"), right: Subject::named(NODE) }
    );
    let text = world.refusal(&node(csr("control-1", &[]))).to_string();
    assert!(text.ends_with("`CN=worker-1` is right; leave the subject out, or write it so"), "{text}");

    let refused = world.refusal(&node(csr_of_authority()));
    assert_eq!(refused, Refusal::AsksForAuthority(Subject::named(NODE)));
    assert!(refused.to_string().contains("CA:TRUE"));
    assert!(matches!(
        world.refusal(&node(b"-----BEGIN CERTIFICATE REQUEST-----\n".to_vec())),
        Refusal::Certificate(CertificateError::Malformed { .. })
    ));

    // Profiles that the root does not sign, people, strangers.
    let ask = |profile: &str, holder: &str| {
        world.refusal(&Request::Leaf {
            profile: profile.to_owned(),
            holder: holder.to_owned(),
            csr: csr(NODE, &[]),
            not_before: NOW.unix(),
            nonce: nonce(1),
        })
    };
    let text = ask("bootstrap", "control-1").to_string();
    assert!(text.contains("keystone-primer generate-credentials"), "{text}");
    assert!(matches!(ask("apiserver", "worker-1"), Refusal::Identity(IdentityError::NotFor { .. })));
    assert!(matches!(
        ask("node", "worker-9"),
        Refusal::Identity(IdentityError::Unknown { person: false, .. })
    ));
    assert!(matches!(ask("cluster-admin", "worker-1"), Refusal::Identity(IdentityError::NoProfile { .. })));
}

#[test]
fn clocks_that_are_off_are_noticed() {
    let world = World::new();
    for days in [-365, 365] {
        let view = View { now: NOW.plus(days * DAY), ..world.view() };
        let refusal = rebuild(&node(csr(NODE, &[])), &view).err().unwrap();
        assert_eq!(refusal, Refusal::Clock { asked: NOW, now: NOW.plus(days * DAY), tolerance: 3600 });
    }
    let view = View { now: NOW.plus(3600), ..world.view() };
    rebuild(&node(csr(NODE, &[])), &view).unwrap();
    let view = View { now: NOW.plus(3601), ..world.view() };
    assert!(rebuild(&node(csr(NODE, &[])), &view).is_err());
}

#[test]
fn a_root_is_signed_once_and_nothing_before_it() {
    let world = World::new();
    let again = Request::Root { not_before: NOW.unix(), nonce: nonce(1) };
    assert_eq!(world.refusal(&again), Refusal::RootExists(1));
    let view = View { root: None, ..world.view() };
    assert_eq!(rebuild(&node(csr(NODE, &[])), &view).err().unwrap(), Refusal::NoRoot(1));
    // A root certificate of somebody else, put beside our group.
    let stranger = root(&world.cluster, 2);
    let view = View { root: Some(&stranger.certificate), ..world.view() };
    assert_eq!(rebuild(&node(csr(NODE, &[])), &view).err().unwrap(), Refusal::NoRoot(1));
    let short = Request::Root { not_before: NOW.unix(), nonce: vec![0; 8] };
    let view = View { root: None, ..world.view() };
    assert_eq!(rebuild(&short, &view).err().unwrap(), Refusal::Nonce(8));
}

#[test]
fn a_root_vouches_only_for_generations_that_the_custodian_knows() {
    let world = World::new();
    let ask = |generation| Request::Cross { generation, not_before: NOW.unix(), nonce: nonce(1) };
    assert_eq!(world.refusal(&ask(2)), Refusal::UnknownRoot(2));
    // Neither for itself under another number.
    let own = [OtherRoot { generation: 2, key: world.root.key() }];
    let view = View { others: &own, ..world.view() };
    assert_eq!(rebuild(&ask(2), &view).err().unwrap(), Refusal::UnknownRoot(2));

    let second = root(&world.cluster, 2);
    let cross = world.root.cross(&world.cluster, &second);
    assert_eq!(cross.contents().subject, root_subject(&world.cluster, 2));
    assert_eq!(cross.contents().issuer, root_subject(&world.cluster, 1));
    assert_eq!(cross.contents().key, second.key());
    assert!(matches!(cross.contents().kind, Kind::Authority { path_length: 1, .. }));
}

fn intermediate(
    world: &World,
    authority: Authority,
    generation: u32,
    successor: u8,
) -> Result<Contents, Refusal> {
    let key = PrivateKey::generate(&mut rng(u64::from(generation)));
    let subject = profile::intermediate_subject(&world.cluster, authority, generation);
    let request = Request::Intermediate {
        authority,
        generation,
        successor,
        csr: SigningRequest::new(&key, &subject, &[].into()).unwrap().der().to_vec(),
        not_before: NOW.unix(),
        nonce: nonce(5),
    };
    rebuild(&request, &world.view()).map(|rebuilt| to_be_signed(&rebuilt).contents().clone())
}

#[test]
fn successors_are_signed_in_advance_and_live_longer_the_later_they_are_used() {
    let world = World::new();
    let mut lives = Vec::new();
    let mut keys = BTreeSet::new();
    for successor in 0..=3 {
        let contents = intermediate(&world, Authority::Etcd, 1 + u32::from(successor), successor).unwrap();
        assert!(matches!(contents.kind, Kind::Authority { path_length: 0, .. }));
        keys.insert(contents.subject_key_id);
        lives.push((contents.validity.not_after.unix() - NOW.unix()) / DAY);
    }
    assert_eq!(lives, [730, 1460, 2190, 2920]);
    assert_eq!(keys.len(), 4, "each has a key of its own");
    let refused = Err(Refusal::Successor { generation: 5, successor: 4, most: 3 });
    assert_eq!(intermediate(&world, Authority::Etcd, 5, 4), refused);
    assert!(intermediate(&world, Authority::Etcd, 0, 0).is_err());
    assert_eq!(intermediate(&world, Authority::Root, 1, 0), Err(Refusal::NoIntermediate));
}

#[test]
fn a_list_of_the_root_has_a_higher_number_each_time() {
    let world = World::new();
    let serial = Serial::random(&mut rng(3));
    let list = |number, text: String| Request::RevocationList {
        number,
        this_update: NOW.unix(),
        revoked: BTreeMap::from([(text, RevokedEntry { at: NOW.unix(), reason: Reason::KeyCompromise })]),
    };
    let view = View { last_list: 4, ..world.view() };
    let refused = rebuild(&list(4, serial.to_string()), &view).err().unwrap();
    assert_eq!(refused, Refusal::ListNumber { asked: 4, last: 4 });
    assert!(matches!(rebuild(&list(5, "0g".to_owned()), &view), Err(Refusal::Malformed(_))));
    let rebuilt = rebuild(&list(5, serial.to_string()), &view).unwrap();
    assert!(rebuilt.to_string().contains("the key may be known to others"));
    let signature = common::signature(&world.root.keys, &[2, 3], rebuilt.bytes(), 1).unwrap();
    let Signable::List(unsigned) = rebuilt.signable() else { panic!("no list") };
    let signed = unsigned.complete(&signature).unwrap();
    signed.verify(world.root.certificate.contents()).unwrap();
    assert!(signed.has(&serial));
    assert!(!signed.has(&world.root.certificate.contents().serial));
    assert_eq!(signed.next_update(), Some(NOW.plus_days(365)));
    // Another group's signature is none.
    let stranger = common::generate::<Signing>(2, 3, 999);
    let wrong = common::signature(&stranger, &[1, 2], rebuilt.bytes(), 1).unwrap();
    assert!(unsigned.complete(&wrong).is_err());
}

#[test]
fn requests_travel_as_json_and_unknown_keys_are_refused() {
    let request = node(csr(NODE, &[]));
    assert_eq!(Request::from_json(&request.to_json()).unwrap(), request);
    for wrong in [
        "",
        "null",
        r#"{"kind":"root"}"#,
        r#"{"kind":"root","notBefore":1,"nonce":"AA==","ca":true}"#,
        r#"{"kind":"sign","bytes":"AA=="}"#,
        r#"{"kind":"root","notBefore":1,"nonce":"not base64"}"#,
    ] {
        assert!(matches!(Request::from_json(wrong), Err(Refusal::Malformed(_))), "{wrong}");
    }
    assert!(matches!(Request::from_json(&" ".repeat(1 << 20)), Err(Refusal::Malformed(_))));
}

#[test]
fn an_intermediate_issues_only_what_is_its_own_and_never_longer_than_itself() {
    let world = World::new();
    let kubelet = profile::Identity::new(&world.cluster, "kubelet", NODE).unwrap();
    let key = PrivateKey::generate(&mut rng(6)).public();
    let etcd = &world.root.intermediates[&Authority::Etcd];
    let refused = etcd.issue(&kubelet, &key, NOW, &mut rng(1)).err().unwrap();
    assert!(matches!(refused, CertificateError::Value { .. }), "{refused}");

    let kubernetes = &world.root.intermediates[&Authority::Kubernetes];
    let end = kubernetes.certificate().contents().validity.not_after;
    let late = kubernetes.issue(&kubelet, &key, end.plus(-DAY), &mut rng(1)).unwrap();
    assert_eq!(late.contents().validity.not_after, end);
    for outside in [end.plus(1), NOW.plus(-1), Time::from_unix(0)] {
        let refused = kubernetes.issue(&kubelet, &key, outside, &mut rng(1)).err().unwrap();
        assert!(matches!(refused, CertificateError::Outlives { .. }), "{refused}");
    }
    // Two leaves of the same second for the same key are two.
    let serials: BTreeSet<_> = (0..20)
        .map(|n| kubernetes.issue(&kubelet, &key, NOW, &mut rng(n)).unwrap().contents().serial)
        .collect();
    assert_eq!(serials.len(), 20);
}

#[test]
fn a_key_does_not_join_another_certificate() {
    let world = World::new();
    let certificate = world.root.intermediates[&Authority::Node].certificate().clone();
    let other = PrivateKey::generate(&mut rng(1));
    assert!(matches!(
        keystone_pki::certificate::Intermediate::new(certificate.clone(), other),
        Err(CertificateError::OtherKey(_))
    ));
    let key = &world.root.intermediates[&Authority::Node];
    let again = PrivateKey::from_pem(&key.key().to_pem()).unwrap();
    assert_eq!(again.public(), certificate.contents().key);
    assert_eq!(PublicKey::from_spki(&again.public().spki()).unwrap(), again.public());
    let error = PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
        .err()
        .unwrap();
    assert!(!error.to_string().contains("c2VjcmV0"));
}
