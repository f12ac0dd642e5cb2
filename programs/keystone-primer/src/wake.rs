//! Whether this primer would be of use if it was needed: its shares open and are the ones that the groups know, what was
//! recorded is whole, and the others are asked what they know. Nothing is signed and nothing is decrypted.

use std::sync::Arc;

use keystone_pki::group::{Decryption, Signing};
use serde_json::{Value, json};

use crate::clock;
use crate::control::Secret;
use crate::groups::{self, Kind, Record};
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::transcript;

impl Primer {
    /// Opens the shares by what opens a slot, and compares each with what its group says of it.
    pub fn test_wake(self: &Arc<Self>, secret: &Secret) -> Result<Value, Refusal> {
        let unlock = secret.unlock(self)?;
        let mut slots = self.inner().begun()?.slots.clone().ok_or_else(|| {
            groups::recipient(None).err().unwrap_or_else(|| Refusal::new("there are no slots"))
        })?;
        let slot = slots.test(None, &unlock, clock::now())?;
        let key = slots.open(Some(slot), &unlock)?;
        let records = groups::all(&self.inner().store)?;
        if records.is_empty() {
            return Err(groups::needed(&self.inner().store, Kind::Root)
                .err()
                .unwrap_or_else(|| Refusal::new("there are no keys yet")));
        }
        let mut shares = Vec::new();
        for record in &records {
            let works = proves(record, &key, &self.config.node);
            shares.push(json!({
                "key": format!("{}-G{}", record.kind.as_str(), record.generation), "fingerprint": record.fingerprint,
                "works": works.is_ok(), "error": works.err().map(|refusal| refusal.message),
            }));
        }
        drop(key);
        let (replay, certified) = {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            state.replace_slots(store, slots)?;
            let replay = transcript::replay(store, &state.identity, &state.members)?;
            let root = records.iter().rfind(|record| record.kind == Kind::Root);
            let certificate = root.map(|record| rebuild::root(store, record)).transpose()?.flatten();
            (replay, certificate.is_some())
        };
        let works = shares.iter().all(|share| share["works"].as_bool() == Some(true));
        let ok = works && certified && replay.bad.is_empty();
        let result = if ok { "and would be of use" } else { "and something is wrong" };
        self.record(
            "test-wake",
            &format!("{} looked at its {} shares, {result}", self.config.node, shares.len()),
            json!({ "slot": slot, "shares": shares, "ok": ok }),
        )?;
        Ok(json!({
            "ok": ok, "name": self.config.node, "lab": self.config.lab(), "slot": slot, "shares": shares,
            "rootCertificate": certified, "record": replay,
        }))
    }
}

/// The share opens, is this primer's own, and times the base point is what the group's description says of its holder:
/// that is what a partial signature or decryption would be checked against.
fn proves(record: &Record, key: &keystone_protector::ShareIdentity, name: &str) -> Result<(), Refusal> {
    let member = match record.kind {
        Kind::Root => record.share::<Signing>(key)?.member(),
        Kind::Backup => record.share::<Decryption>(key)?.member(),
    };
    if record.member(name) == Some(member) {
        return Ok(());
    }
    Err(Refusal::new("it is the share of another primer"))
}
