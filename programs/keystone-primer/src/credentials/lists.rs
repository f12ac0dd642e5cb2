//! Lists of revoked certificates: of the authorities whose certificates somebody checks with one.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use keystone_model::Authority;
use keystone_pki::certificate::{Intermediate, Serial, Time};
use keystone_pki::crl::{ListContents, Reason, RevocationList, Revoked};
use keystone_pki::profile::{CONSUMERS, Revocation};

use super::Places;
use crate::refusal::Refusal;

/// How long a list is good, and how long a certificate on it stays on it: no leaf lives longer.
const DAYS: u32 = 90;

/// Whether somebody reads a list of that authority.
pub fn is_read(authority: Authority) -> bool {
    let read = |revocation| matches!(revocation, Revocation::List(_));
    CONSUMERS.iter().any(|one| one.bundle == authority && read(one.revocation))
}

/// The public file of an authority's list, in DER: etcd reads nothing else (`x509.ParseRevocationList`).
pub fn file(authority: Authority) -> String {
    format!("{}-ca.crl", authority.as_str())
}

/// An authority's list.
pub struct List {
    authority: Authority,
    contents: Option<ListContents>,
}

impl List {
    /// Reads it, where there is one.
    pub fn read(places: &Places, authority: Authority) -> Result<Self, Refusal> {
        let path = places.trust.join(file(authority));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { authority, contents: None });
            }
            Err(error) => return Err(Refusal::file("read", &path, &error)),
        };
        let contents = RevocationList::from_der(&bytes).ok().and_then(|list| list.contents());
        let damaged = || {
            Refusal::new(format!("`{}` is no list of this cluster's", path.display()))
                .fix("take it from the last commit")
        };
        Ok(Self { authority, contents: Some(contents.ok_or_else(damaged)?) })
    }

    /// Whether there is one that has to be signed anew.
    pub fn is_due(&self, now: Time) -> bool {
        self.contents.as_ref().is_some_and(|list| {
            let life = list.next_update.unix() - list.this_update.unix();
            now.unix() >= list.this_update.unix() + life / 3 * 2
        })
    }

    /// Whether there is one.
    pub const fn exists(&self) -> bool {
        self.contents.is_some()
    }

    /// Takes certificates back, and signs the list, without what has ended by itself.
    pub fn sign(
        self,
        serials: &BTreeMap<Serial, Reason>,
        issuer: &Intermediate,
        now: Time,
    ) -> Result<(String, Vec<u8>), Refusal> {
        let before = self.contents;
        let mut revoked = before.as_ref().map(|list| list.revoked.clone()).unwrap_or_default();
        revoked.retain(|_, entry| now < entry.at.plus_days(DAYS));
        for (serial, reason) in serials {
            revoked.entry(*serial).or_insert(Revoked { at: now, reason: *reason });
        }
        let contents = ListContents {
            number: before.map_or(0, |list| list.number) + 1,
            this_update: now,
            next_update: now.plus_days(DAYS),
            revoked,
        };
        let list = RevocationList::issue(&contents, issuer)
            .map_err(|error| Refusal::new(format!("{}: {error}", file(self.authority))))?;
        Ok((file(self.authority), list.der().to_vec()))
    }
}
