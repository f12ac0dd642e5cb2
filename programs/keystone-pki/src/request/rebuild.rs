//! From a request and a custodian's own view to the bytes that it would sign.

use std::collections::BTreeMap;
use std::fmt;

use keystone_model::Authority;
use thiserror::Error;

use super::{Request, RevokedEntry, View};
use crate::certificate::{
    AltName, CertificateError, Contents, Difference, Draft, Kind, PublicKey, Serial, SigningRequest, Subject,
    Time, ToBeSigned, Validity,
};
use crate::crl::{ListContents, ListToBeSigned, Revoked};
use crate::profile::{
    CROSS_DAYS, INTERMEDIATE_DAYS, INTERMEDIATE_PATH_LENGTH, INTERMEDIATES, Identity, IdentityError,
    MAX_SUCCESSORS, ROOT_DAYS, ROOT_PATH_LENGTH, constraints, intermediate_subject, root_subject,
};

/// Why a custodian does not sign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No request.
    #[error("this is no request: {0}")]
    Malformed(String),
    /// The requester says that it is something else than it is.
    #[error("the requester sent other bytes than its request means: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Lie(Vec<Difference>),
    /// The request to sign asks to be an authority.
    #[error("the request to sign asks for a certificate authority (CA:TRUE), and `{0}` is none")]
    AsksForAuthority(Subject),
    /// The request to sign asks for names that its holder does not have.
    #[error(
        "the request to sign asks for {}, and `{holder}` may have only {}", list(.foreign), list(.right)
    )]
    AsksForNames {
        /// The names that it does not have.
        foreign: Vec<AltName>,
        /// The names that it has.
        right: Vec<AltName>,
        /// Whose certificate.
        holder: String,
    },
    /// The request to sign asks for another subject.
    #[error(
        "the request to sign is for `{asked}`, and `{right}` is right; leave the subject out, or write it so"
    )]
    AsksForSubject {
        /// What was asked for.
        asked: Subject,
        /// What is right.
        right: Subject,
    },
    /// The clock of the requester, or that of the custodian, is wrong.
    #[error(
        "it would be valid from {asked}, and it is {now} here; a difference of {tolerance} s is agreed to, so one of \
         the two clocks is wrong"
    )]
    Clock {
        /// From when it would be valid.
        asked: Time,
        /// The custodian's clock.
        now: Time,
        /// The difference that is agreed to, in seconds.
        tolerance: i64,
    },
    /// No random bytes in the request.
    #[error("the request has {0} random bytes, and 16 are right")]
    Nonce(usize),
    /// The root has no certificate yet, or the one at hand is another's.
    #[error("the root G{0} has no certificate of its own yet; have that signed first")]
    NoRoot(u32),
    /// The root has a certificate already.
    #[error("the root G{0} has a certificate already; a root is signed once")]
    RootExists(u32),
    /// An unknown generation of the root.
    #[error("this custodian knows no root G{0}, and vouches for no stranger")]
    UnknownRoot(u32),
    /// The root is no intermediate.
    #[error("the root is no intermediate; take one of kubernetes, etcd, front-proxy, node")]
    NoIntermediate,
    /// Numbers that make no sense.
    #[error(
        "generation {generation} with {successor} before it: generations count from 1, and at most {most} successors are signed in advance"
    )]
    Successor {
        /// The generation.
        generation: u32,
        /// How many are before it.
        successor: u8,
        /// Most that are signed in advance.
        most: u8,
    },
    /// A leaf that the root does not sign.
    #[error(
        "the root signs no leaf `{profile}` directly, only `node`: `{profile}` is issued below the {authority} \
         intermediate by `keystone-primer generate-credentials`, and renewed on the control plane by itself"
    )]
    NotByRoot {
        /// The profile.
        profile: &'static str,
        /// Who signs it.
        authority: &'static str,
    },
    /// No such holder or profile.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A list that is not newer than the last one.
    #[error("the list has the number {asked}, and the last one had {last}; it must be higher")]
    ListNumber {
        /// The number asked for.
        asked: u64,
        /// The number of the last list.
        last: u64,
    },
    /// A certificate cannot be made of it.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

