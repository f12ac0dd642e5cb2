//! Intermediates: those that are there and good, and those that the root has to sign.
//!
//! The bundle of an authority begins with the one that issues. Those of later generations are successors that were signed in
//! advance, those of earlier ones have issued before, and go when their leaves have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use keystone_model::replacement::{Replacement, Replacements};
use keystone_model::secret::KEYS_OF_AUTHORITIES;
use keystone_model::{Authority, Cluster};
use keystone_pki::certificate::{Certificate, Intermediate, PrivateKey, SigningRequest, Time};
use keystone_pki::profile::{INTERMEDIATES, intermediate_subject};
use keystone_pki::request::Request;
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::Places;
use super::files::Files;
use super::open::open;
use crate::node_key::hash;
use crate::refusal::Refusal;
use crate::signing::nonce;

/// How many successors of an intermediate are signed in advance, unless somebody says otherwise.
pub const SUCCESSORS: u8 = 3;

fn files_of(authority: Authority) -> (&'static str, &'static str) {
    // The root's key is in no file; whoever asks for it is given Kubernetes'.
    let of = |wanted| KEYS_OF_AUTHORITIES.iter().find(|(authority, ..)| *authority == wanted);
    of(authority).map_or(("k8s-ca-key", "k8s-ca-successors"), |(_, key, successors)| (key, successors))
}

/// The file of an intermediate's key.
pub fn key_file(authority: Authority) -> &'static str {
    files_of(authority).0
}

/// The file of the keys of an intermediate's successors.
pub fn successors_file(authority: Authority) -> &'static str {
    files_of(authority).1
}

/// The public file of an authority's certificates.
pub fn bundle_file(authority: Authority) -> String {
    format!("{}-ca.crt", authority.as_str())
}

/// Which generation an authority's name says it is.
pub fn generation(certificate: &Certificate) -> u32 {
    let name = &certificate.contents().subject.common_name;
    name.rsplit_once(" G").and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// The certificates of one authority, by what they are for.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    /// The one that issues.
    pub current: Option<Certificate>,
    /// Signed in advance, the next one first.
    pub successors: Vec<Certificate>,
    /// Those that issued before, the latest first.
    pub earlier: Vec<Certificate>,
}

impl Chain {
    /// Reads a bundle. What was not signed by one of these roots, or has ended, is not taken.
    pub fn read(places: &Places, authority: Authority, roots: &[Certificate], now: Time) -> Self {
        let path = places.trust.join(bundle_file(authority));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let good = Certificate::bundle(&text).unwrap_or_default().into_iter().filter(|one| {
            now < one.contents().validity.not_after && roots.iter().any(|root| one.verify(root).is_ok())
        });
        let mut chain = Self::default();
        for certificate in good {
            match &chain.current {
                None => chain.current = Some(certificate),
                Some(current) if generation(&certificate) > generation(current) => {
                    chain.successors.push(certificate);
                }
                Some(_) => chain.earlier.push(certificate),
            }
        }
        chain.successors.sort_by_key(generation);
        chain.earlier.sort_by_key(|one| std::cmp::Reverse(generation(one)));
        chain
    }

    /// Every certificate, the one that issues first.
    pub fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.current.iter().chain(&self.successors).chain(&self.earlier)
    }

    /// The bundle as it is written.
    pub fn pem(&self) -> String {
        self.all().map(Certificate::pem).collect()
    }

    fn last_generation(&self) -> u32 {
        self.all().map(generation).max().unwrap_or_default()
    }
}

/// Each intermediate's certificates, and the one that issues with its key, if that is open.
pub type Known = BTreeMap<Authority, (Chain, Option<Intermediate>)>;

/// An intermediate that does not exist yet.
pub struct New {
    authority: Authority,
    generation: u32,
    /// Why the one that issues is replaced before its time.
    because: Option<String>,
    /// How many are to be used before it.
    successor: u8,
    key: PrivateKey,
}

impl New {
    /// Its name.
    pub fn name(&self) -> String {
        let rest = if self.successor == 0 { "" } else { ", in advance" };
        let why = self.because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{} G{}{rest}{why}", self.authority.as_str(), self.generation)
    }
}

