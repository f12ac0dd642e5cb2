//! The record of everything that primers did: a chain of hashes for each primer, signed by it, and countersigned by the
//! others, each of whom keeps all chains.
//!
//! One chain for each author needs no agreement on an order, so it grows while others are off; and an author that
//! shows two different chains, or an older one than before, is found by whoever saw the other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::node_key::{NodeKey, PublicKey, hash};
use crate::refusal::Refusal;
use crate::state::{Identity, Members};
use crate::store::Store;

const FOLDER: &str = "transcript";
const AUTHOR: &str = "transcript entry";
const WITNESS: &str = "transcript witness";

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// Version of the form.
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// Nothing of it is to be trusted.
    pub lab: bool,
    /// Who wrote it.
    pub author: String,
    /// Its number in the author's chain, from 1.
    pub number: u64,
    /// Hash of the author's entry before.
    pub previous: String,
    /// When, by the author's clock.
    pub time: u64,
    /// What kind of thing.
    pub kind: String,
    /// For people.
    pub summary: String,
    /// For programs.
    pub details: Value,
}

/// An entry, as text whose every byte is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Signed {
    /// The entry as JSON.
    pub entry: String,
    /// The author's signature, in hexadecimal digits.
    pub signature: String,
    /// Those who saw it.
    #[serde(default)]
    pub witnesses: Vec<Witness>,
}

/// Somebody who saw an entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Witness {
    /// Who.
    pub name: String,
    /// The signature.
    pub signature: String,
}

/// The last entry of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 if there is none.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

impl Signed {
    fn hash(&self) -> String {
        hash(self.entry.as_bytes())
    }

    /// The entry.
    pub fn read(&self) -> Result<Entry, Refusal> {
        serde_json::from_str(&self.entry)
            .map_err(|error| Refusal::new(format!("an entry of the transcript cannot be read: {error}")))
    }
}

fn file(author: &str, number: u64) -> String {
    format!("{FOLDER}/{author}/{number:08}.json")
}

/// The last entry of an author's chain here.
pub fn head(store: &Store, author: &str) -> Result<Head, Refusal> {
    let names = store.list(&format!("{FOLDER}/{author}"))?;
    let number = u64::try_from(names.len()).unwrap_or(u64::MAX);
    Ok(match entry(store, author, number)? {
        Some(last) => Head { number, hash: last.hash() },
        None => Head { number: 0, hash: String::new() },
    })
}

/// An entry, if it is here.
pub fn entry(store: &Store, author: &str, number: u64) -> Result<Option<Signed>, Refusal> {
    if number == 0 { Ok(None) } else { store.load(&file(author, number)) }
}

/// Writes the next entry of this primer's chain.
pub fn append(
    store: &Store,
    identity: &Identity,
    key: &NodeKey,
    kind: &str,
    summary: &str,
    details: Value,
    now: u64,
) -> Result<Signed, Refusal> {
    let head = head(store, &identity.name)?;
    let entry = Entry {
        version: 1,
        cluster: identity.cluster.clone(),
        lab: identity.lab,
        author: identity.name.clone(),
        number: head.number + 1,
        previous: head.hash,
        time: now,
        kind: kind.to_owned(),
        summary: summary.to_owned(),
        details,
    };
    let text = serde_json::to_string(&entry).map_err(|error| Refusal::new(error.to_string()))?;
    let signature = crate::node_key::hex(&key.sign(AUTHOR, text.as_bytes()));
    let signed = Signed { entry: text, signature, witnesses: Vec::new() };
    store.save(&file(&identity.name, entry.number), &signed)?;
    Ok(signed)
}

/// Takes another primer's next entry, and countersigns it. One that is here already is countersigned again; a different
/// one in its place is proof that its author has two chains.
pub fn witness(
    store: &Store,
    identity: &Identity,
    key: &NodeKey,
    members: &Members,
    signed: &Signed,
) -> Result<Witness, Refusal> {
    let entry = signed.read()?;
    let author = members.get(&entry.author).ok_or_else(|| {
        Refusal::new(format!("an entry of the transcript is by {}, who is no primer here", entry.author))
    })?;
    judge_one(identity, &entry, signed, &author.key)?;
    let head = head(store, &entry.author)?;
    let place = format!("entry {} of {}", entry.number, entry.author);
    if entry.number <= head.number {
        let known = self::entry(store, &entry.author, entry.number)?;
        if known.is_none_or(|known| known.entry != signed.entry) {
            return Err(Refusal::new(format!("{place} differs from the one that was witnessed here before: {} has two records", entry.author))
                .fix("its state was rolled back, or somebody has its node key; compare `keystone-primer status --verify` on all primers"));
        }
    } else if entry.number != head.number + 1 || entry.previous != head.hash {
        return Err(Refusal::new(format!("{place} does not follow entry {} here", head.number)));
    }
    let signature = crate::node_key::hex(&key.sign(WITNESS, signed.entry.as_bytes()));
    let witness = Witness { name: identity.name.clone(), signature };
    let mut kept = self::entry(store, &entry.author, entry.number)?.unwrap_or_else(|| signed.clone());
    for seen in signed.witnesses.iter().chain([&witness]) {
        if kept.witnesses.iter().all(|known| known.name != seen.name) {
            kept.witnesses.push(seen.clone());
        }
    }
    store.save(&file(&entry.author, entry.number), &kept)?;
    Ok(witness)
}

