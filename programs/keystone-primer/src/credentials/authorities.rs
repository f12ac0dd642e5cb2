//! Intermediates: those that are there and good, and those that the root has to sign.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;

use keystone_model::{Authority, Cluster};
use keystone_pki::certificate::{Certificate, Intermediate, PrivateKey, SigningRequest, Time};
use keystone_pki::profile::{INTERMEDIATES, intermediate_subject};
use keystone_pki::request::Request;
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::Places;
use super::files::Files;
use crate::refusal::Refusal;
use crate::signing::nonce;

/// The file of an intermediate's key; the specification names that of Kubernetes.
pub fn key_file(authority: Authority) -> &'static str {
    match authority {
        Authority::Etcd => "etcd-ca-key",
        Authority::FrontProxy => "front-proxy-ca-key",
        Authority::Node => "node-ca-key",
        Authority::Root | Authority::Kubernetes => "k8s-ca-key",
    }
}

/// Each intermediate's certificates, newest first, and the newest with its key, if that is open.
pub type Known = BTreeMap<Authority, (Vec<Certificate>, Option<Intermediate>)>;

/// An intermediate that does not exist yet.
pub struct New {
    authority: Authority,
    generation: u32,
    key: PrivateKey,
}

impl New {
    /// Its name.
    pub fn name(&self) -> String {
        format!("{} G{}", self.authority.as_str(), self.generation)
    }
}

/// All intermediates.
pub struct Authorities {
    /// Those that the root has to sign.
    pub new: Vec<New>,
    /// Those that are good, with older ones that some leaf may still be below, newest first.
    there: BTreeMap<Authority, Vec<Certificate>>,
}

impl Authorities {
    /// Looks at what is there.
    pub fn plan(root: &Certificate, places: &Places, now: Time) -> Self {
        let (mut new, mut there) = (Vec::new(), BTreeMap::new());
        for authority in INTERMEDIATES {
            let path = places.trust.join(format!("{}-ca.crt", authority.as_str()));
            let text = fs::read_to_string(&path).unwrap_or_default();
            // What is no certificate of this root is of another cluster, or of its lab, and goes.
            let good: Vec<Certificate> = Certificate::bundle(&text)
                .unwrap_or_default()
                .into_iter()
                .filter(|one| one.verify(root).is_ok() && now < one.contents().validity.not_after)
                .collect();
            let newest = good.first().map(|one| one.contents().validity.renewal());
            let key_there = places.secrets.join(format!("{}.age", key_file(authority))).exists();
            if newest.is_none_or(|renewal| now >= renewal) || !key_there {
                let generation = good
                    .iter()
                    .filter_map(|one| {
                        one.contents().subject.common_name.rsplit_once(" G")?.1.parse::<u32>().ok()
                    })
                    .max()
                    .map_or(1, |last| last + 1);
                new.push(New { authority, generation, key: PrivateKey::generate(&mut OsRng) });
            }
            there.insert(authority, good);
        }
        Self { new, there }
    }

    /// How many stay.
    pub fn kept(&self) -> usize {
        INTERMEDIATES.len() - self.new.len()
    }

    /// The identifier of the key of the intermediate that issues now; none if it is about to change.
    pub fn issuing(&self, authority: Authority) -> Option<[u8; 20]> {
        if self.new.iter().any(|new| new.authority == authority) {
            return None;
        }
        self.there.get(&authority)?.first().map(|one| one.contents().subject_key_id)
    }

    /// What the root is asked to sign.
    pub fn requests(&self, cluster: &Cluster, now: Time) -> Result<Vec<Request>, Refusal> {
        self.new
            .iter()
            .map(|new| {
                let subject = intermediate_subject(cluster, new.authority, new.generation);
                let csr = SigningRequest::new(&new.key, &subject, &std::collections::BTreeSet::new())
                    .map_err(|error| Refusal::new(error.to_string()))?;
                Ok(Request::Intermediate {
                    authority: new.authority,
                    generation: new.generation,
                    successor: 0,
                    csr: csr.der().to_vec(),
                    not_before: now.unix(),
                    nonce: nonce()?,
                })
            })
            .collect()
    }

