//! New generations of the keys: what a custodian agrees to, and how it is led.
//!
//! Shares of the root before are destroyed at the end. Those of the backup key before stay, as long as a backup may have to be
//! opened that nobody wrapped anew.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use keystone_protector::Unlock;
use serde_json::{Value, json};

use crate::act::{Act, Dangerous, Stage};
use crate::clock;
use crate::control::Notes;
use crate::groups::{self, Kind, Record};
use crate::primer::Primer;
use crate::rebuild::{self, Rebuilt};
use crate::refusal::Refusal;
use crate::store::Store;
use crate::transcript;

const ENTRY: &str = "rotation";

fn named(keys: &BTreeMap<Kind, u32>) -> String {
    let names: Vec<String> =
        keys.iter().map(|(kind, number)| format!("the {} key G{number}", kind.as_str())).collect();
    names.join(" and ")
}

/// What a custodian says of a step of a rotation.
pub fn rebuild(
    primer: &Primer,
    stage: Stage,
    keys: &BTreeMap<Kind, u32>,
    reason: &str,
) -> Result<Rebuilt, Refusal> {
    if keys.is_empty() {
        return Err(Refusal::new("a rotation of no key is asked for"));
    }
    let issuing = primer.issuing()?;
    let mut summary = Vec::new();
    for (kind, number) in keys {
        let (newest, others) = primer.generations(*kind)?;
        let name = kind.as_str();
        let wrong = |right: &str| {
            Refusal::new(format!("{right} of the {name} key, and G{number} is asked for"))
                .fix("keystone-primer status, on all primers")
        };
        match stage {
            Stage::Generate if newest + 1 != *number => {
                return Err(wrong(&format!("G{} is the next generation here", newest + 1)));
            }
            Stage::Generate => {
                summary.push(format!("make the {name} key G{number}, by all primers together"));
            }
            Stage::Issue if *kind != Kind::Root => return Err(wrong("nothing is issued with a generation")),
            Stage::Issue => {
                let inner = primer.inner();
                let record = groups::of(&inner.store, Kind::Root, *number)?;
                if rebuild::root(&inner.store, &record)?.is_none() {
                    return Err(wrong("this primer has no certificate of that generation"));
                }
                summary.push(format!("from now on sign as the root G{number}"));
            }
            Stage::Drop if newest != *number || (*kind == Kind::Root && issuing != *number) => {
                return Err(wrong(&format!(
                    "G{newest} is the newest generation here, and G{issuing} issues"
                )));
            }
            Stage::Drop => {
                let gone: Vec<String> = others
                    .iter()
                    .filter(|record| record.destroyed.is_none())
                    .map(|record| format!("G{}", record.generation))
                    .collect();
                summary.push(if gone.is_empty() {
                    format!("destroy older shares of the {name} key, of which none is left here")
                } else {
                    let gone = gone.join(", ");
                    format!(
                        "destroy this primer's share of the {name} key {gone}; what only that can do is over"
                    )
                });
            }
        }
    }
    summary.push(format!("because (claimed): {reason}"));
    let unattended = primer.policy()?.unattended_acts.contains(&Dangerous::Rotation);
    Ok(Rebuilt { messages: Vec::new(), summary, unattended })
}

/// The generation of the backup key that was made together with this one of the root, as in an emergency.
fn made_with(store: &Store, root: u32) -> Result<Option<u32>, Refusal> {
    for seat in groups::needed(store, Kind::Root)?.seats {
        let mut number = transcript::head(store, &seat.name)?.number;
        while let Some(signed) = transcript::entry(store, &seat.name, number)? {
            number -= 1;
            let entry = signed.read()?;
            let details = &entry.details;
            let made = entry.kind == ENTRY && details["stage"] == json!(Stage::Generate);
            if made && details["keys"]["root"] == root {
                let with = details["keys"]["backup"].as_u64();
                return Ok(with.and_then(|generation| u32::try_from(generation).ok()));
            }
        }
    }
    Ok(None)
}

impl Primer {
    /// The newest generation of a key, and the records of those before.
    fn generations(&self, kind: Kind) -> Result<(u32, Vec<Record>), Refusal> {
        let mut all = groups::all(&self.inner().store)?;
        all.retain(|record| record.kind == kind);
        let newest = all.pop().map(|record| record.generation).unwrap_or_default();
        Ok((newest, all))
    }

    /// The generation of the root that issues: the last one for which the record says so, otherwise the first.
    pub fn issuing(&self) -> Result<u32, Refusal> {
        let inner = self.inner();
        let roots: Vec<u32> = groups::all(&inner.store)?
            .iter()
            .filter(|record| record.kind == Kind::Root)
            .map(|record| record.generation)
            .collect();
        let Some(first) = roots.first().copied() else {
            return groups::needed(&inner.store, Kind::Root).map(|record| record.generation);
        };
        if roots.len() == 1 {
            return Ok(first);
        }
        drop(inner);
        let issued = self.recorded(ENTRY)?.into_iter().filter(|entry| entry.details["stage"] == "issue");
        let named = issued.filter_map(|entry| u32::try_from(entry.details["keys"]["root"].as_u64()?).ok());
        let issuing = named.filter(|named| roots.contains(named)).fold(first, u32::max);
        Ok(issuing)
    }

    /// Entries of a kind, in the records of all primers.
    pub fn recorded(&self, kind: &str) -> Result<Vec<transcript::Entry>, Refusal> {
        let inner = self.inner();
        let mut found = Vec::new();
        for author in inner.begun()?.members.keys() {
            let head = transcript::head(&inner.store, author)?;
            for number in 1..=head.number {
                let Some(signed) = transcript::entry(&inner.store, author, number)? else { continue };
                found.extend(Some(signed.read()?).filter(|entry| entry.kind == kind));
            }
        }
        Ok(found)
    }

