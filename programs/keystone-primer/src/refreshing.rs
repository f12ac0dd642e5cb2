//! All primers get new shares of the same keys: a share that was lost is worth nothing next to the new ones.
//!
//! It is no revocation. Whoever has as many old shares as a quorum has the key, and nobody can prove that an old share is gone.
//!
//! Nothing is destroyed before it is replaced everywhere. A new share is first kept beside the old one, and its primer signs that
//! it is on disk. Whoever has that of all primers uses the new one and forgets the old one; whoever missed it is shown it later
//! ([`proof`]). A run that ends before that changes nothing, as all go on with their old shares.

mod lead;
mod proof;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::group::refresh::{self, Refresh};
use keystone_pki::group::{Decryption, Purpose, Share, Signing};
use keystone_protector::ShareIdentity;
use rand_core::OsRng;

use crate::act::Dangerous;
use crate::groups::{self, Kind, Record, Seat};
use crate::message::{Message, Signed};
use crate::primer::Primer;
use crate::rebuild::Rebuilt;
use crate::refusal::Refusal;
use crate::rounds::{Round, Table, out_of_turn};
use crate::session::{Answer, Change};
use crate::sessions::{Decision, Part};

/// What is said wherever a refresh is spoken of.
pub const NO_REVOCATION: &str =
    "this is no revocation: whoever has as many old shares as a quorum has the key";

/// New shares in the making, in memory only.
pub struct Refreshing {
    ephemeral: age::x25519::Identity,
    keys: BTreeMap<String, One>,
    firsts: BTreeMap<String, String>,
}

/// One key.
struct One {
    record: Record,
    rounds: Rounds,
}

enum Rounds {
    Root(Old<Signing>),
    Backup(Old<Decryption>),
}

/// The share that is to be replaced, and how far it is.
struct Old<P> {
    share: Share<P>,
    round: Round<P, Refresh>,
}

impl Refreshing {
    /// What the one who leads shows to all others.
    pub fn answer(&self) -> Answer {
        Answer::Refreshes { packages: self.firsts.clone(), recipient: self.ephemeral.to_public().to_string() }
    }

    fn seats(&self) -> Result<Vec<Seat>, Refusal> {
        let first = self.keys.values().next();
        first.map(|one| one.record.seats.clone()).ok_or_else(|| Refusal::new("no key is refreshed"))
    }
}

fn table(record: &Record) -> Table<'_> {
    Table { seats: &record.seats, what: format!("the refresh of {}", record.name()) }
}

/// The groups that are meant: each is here as it is described, and every declared primer has a share of it.
fn records(primer: &Primer, keys: &BTreeMap<String, String>) -> Result<Vec<Record>, Refusal> {
    if keys.is_empty() {
        return Err(Refusal::new("a refresh of no key is asked for"));
    }
    let inner = primer.inner();
    groups::recipient(inner.begun()?.slots.as_ref())?;
    let mut records = Vec::new();
    for (name, fingerprint) in keys {
        let record = groups::named(&inner.store, name)?.filter(|record| record.destroyed.is_none());
        let record = record.ok_or_else(|| {
            Refusal::new(format!("this primer has no share of {name}"))
                .fix("keystone-primer status, on all primers")
        })?;
        if record.fingerprint != *fingerprint {
            return Err(Refusal::new(format!("the description of {name} here is another one"))
                .fix("keystone-primer status, on all primers"));
        }
        all_declared(primer, &record)?;
        records.push(record);
    }
    Ok(records)
}

/// Everybody who has a share has to take part.
fn all_declared(primer: &Primer, record: &Record) -> Result<(), Refusal> {
    let lost: Vec<&str> = record.seats.iter().map(|seat| seat.name.as_str()).collect();
    let lost: Vec<&str> = lost.into_iter().filter(|name| primer.config.endpoint(name).is_none()).collect();
    if lost.is_empty() && record.seats.len() == primer.config.peers.len() {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "all who have a share of {} must take part, and not all of them are declared as primers here: {}",
        record.name(),
        lost.join(", ")
    ))
    .fix("let another machine take the place of a lost one first: keystone-primer repair --lost NAME"))
}