fn list(names: &[AltName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Bytes that a custodian would sign.
pub enum Signable {
    /// A certificate.
    Certificate(Box<ToBeSigned>),
    /// A list of revoked certificates.
    List(Box<ListToBeSigned>),
}

/// What a custodian came to by itself. Its `Display` is the summary for the person who approves.
pub struct Rebuilt {
    signable: Signable,
    summary: String,
}

impl Rebuilt {
    /// The bytes, which are the message of the threshold signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.signable {
            Signable::Certificate(certificate) => certificate.bytes(),
            Signable::List(list) => list.bytes(),
        }
    }

    /// What the bytes are of.
    #[must_use]
    pub const fn signable(&self) -> &Signable {
        &self.signable
    }

    /// Compares with the bytes that the requester says it wants signed. They are not signed in any case.
    ///
    /// # Errors
    /// When they differ, with what differs.
    pub fn check(&self, claimed: &[u8]) -> Result<(), Refusal> {
        if claimed == self.bytes() {
            return Ok(());
        }
        let differences = match &self.signable {
            Signable::Certificate(right) => match Contents::from_tbs(claimed) {
                Ok(asked) => asked.differences(right.contents()),
                Err(error) => return Err(error.into()),
            },
            Signable::List(_) => Vec::new(),
        };
        Err(Refusal::Lie(if differences.is_empty() { vec![Difference::Encoding] } else { differences }))
    }
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)
    }
}

/// Finds out which bytes a request means.
///
/// # Errors
/// When the custodian does not agree to sign it; the refusal says why.
pub fn rebuild(request: &Request, view: &View<'_>) -> Result<Rebuilt, Refusal> {
    match request {
        Request::Root { not_before, nonce } => {
            let subject = root_subject(view.cluster, view.generation);
            if view.root.is_some() {
                return Err(Refusal::RootExists(view.generation));
            }
            let key = own_key(view);
            let kind = authority(ROOT_PATH_LENGTH, view, Authority::Root);
            let validity = Validity::days(start(*not_before, view)?, ROOT_DAYS);
            certificate(view, subject, key, kind, [].into(), validity, nonce)
        }
        Request::Cross { generation, not_before, nonce } => {
            let root = root(view)?;
            let other = view.others.iter().find(|other| other.generation == *generation);
            let other = other
                .filter(|other| other.generation != view.generation && other.key != own_key(view))
                .ok_or(Refusal::UnknownRoot(*generation))?;
            let subject = root_subject(view.cluster, other.generation);
            let kind = authority(ROOT_PATH_LENGTH - 1, view, Authority::Root);
            let validity = Validity::days(start(*not_before, view)?, CROSS_DAYS).ending_with(root.validity);
            certificate(view, subject, other.key, kind, [].into(), validity, nonce)
        }
        Request::Intermediate { authority: which, generation, successor, csr, not_before, nonce } => {
            let root = root(view)?;
            if !INTERMEDIATES.contains(which) {
                return Err(Refusal::NoIntermediate);
            }
            let most = view.policy.successors.min(MAX_SUCCESSORS);
            if *generation == 0 || *successor > most {
                return Err(Refusal::Successor { generation: *generation, successor: *successor, most });
            }
            let subject = intermediate_subject(view.cluster, *which, *generation);
            let csr = SigningRequest::read(csr)?;
            // Whoever makes an intermediate's key may well say so in the request: it will be one.
            compare(&csr, &subject, &[], &subject.common_name)?;
            let days = INTERMEDIATE_DAYS * (u32::from(*successor) + 1);
            let validity = Validity::days(start(*not_before, view)?, days).ending_with(root.validity);
            let kind = authority(INTERMEDIATE_PATH_LENGTH, view, *which);
            certificate(view, subject, *csr.key(), kind, [].into(), validity, nonce)
        }
        Request::Leaf { profile, holder, csr, not_before, nonce } => {
            let root = root(view)?;
            let identity = Identity::new(view.cluster, profile, holder)?;
            let row = identity.profile();
            if row.name != "node" {
                let authority = row.authority.as_str();
                return Err(Refusal::NotByRoot { profile: row.name, authority });
            }
            let csr = SigningRequest::read(csr)?;
            if csr.asks_for_authority() {
                return Err(Refusal::AsksForAuthority(identity.subject().clone()));
            }
            let names: Vec<AltName> = identity.alt_names().iter().cloned().collect();
            compare(&csr, identity.subject(), &names, holder)?;
            let validity = Validity::days(start(*not_before, view)?, row.days).ending_with(root.validity);
            let kind = Kind::Leaf { usages: row.usages.iter().copied().collect() };
            certificate(
                view,
                identity.subject().clone(),
                *csr.key(),
                kind,
                identity.alt_names().clone(),
                validity,
                nonce,
            )
        }
        Request::RevocationList { number, this_update, revoked } => {
            let root = root(view)?;
            if *number <= view.last_list {
                return Err(Refusal::ListNumber { asked: *number, last: view.last_list });
            }
            let this_update = start(*this_update, view)?;
            let list = ListContents {
                number: *number,
                this_update,
                next_update: this_update.plus_days(view.policy.list_days),
                revoked: entries(revoked)?,
            };
            let unsigned = ListToBeSigned::new(&list, root)?;
            let summary = format!("{list}\n  signed by: {}", root.subject);
            Ok(Rebuilt { signable: Signable::List(Box::new(unsigned)), summary })
        }
    }
}

