//! A primer is lost for good, and another machine takes its place: as many of the others as a quorum needs compute the lost
//! shares anew, without any of them learning one.
//!
//! The new machine has a name of its own and joined as any other; in the groups it gets the number of the lost one. The share is
//! the old one: whoever has a copy of it has as much as before.

mod lead;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::group::repair::{self, Delta};
use keystone_pki::group::{Decryption, Member, Purpose, Signing};
use keystone_protector::ShareIdentity;
use rand_core::OsRng;
use zeroize::Zeroizing;

use crate::act::{Act, Dangerous};
use crate::groups::{self, Kind, Record, Seat};
use crate::message::{Body, Message, Signed};
use crate::primer::Primer;
use crate::rebuild::Rebuilt;
use crate::refusal::Refusal;
use crate::session::Answer;
use crate::sessions::{Decision, Part};

/// Values by the name of their group, as they are encrypted to one addressee.
type Values = BTreeMap<String, Zeroizing<String>>;

/// What a helper holds, in memory only.
pub struct Helping {
    key: ShareIdentity,
    ephemeral: age::x25519::Identity,
    records: Vec<Record>,
    helpers: BTreeSet<String>,
    own: Values,
}

impl Helping {
    /// What the one who asks gets to know: the groups, and to whom other helpers encrypt.
    pub fn answer(&self) -> Answer {
        Answer::Helps {
            groups: self.records.iter().map(public).collect(),
            recipient: self.ephemeral.to_public().to_string(),
        }
    }
}

fn public(record: &Record) -> Record {
    // When each began to use its share is its own.
    Record { share: String::new(), refreshed: None, ..record.clone() }
}

/// What a custodian says of it.
pub fn rebuild(primer: &Primer, lost: &str, name: &str) -> Result<Rebuilt, Refusal> {
    if primer.config.endpoint(lost).is_some() {
        return Err(Refusal::new(format!("{lost} is declared as a primer here, so it is not lost")).fix(
            format!("write {name} in its place among the peers of every primer, and start them again"),
        ));
    }
    let inner = primer.inner();
    let state = inner.begun()?;
    let member = state
        .members
        .get(name)
        .filter(|_| primer.config.endpoint(name).is_some())
        .ok_or_else(|| Refusal::new(format!("{name} has not joined here")))?;
    let records = live(primer, &inner.store, lost, name)?;
    let names: Vec<String> = records.iter().map(Record::name).collect();
    let summary = vec![
        format!("give {name} the shares of {lost} in {}, computed anew", names.join(" and ")),
        format!("the key of {name} is {}; compare it with what that machine says", member.key.pin()),
        format!("the share stays the same: whoever has that of {lost} has as much as before"),
    ];
    let unattended = primer.policy()?.unattended_acts.contains(&Dangerous::Repair);
    Ok(Rebuilt { messages: Vec::new(), summary, unattended })
}

/// Every group whose share is to be repaired. One in which the new one has the place already is repaired again.
fn live(
    primer: &Primer,
    store: &crate::store::Store,
    lost: &str,
    name: &str,
) -> Result<Vec<Record>, Refusal> {
    let all = groups::all(store)?;
    let records: Vec<Record> = all
        .into_iter()
        .filter(|one| one.destroyed.is_none())
        .filter(|one| one.member(lost).is_some() != one.member(name).is_some())
        .collect();
    if records.is_empty() || primer.config.node == name {
        return Err(Refusal::new(format!("{lost} has no share here that {name} could get"))
            .fix("keystone-primer status, on all primers"));
    }
    Ok(records)
}

/// The number of the lost one in a group.
fn place(record: &Record, lost: &str, name: &str) -> Result<Member, Refusal> {
    let member = record.member(lost).or_else(|| record.member(name));
    member.ok_or_else(|| Refusal::new(format!("{lost} has no share of {}", record.name())))
}

/// The operator agreed.
pub fn help(primer: &Primer, key: ShareIdentity, lost: &str, name: &str) -> Result<Decision, Refusal> {
    let records = live(primer, &primer.inner().store, lost, name)?;
    for record in &records {
        match record.kind {
            Kind::Root => drop(record.share::<Signing>(&key)?),
            Kind::Backup => drop(record.share::<Decryption>(&key)?),
        }
    }
    Ok(Decision::Helping(Box::new(Helping {
        key,
        ephemeral: age::x25519::Identity::generate(),
        records,
        helpers: BTreeSet::new(),
        own: Values::new(),
    })))
}

fn seal(recipient: &str, values: &Values) -> Result<String, Refusal> {
    let text = Zeroizing::new(serde_json::to_vec(values).map_err(|e| Refusal::new(e.to_string()))?);
    groups::encrypt(recipient, &text)
}