/// What is to be done besides what is due.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// How many successors each intermediate has.
    pub successors: u8,
    /// Whether intermediates and values that exist are made anew, as somebody else may know them.
    pub anew: bool,
    /// Intermediates that the lock over the secrets asks to replace.
    pub replace: Replacements,
    /// Whether those that issue stay whatever is the matter with them, so that only successors are signed.
    pub in_advance: bool,
}

/// All intermediates.
pub struct Authorities {
    /// Those that the root has to sign.
    pub new: Vec<New>,
    there: BTreeMap<Authority, Chain>,
}

impl Authorities {
    /// Looks at what is there. The first of the roots signs; what an earlier one signed is replaced.
    pub fn plan(roots: &[Certificate], places: &Places, wanted: &Wanted, now: Time) -> Self {
        let (mut new, mut there) = (Vec::new(), BTreeMap::new());
        for authority in INTERMEDIATES {
            let exists = |name: &str| places.secrets.join(format!("{name}.age")).exists();
            let mut chain = Chain::read(places, authority, roots, now);
            let due = |one: &Certificate| now >= one.contents().validity.renewal();
            let by_earlier = |one: &Certificate| {
                let signer = roots.iter().find(|root| one.verify(root).is_ok());
                signer.map(generation) < roots.first().map(generation)
            };
            let asked = wanted.replace.get(&authority);
            let known = |one: &Certificate| asked.is_some_and(|asked| asked.known.contains(&hash(one.der())));
            let known_issues = chain.current.as_ref().is_some_and(known);
            let replace = !wanted.in_advance
                && (wanted.anew
                    || known_issues
                    || chain.current.as_ref().is_none_or(|one| due(one) || by_earlier(one))
                    || !exists(key_file(authority)));
            let lacking = chain.successors.len() < usize::from(wanted.successors)
                || chain.successors.iter().any(known)
                || chain.successors.first().is_some_and(|one| due(one) || by_earlier(one))
                || (wanted.successors > 0 && !exists(successors_file(authority)));
            let mut next = chain.last_generation() + 1;
            if replace || lacking {
                // Successors are replaced together: they have not been used, and their keys lie in one file.
                chain.successors.clear();
                let first = u8::from(!replace);
                for successor in first..=wanted.successors {
                    let key = PrivateKey::generate(&mut OsRng);
                    let because = asked.filter(|_| known_issues && successor == 0).map(Replacement::reason);
                    new.push(New { authority, generation: next, because, successor, key });
                    next += 1;
                }
            }
            there.insert(authority, chain);
        }
        Self { new, there }
    }

    /// Those that are replaced because the lock asks for it: the generation that issues, and the one that will.
    pub fn asked(&self) -> Vec<(Authority, u32, u32)> {
        self.new
            .iter()
            .filter(|new| new.because.is_some())
            .filter_map(|new| {
                let current = self.there.get(&new.authority)?.current.as_ref()?;
                Some((new.authority, generation(current), new.generation))
            })
            .collect()
    }

    fn replaced(&self, authority: Authority) -> bool {
        self.new.iter().any(|new| new.authority == authority && new.successor == 0)
    }

    /// How many stay.
    pub fn kept(&self) -> usize {
        INTERMEDIATES.into_iter().filter(|authority| !self.replaced(*authority)).count()
    }

    /// The identifier of the key of the intermediate that issues now; none if it is about to change.
    pub fn issuing(&self, authority: Authority) -> Option<[u8; 20]> {
        if self.replaced(authority) {
            return None;
        }
        self.there.get(&authority)?.current.as_ref().map(|one| one.contents().subject_key_id)
    }

    /// What the root is asked to sign.
    pub fn requests(&self, cluster: &Cluster, now: Time) -> Result<Vec<Request>, Refusal> {
        self.new
            .iter()
            .map(|new| {
                let subject = intermediate_subject(cluster, new.authority, new.generation);
                let csr = SigningRequest::new(&new.key, &subject, &BTreeSet::new())
                    .map_err(|error| Refusal::new(error.to_string()))?;
                Ok(Request::Intermediate {
                    authority: new.authority,
                    generation: new.generation,
                    successor: new.successor,
                    csr: csr.der().to_vec(),
                    not_before: now.unix(),
                    nonce: nonce()?,
                })
            })
            .collect()
    }

