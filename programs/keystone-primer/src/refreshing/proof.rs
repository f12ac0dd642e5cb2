//! When a new share takes the place of an old one: what every primer signed is the proof that all have theirs.
//!
//! A primer signs that it keeps a new share only while it uses the old one, and keeps every one of them until it has the proof
//! for the last. So two primers never come to use shares of different refreshes, whoever is killed and whatever comes late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use crate::act::Act;
use crate::clock;
use crate::groups::{self, Record, Refreshed};
use crate::message::{Body, Signed};
use crate::peers::{Pong, Reply, Request};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::session::{Answer, Change};
use crate::state::{Identity, Members};
use crate::transcript;

/// What all who have a share of these groups signed, where all signed the same.
fn proven(
    identity: &Identity,
    members: &Members,
    records: &[Record],
    stored: &[Signed],
) -> Result<BTreeMap<String, Change>, Refusal> {
    let mut agreed: Option<BTreeMap<String, Change>> = None;
    let mut seen = BTreeSet::new();
    for signed in stored {
        let read = signed.read_any(identity, members)?;
        let Body::Answer(answer) = read.body else {
            return Err(Refusal::new(format!("a message of {} is no answer", read.from)));
        };
        let Answer::RefreshStored { keys } = *answer else {
            return Err(Refusal::new(format!("a message of {} is about no refresh", read.from)));
        };
        match &agreed {
            Some(said) if *said != keys => {
                return Err(Refusal::new(format!(
                    "{} has new shares of another key than others; none is used",
                    read.from
                ))
                .fix("begin anew: keystone-primer refresh"));
            }
            _ => agreed = Some(keys),
        }
        seen.insert(read.from);
    }
    let agreed = agreed.unwrap_or_default();
    for record in records.iter().filter(|record| agreed.contains_key(&record.name())) {
        let missing = record.seats.iter().find(|seat| !seen.contains(&seat.name));
        if let Some(seat) = missing {
            return Err(Refusal::new(format!("{} has no new share of {} yet", seat.name, record.name())));
        }
    }
    Ok(agreed)
}