/// What a custodian says of it.
pub fn rebuild(primer: &Primer, keys: &BTreeMap<String, String>) -> Result<Rebuilt, Refusal> {
    let names: Vec<String> = records(primer, keys)?.iter().map(Record::name).collect();
    let summary = vec![
        format!("give every primer a new share of {}; the keys stay the same", names.join(" and ")),
        "destroy this primer's old shares as soon as all primers have a new one".to_owned(),
        NO_REVOCATION.to_owned(),
    ];
    let unattended = primer.policy()?.unattended_acts.contains(&Dangerous::Refresh);
    Ok(Rebuilt { messages: Vec::new(), summary, unattended })
}

fn begin<P: Purpose>(record: &Record, key: &ShareIdentity) -> Result<(Old<P>, String), Refusal> {
    let share = record.share::<P>(key)?;
    let (state, package) =
        refresh::start(&share, &record.group()?, &mut OsRng).map_err(|error| table(record).named(&error))?;
    Ok((Old { share, round: Round::One(state) }, STANDARD.encode(package.to_bytes())))
}

/// The operator agreed.
pub fn agree(
    primer: &Primer,
    key: &ShareIdentity,
    keys: &BTreeMap<String, String>,
) -> Result<Decision, Refusal> {
    let (mut ones, mut firsts) = (BTreeMap::new(), BTreeMap::new());
    for record in records(primer, keys)? {
        let (rounds, first) = match record.kind {
            Kind::Root => begin(&record, key).map(|(old, first)| (Rounds::Root(old), first))?,
            Kind::Backup => begin(&record, key).map(|(old, first)| (Rounds::Backup(old), first))?,
        };
        firsts.insert(record.name(), first);
        ones.insert(record.name(), One { record, rounds });
    }
    let ephemeral = age::x25519::Identity::generate();
    Ok(Decision::Refreshing(Box::new(Refreshing { ephemeral, keys: ones, firsts })))
}

/// What everybody said of one key.
fn of<T>(
    said: &BTreeMap<String, BTreeMap<String, T>>,
    key: &str,
    pick: impl Fn(&T) -> Option<String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let picked = said.iter().map(|(name, keys)| {
        let one = keys.get(key).and_then(&pick);
        one.map(|one| (name.clone(), one))
            .ok_or_else(|| Refusal::new(format!("{name} sent nothing for {key} to this primer")))
    });
    picked.collect()
}

/// The new share, to be kept beside the old one.
fn store<P: Purpose>(
    record: &Record,
    old: &mut Old<P>,
    ephemeral: &age::x25519::Identity,
    sealed: &BTreeMap<String, String>,
    recipient: &str,
) -> Result<Record, Refusal> {
    let Round::Two(state) = std::mem::replace(&mut old.round, Round::Over) else {
        return Err(out_of_turn());
    };
    let packages = table(record).open(ephemeral, sealed)?;
    let (share, group) =
        state.finish(&packages, &old.share, &record.group()?).map_err(|error| table(record).named(&error))?;
    let (kind, generation, seats) = (record.kind, record.generation, record.seats.clone());
    Record::new(kind, generation, record.lab, seats, &group, &share, recipient)
}

impl Primer {
    /// A step. One that fails ends it here, and with that everywhere.
    fn refreshing(
        &self,
        message: &Message,
        step: impl FnOnce(&mut Refreshing) -> Result<Answer, Refusal>,
    ) -> Result<Answer, Refusal> {
        let taken = match self.sessions().get(&message.session).map(|session| &mut session.part) {
            Some(Part::Act(acting)) => Some(std::mem::replace(&mut acting.decision, Decision::Over)),
            _ => None,
        };
        let Some(Decision::Refreshing(mut refreshing)) = taken else {
            return Err(Refusal::new(format!(
                "session {} is unknown here: it ended, or this primer was restarted",
                message.session
            ))
            .fix("begin anew: keystone-primer refresh"));
        };
        let answer = step(&mut refreshing)?;
        if let Some(Part::Act(acting)) = self.sessions().get(&message.session).map(|one| &mut one.part) {
            acting.decision = Decision::Refreshing(refreshing);
        }
        Ok(answer)
    }