fn open(identity: &age::x25519::Identity, from: &str, sealed: &str) -> Result<Values, Refusal> {
    let wrong = |why: &str| Refusal::new(format!("what {from} sent for the repair cannot be used: {why}"));
    let bytes = groups::decrypt(identity, sealed).map_err(|refusal| wrong(&refusal.message))?;
    serde_json::from_slice(&bytes).map_err(|_| wrong("it is damaged"))
}

fn value(values: &Values, from: &str, record: &Record) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let bytes = values.get(&record.name()).and_then(|text| STANDARD.decode(text.as_str()).ok());
    bytes
        .map(Zeroizing::new)
        .ok_or_else(|| Refusal::new(format!("{from} sent nothing for {}", record.name())))
}

fn text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

fn failed(record: &Record, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(format!("the share of {} is not repaired: {error}", record.name()))
        .fix("begin anew: keystone-primer repair")
}

fn numbers(record: &Record, helpers: &BTreeSet<String>) -> Result<BTreeSet<Member>, Refusal> {
    let number = |name: &String| {
        record.member(name).ok_or_else(|| Refusal::new(format!("{name} has no share of {}", record.name())))
    };
    helpers.iter().map(number).collect()
}

/// A value for each helper, in one group.
fn split<P: Purpose>(
    record: &Record,
    key: &ShareIdentity,
    helpers: &BTreeSet<String>,
    lost: Member,
) -> Result<BTreeMap<String, Zeroizing<String>>, Refusal> {
    let numbers = numbers(record, helpers)?;
    let deltas = repair::start(&record.share::<P>(key)?, &record.group()?, &numbers, lost, &mut OsRng)
        .map_err(|error| failed(record, &error))?;
    let named = helpers.iter().filter_map(|name| {
        let delta = deltas.get(&record.member(name)?)?;
        Some((name.clone(), text(&delta.to_bytes())))
    });
    Ok(named.collect())
}

/// The sum of what all helpers gave this one, in one group.
fn sum<P: Purpose>(record: &Record, given: &BTreeMap<String, Values>) -> Result<Zeroizing<String>, Refusal> {
    let mut deltas = BTreeMap::new();
    for (name, values) in given {
        let bytes = value(values, name, record)?;
        let delta = Delta::<P>::from_bytes(&bytes).map_err(|error| failed(record, &error))?;
        let member = record.member(name).ok_or_else(|| failed(record, &"a helper has no share"))?;
        deltas.insert(member, delta);
    }
    let helpers = numbers(record, &given.keys().cloned().collect())?;
    let sigma = repair::combine(&deltas, &helpers).map_err(|error| failed(record, &error))?;
    Ok(text(&sigma.to_bytes()))
}

impl Primer {
    /// Answers of a session, each in the message that its sender signed.
    fn told(&self, session: &str, messages: &[Signed]) -> Result<BTreeMap<String, Answer>, Refusal> {
        let (identity, _, members) = self.whoami()?;
        let mut told = BTreeMap::new();
        for signed in messages {
            let read = signed.read_any(&identity, &members)?;
            let Body::Answer(answer) = read.body else {
                return Err(Refusal::new(format!("a message of {} is no answer", read.from)));
            };
            if read.session != session {
                return Err(Refusal::new(format!("a message of {} is of another session", read.from)));
            }
            if told.insert(read.from.clone(), *answer).is_some() {
                return Err(Refusal::new(format!("{} answered twice", read.from)));
            }
        }
        Ok(told)
    }

    /// A step of a helper. One that fails ends it.
    fn helping(
        &self,
        message: &Message,
        step: impl FnOnce(&mut Helping, &str, &str, &str) -> Result<Answer, Refusal>,
    ) -> Result<Answer, Refusal> {
        let gone = || {
            Refusal::new(format!(
                "session {} is unknown here: it ended, or this primer was restarted",
                message.session
            ))
        };
        let taken = match self.sessions().get(&message.session).map(|session| &mut session.part) {
            Some(Part::Act(acting)) => {
                let decision = std::mem::replace(&mut acting.decision, Decision::Over);
                (decision, acting.act.clone())
            }
            _ => return Err(gone()),
        };
        let (Decision::Helping(mut helping), Act::Repair { lost, name, recipient }) = taken else {
            return Err(gone());
        };
        let answer = step(&mut helping, &lost, &name, &recipient)?;
        if let Some(Part::Act(acting)) = self.sessions().get(&message.session).map(|one| &mut one.part) {
            acting.decision = Decision::Helping(helping);
        }
        Ok(answer)
    }