    /// Joins keys and certificates, and puts both where they belong.
    pub fn complete(mut self, signed: Vec<Certificate>, files: &mut Files) -> Result<Known, Refusal> {
        if signed.len() != self.new.len() {
            return Err(Refusal::new(format!(
                "{} certificates were signed instead of {}",
                signed.len(),
                self.new.len()
            )));
        }
        let mut issuing = BTreeMap::new();
        let mut keys: BTreeMap<Authority, Keys> = BTreeMap::new();
        for (new, certificate) in self.new.into_iter().zip(signed) {
            let chain = self.there.entry(new.authority).or_default();
            if new.successor == 0 {
                files.secret(key_file(new.authority), new.key.to_pem().as_bytes())?;
                if let Some(before) = chain.current.replace(certificate.clone()) {
                    chain.earlier.insert(0, before);
                }
                let intermediate = Intermediate::new(certificate, new.key)
                    .map_err(|error| Refusal::new(error.to_string()))?;
                issuing.insert(new.authority, intermediate);
            } else {
                keys.entry(new.authority).or_default().add(new.generation, &new.key);
                chain.successors.push(certificate);
            }
        }
        for (authority, keys) in keys {
            files.secret(successors_file(authority), keys.text()?.as_bytes())?;
        }
        let mut done = BTreeMap::new();
        for (authority, chain) in self.there {
            files.trust(&bundle_file(authority), chain.pem());
            done.insert(authority, (chain, issuing.remove(&authority)));
        }
        Ok(done)
    }
}

/// Keys of successors, by generation: what one encrypted file holds.
#[derive(Default)]
pub struct Keys(BTreeMap<u32, Zeroizing<String>>);

impl Keys {
    /// Opens an authority's.
    pub fn open(authority: Authority, places: &Places) -> Result<Self, Refusal> {
        let name = successors_file(authority);
        let text = open(name, places)?;
        let keys: BTreeMap<u32, String> = serde_json::from_str(&text)
            .map_err(|_| Refusal::new(format!("secrets/{name}.age holds no keys of successors")))?;
        Ok(Self(keys.into_iter().map(|(generation, pem)| (generation, Zeroizing::new(pem))).collect()))
    }

    fn add(&mut self, generation: u32, key: &PrivateKey) {
        self.0.insert(generation, key.to_pem());
    }

    /// Takes one out.
    pub fn take(&mut self, generation: u32) -> Option<PrivateKey> {
        self.0.remove(&generation).and_then(|pem| PrivateKey::from_pem(&pem).ok())
    }

    /// As they are written.
    pub fn text(&self) -> Result<Zeroizing<String>, Refusal> {
        let plain: BTreeMap<u32, &str> = self.0.iter().map(|(key, pem)| (*key, pem.as_str())).collect();
        serde_json::to_string(&plain).map(Zeroizing::new).map_err(|error| Refusal::new(error.to_string()))
    }
}

/// Intermediates that can issue. A key that exists already is opened when it is first needed.
pub struct Issuers<'p> {
    known: Known,
    crosses: Vec<Certificate>,
    places: &'p Places,
}

impl<'p> Issuers<'p> {
    /// Of what is known.
    pub fn new(known: Known, crosses: Vec<Certificate>, places: &'p Places) -> Self {
        Self { known, crosses, places }
    }

    /// Certificates by which generations of the root vouch for each other.
    pub fn crosses(&self) -> &[Certificate] {
        &self.crosses
    }

    /// The intermediate, with its key.
    pub fn get(&mut self, authority: Authority) -> Result<&Intermediate, Refusal> {
        let none = || Refusal::new(format!("there is no intermediate {}", authority.as_str()));
        let (chain, issuer) = self.known.get_mut(&authority).ok_or_else(none)?;
        if issuer.is_none() {
            let certificate = chain.current.clone().ok_or_else(none)?;
            let name = key_file(authority);
            let wrong = |error: &dyn std::fmt::Display| Refusal::new(format!("secrets/{name}.age: {error}"));
            let key = PrivateKey::from_pem(&open(name, self.places)?).map_err(|error| wrong(&error))?;
            *issuer = Some(Intermediate::new(certificate, key).map_err(|error| wrong(&error))?);
        }
        issuer.as_ref().ok_or_else(none)
    }
}