    /// These are everybody's first packages.
    pub fn refresh_echo(&self, message: &Message, firsts: &[Signed]) -> Result<Answer, Refusal> {
        self.refreshing(message, |refreshing| {
            let mut said = BTreeMap::new();
            for (name, answer) in self.answers(message, &refreshing.seats()?, firsts)? {
                let Answer::Refreshes { packages, recipient } = answer else { return Err(out_of_turn()) };
                let each = packages.into_iter().map(|(key, one)| (key, (one, recipient.clone())));
                said.insert(name, each.collect::<BTreeMap<_, _>>());
            }
            let mut hashes = BTreeMap::new();
            for (key, one) in &mut refreshing.keys {
                let packages = of(&said, key, |(package, _)| Some(package.clone()))?;
                let recipients = of(&said, key, |(_, recipient)| Some(recipient.clone()))?;
                let both = packages
                    .into_iter()
                    .zip(recipients.into_values())
                    .map(|((name, package), recipient)| (name, (package, recipient)))
                    .collect();
                let table = table(&one.record);
                let hash = match &mut one.rounds {
                    Rounds::Root(old) => table.receive(&mut old.round, &both)?,
                    Rounds::Backup(old) => table.receive(&mut old.round, &both)?,
                };
                hashes.insert(key.clone(), hash);
            }
            Ok(Answer::RefreshEchoes { hashes })
        })
    }

    /// These are everybody's hashes.
    pub fn refresh_exchange(&self, message: &Message, echoes: &[Signed]) -> Result<Answer, Refusal> {
        self.refreshing(message, |refreshing| {
            let mut said = BTreeMap::new();
            for (name, answer) in self.answers(message, &refreshing.seats()?, echoes)? {
                let Answer::RefreshEchoes { hashes } = answer else { return Err(out_of_turn()) };
                said.insert(name, hashes);
            }
            let mut packages = BTreeMap::new();
            for (key, one) in &mut refreshing.keys {
                let hashes = of(&said, key, |hash| Some(hash.clone()))?;
                let table = table(&one.record);
                let sealed = match &mut one.rounds {
                    Rounds::Root(old) => table.confirm(&mut old.round, &hashes)?,
                    Rounds::Backup(old) => table.confirm(&mut old.round, &hashes)?,
                };
                packages.insert(key.clone(), sealed);
            }
            Ok(Answer::RefreshSeconds { packages })
        })
    }

    /// These are everybody's second packages: the new shares are kept beside the old ones.
    pub fn refresh_store(&self, message: &Message, seconds: &[Signed]) -> Result<Answer, Refusal> {
        self.refreshing(message, |refreshing| {
            let mut said = BTreeMap::new();
            for (name, answer) in self.answers(message, &refreshing.seats()?, seconds)? {
                let Answer::RefreshSeconds { packages } = answer else { return Err(out_of_turn()) };
                said.insert(name, packages);
            }
            let own = &self.config.node;
            let recipient = groups::recipient(self.inner().begun()?.slots.as_ref())?;
            let Refreshing { ephemeral, keys, .. } = refreshing;
            let mut made = Vec::new();
            for (key, one) in keys {
                let sealed = of(&said, key, |packages: &BTreeMap<_, String>| packages.get(own).cloned())?;
                let new = match &mut one.rounds {
                    Rounds::Root(old) => store(&one.record, old, ephemeral, &sealed, &recipient)?,
                    Rounds::Backup(old) => store(&one.record, old, ephemeral, &sealed, &recipient)?,
                };
                made.push((one.record.fingerprint.clone(), new));
            }
            let inner = self.inner();
            // What is said below must be true of all of them: the old share is in use, and of several new ones the last counts.
            for (before, new) in &made {
                let present = groups::named(&inner.store, &new.name())?;
                if present.is_none_or(|present| present.fingerprint != *before) {
                    return Err(Refusal::new(format!("another share of {} is in use by now", new.name())));
                }
            }
            let mut keys = BTreeMap::new();
            for (before, new) in made {
                let name = new.name();
                let after = new.fingerprint.clone();
                let mut kept = groups::new_shares(&inner.store, &name)?;
                kept.push(new);
                groups::keep_new_shares(&inner.store, &name, &kept)?;
                keys.insert(name, Change { before, after });
            }
            Ok(Answer::RefreshStored { keys })
        })
    }
}

#[cfg(test)]
mod tests;