    /// These help: give each of them its part.
    pub fn give_deltas(&self, message: &Message, helps: &[Signed]) -> Result<Answer, Refusal> {
        let told = self.told(&message.session, helps)?;
        self.helping(message, |helping, lost, name, _| {
            // Once only: two sets of values for other helpers would tell more than one.
            if !helping.own.is_empty() {
                return Err(Refusal::new("the values of this session were given out already"));
            }
            helping.helpers = told.keys().cloned().collect();
            let mut packages: BTreeMap<String, Values> = BTreeMap::new();
            for record in &helping.records {
                let lost = place(record, lost, name)?;
                let split = match record.kind {
                    Kind::Root => split::<Signing>(record, &helping.key, &helping.helpers, lost)?,
                    Kind::Backup => split::<Decryption>(record, &helping.key, &helping.helpers, lost)?,
                };
                for (addressee, delta) in split {
                    packages.entry(addressee).or_default().insert(record.name(), delta);
                }
            }
            helping.own = packages.remove(&self.config.node).unwrap_or_default();
            let mut sealed = BTreeMap::new();
            for (addressee, values) in &packages {
                let Some(Answer::Helps { recipient, .. }) = told.get(addressee) else {
                    return Err(Refusal::new(format!("{addressee} does not help")));
                };
                sealed.insert(addressee.clone(), seal(recipient, values)?);
            }
            Ok(Answer::Deltas { packages: sealed })
        })
    }

    /// These are everybody's parts: give the sum of those for this primer to the new one.
    pub fn give_sigma(&self, message: &Message, deltas: &[Signed]) -> Result<Answer, Refusal> {
        let told = self.told(&message.session, deltas)?;
        self.helping(message, |helping, lost, name, recipient| {
            if helping.helpers != told.keys().cloned().collect() {
                return Err(Refusal::new("the values are not those of the helpers that were named"));
            }
            let own = &self.config.node;
            let mut given = BTreeMap::from([(own.clone(), std::mem::take(&mut helping.own))]);
            for (from, answer) in told.iter().filter(|(from, _)| *from != own) {
                let Answer::Deltas { packages } = answer else {
                    return Err(Refusal::new(format!("{from} sent no values")));
                };
                let sealed =
                    packages.get(own).ok_or_else(|| Refusal::new(format!("{from} sent nothing to {own}")))?;
                given.insert(from.clone(), open(&helping.ephemeral, from, sealed)?);
            }
            let mut sums = Values::new();
            for record in &helping.records {
                let sum = match record.kind {
                    Kind::Root => sum::<Signing>(record, &given)?,
                    Kind::Backup => sum::<Decryption>(record, &given)?,
                };
                sums.insert(record.name(), sum);
            }
            let sealed = seal(recipient, &sums)?;
            Ok(Answer::Sigma { lost: lost.to_owned(), name: name.to_owned(), sealed })
        })
    }

    /// As many as a quorum needs gave their part to the new one: from now on it has the lost one's place.
    pub fn seat(&self, message: &Message, sigmas: &[Signed]) -> Result<Answer, Refusal> {
        let told = self.told(&message.session, sigmas)?;
        let inner = self.inner();
        let pin = inner.begun()?.members.get(&message.from).map(|member| member.key.pin());
        let pin = pin.ok_or_else(|| Refusal::new(format!("{} has not joined", message.from)))?;
        let Some(Answer::Sigma { lost, .. }) = told.values().next() else {
            return Err(Refusal::new("nobody gave a part"));
        };
        let same = |answer: &Answer| matches!(answer, Answer::Sigma { lost: one, name, .. } if one == lost && *name == message.from);
        if told.len() < self.quorum() || !told.values().all(same) {
            return Err(Refusal::new("fewer than a quorum gave a part"));
        }
        for record in groups::all(&inner.store)? {
            if told.keys().all(|helper| record.member(helper).is_some())
                && let Some(seated) = seated(&record, lost, &message.from, &pin)
            {
                groups::replace(&inner.store, &seated)?;
                // New shares of which the lost one had its own.
                groups::keep_new_shares(&inner.store, &seated.name(), &[])?;
            }
        }
        drop(inner);
        if let Some(session) = self.sessions().get(&message.session) {
            session.part = Part::None;
        }
        eprintln!("{} has the place of {lost}", message.from);
        Ok(Answer::Done)
    }
}

/// The same group, with the new one in the place of the lost one; none if there is nothing to change.
fn seated(record: &Record, lost: &str, name: &str, pin: &str) -> Option<Record> {
    record.member(lost)?;
    let mut record = record.clone();
    for seat in record.seats.iter_mut().filter(|seat| seat.name == lost) {
        *seat = Seat { name: name.to_owned(), pin: pin.to_owned() };
    }
    Some(record)
}
