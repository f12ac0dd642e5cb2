//! Bytes from strangers: no reader panics, none reads more than its limit, and what is read is written in one way only.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use common::chains::{NOW, cluster, root};
use common::{generate, member, rng};
use keystone_pki::certificate::{
    AltName, Certificate, Constraints, Contents, Intermediate, PrivateKey, PublicKey, Serial, SigningRequest,
};
use keystone_pki::crl::{ListContents, RevocationList};
use keystone_pki::decryption::{Header, Partial};
use keystone_pki::group::dkg::{self, Generation};
use keystone_pki::group::refresh::Refresh;
use keystone_pki::group::repair::{Delta, Sigma};
use keystone_pki::group::sign::{Commitment, PartialSignature, commit};
use keystone_pki::group::{
    Decryption, Group, Quorum, Round1Package, Round2Package, RoundOne, RoundTwo, Share, Signing,
};
use keystone_pki::profile::{PROFILES, constraints, identities};
use keystone_pki::request::Request;
use proptest::prelude::*;

/// Reads bytes, and gives what would be written; `None` where they are refused.
type Reader = fn(&[u8]) -> Option<Vec<u8>>;

macro_rules! readers {
    ($($type:ty),* $(,)?) => {
        [$((stringify!($type), (|bytes| <$type>::from_bytes(bytes).ok().map(|v| v.to_bytes().to_vec())) as Reader)),*]
    };
}

fn group_readers() -> Vec<(&'static str, Reader)> {
    readers![
        Group<Signing>,
        Group<Decryption>,
        Share<Signing>,
        Share<Decryption>,
        Round1Package<Signing, Generation>,
        Round1Package<Signing, Refresh>,
        Round2Package<Signing, Generation>,
        Round2Package<Signing, Refresh>,
        RoundOne<Signing, Generation>,
        RoundTwo<Signing, Generation>,
        Commitment,
        PartialSignature,
        Delta<Signing>,
        Sigma<Signing>,
        Partial,
    ]
    .to_vec()
}

fn other_readers() -> Vec<(&'static str, Reader)> {
    vec![
        ("certificate", |b| Certificate::from_der(b).ok().map(|c| c.der().to_vec())),
        ("contents", |b| Contents::from_tbs(b).ok().map(|_| b.to_vec())),
        ("request to sign", |b| SigningRequest::read(b).ok().map(|_| b.to_vec())),
        ("public key", |b| PublicKey::from_spki(b).ok().map(|k| k.spki())),
        ("list", |b| RevocationList::from_der(b).ok().map(|l| l.der().to_vec())),
        ("header", |b| Header::read(b).ok().map(|_| b.to_vec())),
        ("bundle", |b| Certificate::bundle(&String::from_utf8_lossy(b)).ok().map(|_| b.to_vec())),
        ("private key", |b| PrivateKey::from_pem(&String::from_utf8_lossy(b)).ok().map(|_| b.to_vec())),
        ("request", |b| Request::from_json(&String::from_utf8_lossy(b)).ok().map(|_| b.to_vec())),
    ]
}

/// One sound example of everything.
fn examples() -> &'static Vec<Vec<u8>> {
    static EXAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let keys = generate::<Signing>(2, 3, 1);
        let quorum = Quorum::new(2, 3).unwrap();
        let (state, first) = dkg::start::<Signing>(quorum, member(1), &mut rng(1)).unwrap();
        let (_, commitment) = commit(&keys.shares[&member(1)], &mut rng(2));
        let cluster = cluster();
        let root = root(&cluster, 1);
        let issuer: &Intermediate = root.intermediates.values().next().unwrap();
        let (this_update, next_update) = (NOW, NOW.plus_days(1));
        let contents = ListContents { number: 1, this_update, next_update, revoked: [].into() };
        let list = RevocationList::issue(&contents, issuer).unwrap();
        let key = PrivateKey::generate(&mut rng(3));
        let subject = issuer.certificate().contents().subject.clone();
        let csr =
            SigningRequest::new(&key, &subject, &[AltName::Dns("a.example".to_owned())].into()).unwrap();
        vec![
            keys.group.to_bytes(),
            keys.shares[&member(2)].to_bytes().to_vec(),
            first.to_bytes(),
            state.to_bytes().to_vec(),
            commitment.to_bytes(),
            root.certificate.der().to_vec(),
            issuer.certificate().der().to_vec(),
            issuer.certificate().tbs().to_vec(),
            issuer.certificate().pem().into_bytes(),
            list.der().to_vec(),
            csr.der().to_vec(),
            csr.pem().into_bytes(),
            key.public().spki(),
            Request::Root { not_before: 1, nonce: vec![1; 16] }.to_json().into_bytes(),
        ]
    })
}