    /// Joins keys and certificates, and puts both where they belong.
    pub fn complete(mut self, signed: Vec<Certificate>, files: &mut Files) -> Result<Known, Refusal> {
        let mut done = BTreeMap::new();
        if signed.len() != self.new.len() {
            return Err(Refusal::new(format!(
                "{} certificates were signed instead of {}",
                signed.len(),
                self.new.len()
            )));
        }
        for (new, certificate) in self.new.into_iter().zip(signed) {
            files.secret(key_file(new.authority), new.key.to_pem().as_bytes())?;
            let bundle = self.there.entry(new.authority).or_default();
            bundle.insert(0, certificate.clone());
            let intermediate =
                Intermediate::new(certificate, new.key).map_err(|error| Refusal::new(error.to_string()))?;
            done.insert(new.authority, (Vec::new(), Some(intermediate)));
        }
        for (authority, bundle) in self.there {
            let text: String = bundle.iter().map(Certificate::pem).collect();
            files.trust(&format!("{}-ca.crt", authority.as_str()), text);
            done.entry(authority).or_insert_with(|| (Vec::new(), None)).0 = bundle;
        }
        Ok(done)
    }
}

/// Intermediates that can issue. A key that exists already is opened when it is first needed.
pub struct Issuers<'p> {
    known: Known,
    places: &'p Places,
}

impl<'p> Issuers<'p> {
    /// Of what is known.
    pub fn new(known: Known, places: &'p Places) -> Self {
        Self { known, places }
    }

    /// The intermediate, with its key.
    pub fn get(&mut self, authority: Authority) -> Result<&Intermediate, Refusal> {
        let places = self.places;
        let (bundle, issuer) = self
            .known
            .get_mut(&authority)
            .ok_or_else(|| Refusal::new(format!("there is no intermediate {}", authority.as_str())))?;
        if issuer.is_none() {
            let certificate = bundle
                .first()
                .cloned()
                .ok_or_else(|| Refusal::new(format!("there is no intermediate {}", authority.as_str())))?;
            let key = open_key(authority, places)?;
            let made = Intermediate::new(certificate, key)
                .map_err(|error| Refusal::new(format!("secrets/{}.age: {error}", key_file(authority))))?;
            *issuer = Some(made);
        }
        issuer
            .as_ref()
            .ok_or_else(|| Refusal::new(format!("there is no intermediate {}", authority.as_str())))
    }
}

fn open_key(authority: Authority, places: &Places) -> Result<PrivateKey, Refusal> {
    let path = places.secrets.join(format!("{}.age", key_file(authority)));
    let failed = |reason: &dyn std::fmt::Display| {
        Refusal::new(format!(
            "cannot open `{}` with `{}`: {reason}",
            path.display(),
            places.identity.display()
        ))
        .fix("name an identity that can, that of a primer or of an admin: --identity FILE")
    };
    let identity = age::IdentityFile::from_file(places.identity.display().to_string())
        .map_err(|error| failed(&error))?
        .into_identities()
        .map_err(|error| failed(&error))?;
    let file = File::open(&path).map_err(|error| failed(&error))?;
    let mut text = Zeroizing::new(String::with_capacity(1024));
    let reader = age::armor::ArmoredReader::new(file);
    age::Decryptor::new(reader)
        .and_then(|decryptor| decryptor.decrypt(identity.iter().map(|one| &**one as &dyn age::Identity)))
        .map_err(|error| failed(&error))?
        .take(1 << 16)
        .read_to_string(&mut text)
        .map_err(|error| failed(&error))?;
    PrivateKey::from_pem(&text).map_err(|error| failed(&error))
}