/// Adds a countersignature to an own entry.
pub fn countersigned(
    store: &Store,
    identity: &Identity,
    members: &Members,
    number: u64,
    witness: Witness,
) -> Result<(), Refusal> {
    let Some(mut kept) = entry(store, &identity.name, number)? else { return Ok(()) };
    let known = members.get(&witness.name);
    if !known.is_some_and(|member| verifies(&member.key, WITNESS, &kept.entry, &witness.signature)) {
        return Err(Refusal::new(format!("{} countersigned something else", witness.name)));
    }
    if kept.witnesses.iter().all(|known| known.name != witness.name) {
        kept.witnesses.push(witness);
        store.save(&file(&identity.name, number), &kept)?;
    }
    Ok(())
}

fn judge_one(identity: &Identity, entry: &Entry, signed: &Signed, author: &PublicKey) -> Result<(), Refusal> {
    let place = format!("entry {} of {}", entry.number, entry.author);
    if entry.version != 1 {
        return Err(Refusal::new(format!(
            "{place} is of version {}, and this program knows 1",
            entry.version
        )));
    }
    if entry.cluster != identity.cluster {
        return Err(Refusal::new(format!("{place} is of the cluster {}", entry.cluster)));
    }
    if !verifies(author, AUTHOR, &signed.entry, &signed.signature) {
        return Err(Refusal::new(format!("{place} does not bear its author's signature")));
    }
    Ok(())
}

fn verifies(key: &PublicKey, purpose: &str, text: &str, signature: &str) -> bool {
    let bytes: Option<Vec<u8>> = signature
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes.is_some_and(|bytes| key.verifies(purpose, text.as_bytes(), &bytes))
}

/// What a replay of all chains found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Entries that are right.
    pub entries: u64,
    /// Of these, those that nobody but the author saw yet.
    pub unwitnessed: u64,
    /// The first that is not, by author.
    pub bad: Vec<String>,
}

/// Replays every chain that lies here, without asking anybody.
pub fn replay(store: &Store, identity: &Identity, members: &Members) -> Result<Replay, Refusal> {
    let mut replay = Replay::default();
    for author in store.list(FOLDER)? {
        if let Err(bad) = replay_one(store, identity, members, &author, &mut replay) {
            replay.bad.push(bad.message);
        }
    }
    Ok(replay)
}

fn replay_one(
    store: &Store,
    identity: &Identity,
    members: &Members,
    author: &str,
    replay: &mut Replay,
) -> Result<(), Refusal> {
    let key = &members
        .get(author)
        .ok_or_else(|| Refusal::new(format!("there is a record of {author}, who is no primer here")))?
        .key;
    let mut previous = String::new();
    for (name, number) in store.list(&format!("{FOLDER}/{author}"))?.iter().zip(1..) {
        let place = format!("entry {number} of {author}");
        let wrong = |reason: &str| Refusal::new(format!("{place} {reason}"));
        let signed: Signed =
            store.load(&format!("{FOLDER}/{author}/{name}"))?.ok_or_else(|| wrong("is missing"))?;
        let entry = signed.read().map_err(|_| wrong("cannot be read"))?;
        if file(author, number) != format!("{FOLDER}/{author}/{name}") || entry.number != number {
            return Err(wrong("is missing"));
        }
        if entry.author != author {
            return Err(wrong("is by somebody else"));
        }
        judge_one(identity, &entry, &signed, key)?;
        if entry.previous != previous {
            return Err(wrong("does not follow the one before"));
        }
        for witness in &signed.witnesses {
            let known = members.get(&witness.name);
            if !known.is_some_and(|member| verifies(&member.key, WITNESS, &signed.entry, &witness.signature))
            {
                return Err(wrong(&format!(
                    "bears a countersignature of {} that is not right",
                    witness.name
                )));
            }
        }
        replay.entries += 1;
        replay.unwitnessed += u64::from(signed.witnesses.is_empty());
        previous = signed.hash();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