impl Primer {
    /// Uses new shares of which all primers signed that they are kept, and destroys the old ones. Gives those that are used
    /// from now on.
    pub fn use_refreshed(&self, stored: &[Signed]) -> Result<Vec<String>, Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        let all = groups::all(&inner.store)?;
        let changes = proven(&state.identity, &state.members, &all, stored)?;
        if changes.is_empty() {
            return Err(Refusal::new("nobody has a new share"));
        }
        let mut used = Vec::new();
        for (name, change) in &changes {
            let record = all.iter().find(|record| record.name() == *name && record.destroyed.is_none());
            let Some(record) = record else { continue };
            if record.fingerprint == change.after {
                continue;
            }
            let mut kept = groups::new_shares(&inner.store, name)?;
            let place = kept.iter().position(|one| one.fingerprint == change.after);
            let Some(place) = place.filter(|_| record.fingerprint == change.before) else {
                return Err(older(name, &state.identity.name));
            };
            let last = place + 1 == kept.len();
            let at = clock::now();
            let refreshed = Refreshed { at, before: change.before.clone(), stored: stored.to_vec() };
            let new = Record { refreshed: Some(refreshed), ..kept.remove(place) };
            // One that another refresh followed: somebody may use that one, so nothing is destroyed until the next.
            let left: Vec<Record> =
                if last { Vec::new() } else { kept.into_iter().chain([record.clone()]).collect() };
            if !last {
                groups::keep_new_shares(&inner.store, name, &left)?;
            }
            groups::replace(&inner.store, &new)?;
            if last {
                groups::keep_new_shares(&inner.store, name, &[])?;
            }
            used.push(name.clone());
        }
        if !used.is_empty() {
            let own = &state.identity.name;
            let summary = format!("{own} uses its new share of {}; the old one is gone", used.join(" and "));
            // The others see it with the next entry or status.
            transcript::append(
                &inner.store,
                &state.identity,
                &state.key,
                "share-refreshed",
                &summary,
                json!({ "keys": changes }),
                clock::now(),
            )?;
            eprintln!("{summary}");
        }
        Ok(used)
    }

    /// A primer that missed the end of a refresh: whoever uses the new share shows it what all signed.
    pub fn learn_refreshed(&self, name: &str, pong: &Pong) -> Result<(), Refusal> {
        let mut wanted = Vec::new();
        {
            let inner = self.inner();
            for key in pong.groups.keys() {
                let kept = groups::new_shares(&inner.store, key)?;
                if kept.iter().any(|one| pong.groups.get(key) == Some(&one.fingerprint)) {
                    wanted.push(key.clone());
                }
            }
        }
        for key in wanted {
            self.use_refreshed(&self.proof_of(name, &key)?)?;
        }
        Ok(())
    }

    /// Before this primer asks for anything that its share is needed for: did the others end a refresh without it?
    pub fn learn_missed(self: &Arc<Self>, key: &str) -> Result<(), Refusal> {
        if !groups::new_shares(&self.inner().store, key)?.is_empty() {
            self.ask_all(&self.others()?, Self::ping);
        }
        Ok(())
    }

    /// What all signed, from whoever uses the new share.
    fn proof_of(&self, name: &str, key: &str) -> Result<Vec<Signed>, Refusal> {
        match self.ask(name, &Request::Refreshed { key: key.to_owned() })? {
            Reply::Refreshed { stored } => Ok(stored),
            _ => Err(crate::peers::unexpected(name)),
        }
    }

    /// What all signed when this primer's share of a key was made.
    pub fn proof(&self, key: &str) -> Result<Vec<Signed>, Refusal> {
        let record = groups::named(&self.inner().store, key)?;
        Ok(record.and_then(|record| record.refreshed).map(|one| one.stored).unwrap_or_default())
    }

    /// Whether the one who asks means the same groups as this primer. If this one missed the end of a refresh it learns of it
    /// here; if one of both has an old share, it is named.
    pub fn same_descriptions(&self, from: &str, act: &Act, fingerprint: &str) -> Result<(), Refusal> {
        let keys = match act {
            Act::Certificates { generation, .. } => {
                BTreeMap::from([(format!("root-G{generation}"), fingerprint.to_owned())])
            }
            Act::Decrypt { generation, .. } => {
                BTreeMap::from([(format!("backup-G{generation}"), fingerprint.to_owned())])
            }
            Act::Refresh { keys } => keys.clone(),
            Act::Repair { .. } | Act::Rotate { .. } => BTreeMap::new(),
        };
        for (key, theirs) in &keys {
            self.same_description(from, key, theirs)?;
        }
        Ok(())
    }

    /// The same for one group.
    pub fn same_description(&self, other: &str, key: &str, theirs: &str) -> Result<(), Refusal> {
        let here = || groups::named(&self.inner().store, key);
        // That there is no such group here is said elsewhere.
        let Some(record) = here()? else { return Ok(()) };
        if record.fingerprint == theirs || record.destroyed.is_some() {
            return Ok(());
        }
        if let Some(refreshed) = &record.refreshed
            && refreshed.before == theirs
        {
            return Err(older(key, other));
        }
        // Only over a network; by stick the end of a refresh is carried like everything else.
        let proof =
            if self.by_stick(other) { Vec::new() } else { self.proof_of(other, key).unwrap_or_default() };
        if !proof.is_empty() {
            let kept = groups::new_shares(&self.inner().store, key)?;
            if kept.iter().any(|one| one.fingerprint == theirs) {
                self.use_refreshed(&proof)?;
            }
            if here()?.is_some_and(|record| record.fingerprint == theirs) {
                return Ok(());
            }
            let (identity, _, members) = self.whoami()?;
            let changes = proven(&identity, &members, std::slice::from_ref(&record), &proof)?;
            if changes.get(key).is_some_and(|one| one.before == record.fingerprint && one.after == theirs) {
                return Err(older(key, &identity.name));
            }
        }
        Err(Refusal::new(format!(
            "{other} and {} know {key} by different descriptions: the share of one of them is from before a refresh",
            self.config.node
        ))
        .fix("keystone-primer status, on all primers, and keystone-primer refresh, which ends one that was begun"))
    }
}

fn older(key: &str, name: &str) -> Refusal {
    Refusal::new(format!(
        "the share of {key} that {name} has is from before a refresh, and makes nothing with the new ones"
    ))
    .fix(format!(
        "keystone-primer refresh, on a primer with a new one, ends a refresh that {name} missed; if the folder of {name} is an \
         older copy, another machine takes its place: keystone-primer repair --lost {name}"
    ))
}
