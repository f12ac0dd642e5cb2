//! The whole hierarchy of the reference cluster: two generations of the root that vouch for each other, and below each of
//! them every intermediate and leaf. And what a thief of a key would make with it.

use std::collections::BTreeMap;
use std::path::Path;

use keystone_model::{Authority, Cluster, Format, Inventory};
use keystone_pki::certificate::{
    Certificate, Intermediate, PrivateKey, PublicKey, Serial, SigningRequest, Time, ToBeSigned,
};
use keystone_pki::group::{Signing, sign};
use keystone_pki::profile::{self, Identity, identities, intermediate_subject};
use keystone_pki::request::{OtherRoot, Policy, Rebuilt, Refusal, Request, Signable, View, rebuild};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose};

use super::{Keys, generate, rng, signature};

/// 2026-11-24, 09:01:01 UTC.
pub const NOW: Time = Time::from_unix(1_795_510_861);

pub fn cluster() -> Cluster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    Inventory::read(&std::fs::read(path).unwrap(), Format::Toml).unwrap().cluster
}

/// A root and what is below it.
pub struct Root {
    pub keys: Keys<Signing>,
    pub generation: u32,
    pub certificate: Certificate,
    pub intermediates: BTreeMap<Authority, Intermediate>,
}

pub fn nonce(n: u8) -> Vec<u8> {
    vec![n; 16]
}

pub fn view<'v>(
    cluster: &'v Cluster,
    keys: &'v Keys<Signing>,
    generation: u32,
    root: Option<&'v Certificate>,
    others: &'v [OtherRoot],
) -> View<'v> {
    View {
        cluster,
        group: &keys.group,
        generation,
        root,
        others,
        last_list: 0,
        policy: Policy::default(),
        now: NOW,
    }
}

pub fn to_be_signed(rebuilt: &Rebuilt) -> &ToBeSigned {
    match rebuilt.signable() {
        Signable::Certificate(certificate) => certificate,
        Signable::List(_) => panic!("a list"),
    }
}

/// What two members sign after each has rebuilt it.
pub fn by_quorum(request: &Request, keys: &Keys<Signing>, view: &View<'_>) -> Result<Certificate, Refusal> {
    let rebuilt = rebuild(request, view)?;
    assert_eq!(rebuild(request, view)?.bytes(), rebuilt.bytes(), "every custodian comes to the same bytes");
    let signature = signature(keys, &[1, 3], rebuilt.bytes(), 77).unwrap();
    sign::verify(keys.group.public_key(), rebuilt.bytes(), &signature).unwrap();
    Ok(to_be_signed(&rebuilt).complete(&signature)?)
}

pub fn root(cluster: &Cluster, generation: u32) -> Root {
    root_at(cluster, generation, NOW)
}

/// The same, at another time.
pub fn root_at(cluster: &Cluster, generation: u32, now: Time) -> Root {
    let seed = u64::from(generation) * 100;
    let keys = generate::<Signing>(2, 3, seed);
    let request = Request::Root { not_before: now.unix(), nonce: nonce(1) };
    let before = View { now, ..view(cluster, &keys, generation, None, &[]) };
    let certificate = by_quorum(&request, &keys, &before).unwrap();
    let mut intermediates = BTreeMap::new();
    for (n, authority) in profile::INTERMEDIATES.into_iter().enumerate() {
        let key = PrivateKey::generate(&mut rng(seed + 1 + n as u64));
        let subject = intermediate_subject(cluster, authority, generation);
        let csr = SigningRequest::new(&key, &subject, &[].into()).unwrap();
        let request = Request::Intermediate {
            authority,
            generation,
            successor: 0,
            csr: csr.pem().into_bytes(),
            not_before: now.unix(),
            nonce: nonce(2),
        };
        let view = View { now, ..view(cluster, &keys, generation, Some(&certificate), &[]) };
        let signed = by_quorum(&request, &keys, &view).unwrap();
        signed.verify(&certificate).unwrap();
        intermediates.insert(authority, Intermediate::new(signed, key).unwrap());
    }
    Root { keys, generation, certificate, intermediates }
}

impl Root {
    pub fn key(&self) -> PublicKey {
        PublicKey::Ed25519(*self.keys.group.public_key())
    }

    /// This root vouches for `other`.
    pub fn cross(&self, cluster: &Cluster, other: &Self) -> Certificate {
        let others = [OtherRoot { generation: other.generation, key: other.key() }];
        let view = view(cluster, &self.keys, self.generation, Some(&self.certificate), &others);
        let request =
            Request::Cross { generation: other.generation, not_before: NOW.unix(), nonce: nonce(3) };
        by_quorum(&request, &self.keys, &view).unwrap()
    }

    pub fn leaf(&self, identity: &Identity, seed: u64) -> (Certificate, PrivateKey) {
        let mut rng = rng(seed);
        let key = PrivateKey::generate(&mut rng);
        let issuer = &self.intermediates[&identity.profile().authority];
        let now = issuer.certificate().contents().validity.not_before;
        let leaf = issuer.issue(identity, &key.public(), now, &mut rng).unwrap();
        leaf.verify(issuer.certificate()).unwrap();
        (leaf, key)
    }
}

/// What whoever has a key can make, whatever this library refuses.
pub struct Forged {
    pub organisation: Option<&'static str>,
    pub common_name: &'static str,
    pub dns: Vec<&'static str>,
    pub authority: bool,
}

pub struct Thief<'k>(pub &'k PrivateKey, pub PublicKey);

impl rcgen::PublicKeyData for Thief<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.1.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.1.algorithm()
    }
}

impl rcgen::SigningKey for Thief<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(message))
    }
}

pub fn forge(issuer: &Intermediate, forged: &Forged, seed: u64) -> Intermediate {
    let key = PrivateKey::generate(&mut rng(seed));
    Intermediate::new(forge_certificate(issuer, forged, &key.public(), seed), key).unwrap()
}

pub fn forge_certificate(issuer: &Intermediate, forged: &Forged, key: &PublicKey, seed: u64) -> Certificate {
    let contents = issuer.certificate().contents();
    let mut above = CertificateParams::default();
    above.distinguished_name = rcgen::DistinguishedName::new();
    above.distinguished_name.push(DnType::CommonName, contents.subject.common_name.as_str());
    above.key_identifier_method = KeyIdMethod::PreSpecified(contents.key.id().to_vec());
    let thief = Thief(issuer.key(), contents.key);
    let mut params =
        CertificateParams::new(forged.dns.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap();
    let time = |t: Time| time::OffsetDateTime::from_unix_timestamp(t.unix()).unwrap();
    params.not_before = time(NOW);
    params.not_after = time(NOW.plus_days(30));
    params.serial_number = Some(rcgen::SerialNumber::from_slice(Serial::random(&mut rng(seed)).as_bytes()));
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(organisation) = forged.organisation {
        params.distinguished_name.push(DnType::OrganizationName, organisation);
    }
    params.distinguished_name.push(DnType::CommonName, forged.common_name);
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.id().to_vec());
    if forged.authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    } else {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    }
    let written = params.signed_by(key, &Issuer::from_params(&above, &thief)).unwrap();
    Certificate::from_der(written.der()).unwrap()
}

pub fn all(cluster: &Cluster) -> Vec<Identity> {
    identities(cluster)
}