fn own_key(view: &View<'_>) -> PublicKey {
    PublicKey::Ed25519(*view.group.public_key())
}

fn root<'v>(view: &'v View<'_>) -> Result<&'v Contents, Refusal> {
    view.root().ok_or(Refusal::NoRoot(view.generation))
}

fn authority(path_length: u8, view: &View<'_>, which: Authority) -> Kind {
    Kind::Authority { path_length, constraints: constraints(view.cluster, which) }
}

fn start(asked: i64, view: &View<'_>) -> Result<Time, Refusal> {
    let (asked, tolerance) = (Time::from_unix(asked), view.policy.clock_tolerance);
    if (asked.unix() - view.now.unix()).abs() > tolerance {
        return Err(Refusal::Clock { asked, now: view.now, tolerance });
    }
    Ok(asked)
}

/// What the request to sign asks for besides its key must be right or absent.
fn compare(csr: &SigningRequest, right: &Subject, names: &[AltName], holder: &str) -> Result<(), Refusal> {
    if let Some(asked) = csr.subject().filter(|asked| *asked != right) {
        return Err(Refusal::AsksForSubject { asked: asked.clone(), right: right.clone() });
    }
    let foreign: Vec<_> = csr.alt_names().iter().filter(|name| !names.contains(name)).cloned().collect();
    if !foreign.is_empty() {
        return Err(Refusal::AsksForNames { foreign, right: names.to_vec(), holder: holder.to_owned() });
    }
    Ok(())
}

fn certificate(
    view: &View<'_>,
    subject: Subject,
    key: PublicKey,
    kind: Kind,
    alt_names: std::collections::BTreeSet<AltName>,
    validity: Validity,
    nonce: &[u8],
) -> Result<Rebuilt, Refusal> {
    if nonce.len() != 16 {
        return Err(Refusal::Nonce(nonce.len()));
    }
    let issuer = root_subject(view.cluster, view.generation);
    let issuer_key = own_key(view);
    // Whoever has the same request comes to the same number; the nonce makes a second request of the same second another.
    let serial = Serial::derived(&[
        &issuer_key.spki(),
        subject.to_string().as_bytes(),
        &key.spki(),
        &validity.not_before.unix().to_be_bytes(),
        nonce,
    ]);
    let draft = Draft { subject, key, kind, alt_names, validity, serial, issuer, issuer_key };
    let unsigned = ToBeSigned::new(&draft)?;
    let summary = unsigned.contents().to_string();
    Ok(Rebuilt { signable: Signable::Certificate(Box::new(unsigned)), summary })
}

fn entries(revoked: &BTreeMap<String, RevokedEntry>) -> Result<BTreeMap<Serial, Revoked>, Refusal> {
    revoked
        .iter()
        .map(|(serial, entry)| {
            let number = u128::from_str_radix(serial, 16).ok().filter(|_| serial.len() == 32);
            let serial = number
                .and_then(|n| Serial::from_bytes(&n.to_be_bytes()))
                .ok_or_else(|| Refusal::Malformed(format!("`{serial}` is no serial number of ours")))?;
            Ok((serial, Revoked { at: Time::from_unix(entry.at), reason: entry.reason }))
        })
        .collect()
}
