//! Certificates of hosts and people: one encrypted file for each holder, with all of its certificates and keys.

use std::collections::BTreeMap;

use keystone_model::{Authority, Cluster, Name, secret};
use keystone_pki::certificate::{Certificate, PrivateKey, Time};
use keystone_pki::profile::{Holder, Identity, identities};
use rand_core::OsRng;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Places;
use super::authorities::Issuers;
use super::files::{Files, Issued, Note};
use crate::node_key::{hash, hex};
use crate::refusal::Refusal;

/// Clocks of machines differ, and a certificate from the future is refused.
const BACKDATED: i64 = 300;

/// All certificates of one holder.
pub struct Bundle {
    /// The file, without folder and ending.
    pub file: String,
    /// What they say.
    pub identities: Vec<Identity>,
}

/// Every holder of the inventory.
pub fn bundles(cluster: &Cluster) -> Vec<Bundle> {
    let mut found: BTreeMap<String, Vec<Identity>> = BTreeMap::new();
    let rules = secret::rules(cluster);
    for identity in identities(cluster) {
        let file = match identity.holder() {
            Holder::Machine(name) => secret::host_certificates(name),
            Holder::Person(name) => secret::person_certificates(name),
        };
        // Somebody without a key that age can encrypt to gets nothing.
        if rules.contains_key(&file) {
            found.entry(file).or_default().push(identity);
        }
    }
    found.into_iter().map(|(file, identities)| Bundle { file, identities }).collect()
}

/// Everything that a certificate says because of inventory and table, as one hash.
fn meaning(identity: &Identity, issuer: [u8; 20]) -> String {
    let profile = identity.profile();
    let names: Vec<String> = identity.alt_names().iter().map(ToString::to_string).collect();
    let usages: Vec<String> = profile.usages.iter().map(ToString::to_string).collect();
    let parts = [
        profile.name.to_owned(),
        identity.subject().to_string(),
        names.join(","),
        usages.join(","),
        profile.days.to_string(),
        hex(&issuer),
    ];
    hash(parts.join("\n").as_bytes())
}

impl Bundle {
    /// Whether it is a machine's or person's of that name.
    pub fn is_of(&self, name: &Name) -> bool {
        self.file == secret::host_certificates(name) || self.file == secret::person_certificates(name)
    }

    /// Whether its certificates have to be issued: one is missing, says something else than it should, or ends soon.
    pub fn is_due(
        &self,
        issued: &Issued,
        issuing: &dyn Fn(Authority) -> Option<[u8; 20]>,
        places: &Places,
        now: Time,
    ) -> bool {
        if !places.secrets.join(format!("{}.age", self.file)).exists() {
            return true;
        }
        let noted = issued.of(&self.file);
        noted.len() != self.identities.len()
            || self.identities.iter().any(|identity| {
                let profile = identity.profile();
                let (Some(note), Some(key_id)) = (noted.get(profile.name), issuing(profile.authority)) else {
                    return true;
                };
                note.meaning != meaning(identity, key_id) || now.unix() >= note.renewal
            })
    }

    /// Issues them, with new keys.
    pub fn issue(
        &self,
        issuers: &mut Issuers<'_>,
        issued: &mut Issued,
        files: &mut Files,
        now: Time,
    ) -> Result<(), Refusal> {
        let (mut contents, mut notes) = (Map::new(), BTreeMap::new());
        for identity in &self.identities {
            let profile = identity.profile();
            let above = issuers.get(profile.authority)?;
            let key = PrivateKey::generate(&mut OsRng);
            let authority = above.certificate().clone();
            // Not before its issuer, which may be new.
            let from = now.plus(-BACKDATED).max(authority.contents().validity.not_before);
            let leaf = above.issue(identity, &key.public(), from, &mut OsRng).map_err(|error| {
                Refusal::new(format!("{} of {}: {error}", profile.name, identity.holder()))
            })?;
            let note = Note {
                meaning: meaning(identity, authority.contents().subject_key_id),
                renewal: leaf.contents().validity.renewal().unix(),
                not_after: leaf.contents().validity.not_after.unix(),
                serial: leaf.contents().serial.to_string(),
            };
            notes.insert(profile.name.to_owned(), note);
            // Whoever knows only the root before finds the way over the certificate by which that vouches for the new one.
            let over = issuers.crosses().iter().filter(|one| authority.verify(one).is_ok());
            let chain = leaf.pem() + &authority.pem() + &over.map(Certificate::pem).collect::<String>();
            contents.insert(format!("{}.crt", profile.name), Value::String(chain));
            contents.insert(format!("{}.key", profile.name), Value::String(key.to_pem().as_str().to_owned()));
        }
        let text = Zeroizing::new(
            serde_json::to_string_pretty(&contents).map_err(|error| Refusal::new(error.to_string()))? + "\n",
        );
        erase(contents);
        files.secret(&self.file, text.as_bytes())?;
        issued.set(&self.file, notes);
        Ok(())
    }
}

/// Keys in a JSON document are ordinary strings.
fn erase(contents: Map<String, Value>) {
    for (_, value) in contents {
        if let Value::String(text) = value {
            drop(Zeroizing::new(text));
        }
    }
}