    /// Whether a new key was agreed to here, and who leads its making.
    pub fn agreed_to(&self, leader: &str, kind: Kind, generation: u32) -> bool {
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        agreed.contains(&(leader.to_owned(), kind, generation))
    }

    /// The operator agreed to a step.
    pub fn agree_to_rotation(
        &self,
        from: &str,
        stage: Stage,
        keys: &BTreeMap<Kind, u32>,
    ) -> Result<(), Refusal> {
        match stage {
            Stage::Generate => {
                let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
                agreed.extend(keys.iter().map(|(kind, number)| (from.to_owned(), *kind, *number)));
            }
            Stage::Issue => {}
            Stage::Drop => {
                for (kind, number) in keys {
                    let (_, before) = self.generations(*kind)?;
                    for record in before.iter().filter(|one| one.generation < *number) {
                        self.destroy(record)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn destroy(&self, record: &Record) -> Result<(), Refusal> {
        if record.destroyed.is_some() {
            return Ok(());
        }
        let inner = self.inner();
        let state = inner.begun()?;
        let now = clock::now();
        groups::destroy(&inner.store, record, now)?;
        let summary = format!("{} destroyed its share of {}", state.identity.name, record.name());
        let details = json!({ "key": record.name(), "fingerprint": record.fingerprint });
        // The others see it with the next entry or status.
        transcript::append(
            &inner.store,
            &state.identity,
            &state.key,
            "share-destroyed",
            &summary,
            details,
            now,
        )?;
        drop(inner);
        self.count()
    }

    /// Certificates of every generation of the root whose share is here, the one that issues first.
    pub fn roots(&self) -> Result<Value, Refusal> {
        let issuing = self.issuing()?;
        let inner = self.inner();
        let (mut roots, mut backups) = (Vec::new(), Vec::new());
        let mut newest = issuing;
        for record in groups::all(&inner.store)?.into_iter().filter(|record| record.destroyed.is_none()) {
            if record.kind == Kind::Backup {
                backups.insert(0, record.generation);
                continue;
            }
            newest = newest.max(record.generation);
            let Some(root) = rebuild::root(&inner.store, &record)? else { continue };
            let place = if record.generation == issuing { 0 } else { roots.len() };
            roots.insert(place, json!({ "generation": record.generation, "pem": root.pem() }));
        }
        if roots.first().is_none_or(|root| root["generation"] != issuing) {
            return Err(Refusal::new("the root has no certificate yet")
                .fix("approve it on the primers: keystone-primer pending"));
        }
        let with = if newest > issuing { made_with(&inner.store, newest)? } else { None };
        Ok(json!({
            "issuing": issuing, "newest": newest, "roots": roots, "backups": backups, "newestMadeWithBackup": with,
            "lab": self.config.lab(),
        }))
    }

    /// Leads a step.
    pub fn rotate(
        self: &Arc<Self>,
        stage: Stage,
        keys: &BTreeMap<Kind, u32>,
        reason: &str,
        unlock: Option<&Unlock>,
        tell: Notes<'_>,
    ) -> Result<Value, Refusal> {
        let mut keys = keys.clone();
        // Whoever was not told of the last step of a run before learns from the others that the key exists.
        let pongs = self.ask_all(&self.others()?, Self::ping);
        if stage == Stage::Generate {
            // What exists already was made by a run that did not come to its end.
            for kind in Kind::ALL {
                let (newest, _) = self.generations(kind)?;
                keys.retain(|one, number| *one != kind || *number > newest);
            }
            if keys.is_empty() {
                return Ok(json!({ "keys": keys, "by": [], "missing": [] }));
            }
        }
        let record = groups::needed(&self.inner().store, Kind::Root)?;
        let off: Vec<String> = pongs
            .iter()
            .filter(|(name, pong)| pong.is_err() && !self.by_stick(name))
            .map(|(name, _)| name.clone())
            .collect();
        let (needed, without) = match stage {
            // All primers make a key, and each destroys its own share.
            Stage::Generate => (record.seats.len(), Vec::new()),
            Stage::Issue => (self.quorum(), Vec::new()),
            Stage::Drop => (record.seats.len() - off.len(), off.clone()),
        };
        let act = Act::Rotate { stage, keys: keys.clone(), reason: reason.to_owned() };
        let agreed =
            self.propose(&record, needed.max(1), &act, &without.iter().cloned().collect(), unlock, tell)?;
        let by: Vec<String> = agreed.answers.keys().cloned().collect();
        if stage == Stage::Generate {
            // The root last: as long as it is not there, nobody takes what is for something else.
            for (kind, number) in keys.iter().rev() {
                tell(format!("all primers make the {} key G{number}", kind.as_str()));
                self.generate(*kind, *number)?;
            }
            if keys.contains_key(&Kind::Backup) {
                self.write_backup_recipient()?;
            }
        }
        let names: Vec<String> = record.seats.iter().map(|seat| seat.name.clone()).collect();
        agreed.ceremony.tell_each(&names, &[]);
        let what = match stage {
            Stage::Generate => "was made",
            Stage::Issue => "issues from now on",
            Stage::Drop => "is the only one from now on",
        };
        let details = json!({ "stage": stage, "keys": keys, "by": by, "missing": without, "session": agreed.ceremony.session });
        self.record(ENTRY, &format!("{} {what}", named(&keys)), details)?;
        Ok(json!({ "keys": keys, "by": by, "missing": without }))
    }
}