#[test]
fn each_example_is_read_by_somebody() {
    for (n, example) in examples().iter().enumerate() {
        let readers = [group_readers(), other_readers()].concat();
        assert!(readers.iter().any(|(_, read)| read(example).is_some()), "example {n}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..600), kind in 0_u8..20, purpose in 0_u8..4) {
        // With the right beginning, so that the readers behind it are reached.
        let framed = [b"KSPK".as_slice(), &[1, kind, purpose], &noise].concat();
        for (name, read) in [group_readers(), other_readers()].concat() {
            prop_assert_eq!(read(&noise), None, "{}", name);
            if let Some(written) = read(&framed) {
                prop_assert_eq!(written, framed.clone(), "{}", name);
            }
        }
    }

    #[test]
    fn a_changed_example_is_refused_or_is_written_as_it_was_read(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        change in 1_u8..=255,
        cut in any::<prop::sample::Index>(),
    ) {
        let example = which.get(examples());
        let mut changed = example.clone();
        let place = place.index(changed.len());
        changed[place] ^= change;
        let shorter = &example[..cut.index(example.len())];
        let longer = [example.as_slice(), &[change]].concat();
        for (name, read) in group_readers() {
            if let Some(written) = read(&changed) {
                prop_assert_eq!(&written, &changed, "{}", name);
            }
            prop_assert_eq!(read(shorter), None, "{}", name);
            prop_assert_eq!(read(&longer), None, "{}", name);
        }
        for (_, read) in other_readers() {
            read(&changed);
            read(shorter);
            read(&longer);
        }
    }

    #[test]
    fn a_changed_certificate_does_not_verify(place in any::<prop::sample::Index>(), change in 1_u8..=255) {
        static PAIR: OnceLock<(Certificate, Certificate)> = OnceLock::new();
        let (root, intermediate) = PAIR.get_or_init(|| {
            let root = root(&cluster(), 1);
            let intermediate = root.intermediates.values().next().unwrap().certificate().clone();
            (root.certificate, intermediate)
        });
        let mut der = intermediate.der().to_vec();
        let place = place.index(der.len());
        der[place] ^= change;
        if let Ok(changed) = Certificate::from_der(&der) {
            prop_assert!(changed.verify(root).is_err());
        }
    }

    #[test]
    fn serial_numbers_are_positive_and_of_one_length(seed in any::<u64>()) {
        let serial = Serial::random(&mut rng(seed));
        prop_assert!(serial.as_bytes()[0] < 0x80 && serial.as_bytes()[0] > 0);
        prop_assert_eq!(Serial::from_bytes(serial.as_bytes()), Some(serial));
        prop_assert_eq!(serial.to_string().len(), 32);
    }

    /// Whatever the zones are called, an authority may vouch for every name that its leaves have.
    #[test]
    fn leaves_keep_to_the_constraints_of_their_authority(
        mesh in "[a-z]{1,8}\\.[a-z]{2,8}",
        public in "[a-z]{1,8}\\.[a-z]{2,8}",
        relay in proptest::option::of("[a-z]{1,8}\\.[a-z]{2,8}"),
        node in "[a-z][a-z0-9]{0,20}",
    ) {
        prop_assume!(mesh != public);
        let mut cluster = cluster();
        cluster.mesh.base_domain = mesh.parse().unwrap();
        cluster.mesh.url = format!("https://mesh.{public}").parse().unwrap();
        cluster.mesh.relay.domain = relay.map(|domain| domain.parse().unwrap());
        let worker = cluster.nodes["worker-1"].clone();
        cluster.nodes.insert(node.parse().unwrap(), worker);
        // The inventory refuses a relay or coordinator whose name lies in the mesh's zone.
        prop_assume!(cluster.mesh.relay.domain.as_ref().is_none_or(|d| !d.is_within(&mesh)));
        for identity in identities(&cluster) {
            let bounds = constraints(&cluster, identity.profile().authority);
            for name in identity.alt_names() {
                prop_assert!(permits(&bounds, name), "{} {}", identity.profile().name, name);
            }
        }
    }
}

fn permits(bounds: &Constraints, name: &AltName) -> bool {
    let below = |host: &str, zones: &BTreeSet<String>| {
        zones
            .iter()
            .any(|zone| host == zone || host.strip_suffix(zone.as_str()).is_some_and(|h| h.ends_with('.')))
    };
    match name {
        AltName::Dns(host) => {
            (bounds.permitted_dns.is_empty() || below(host, &bounds.permitted_dns))
                && !below(host, &bounds.excluded_dns)
        }
        AltName::Ip(address) => bounds.permitted_ip.iter().any(|range| {
            let text = format!("{range}");
            text.parse::<keystone_model::Cidr>().is_ok_and(|cidr| cidr.contains(*address))
        }),
        AltName::Email(_) => true,
    }
}

#[test]
fn every_profile_has_somebody() {
    let all = identities(&cluster());
    for profile in PROFILES {
        assert!(all.iter().any(|identity| identity.profile().name == profile.name), "{}", profile.name);
    }
}
