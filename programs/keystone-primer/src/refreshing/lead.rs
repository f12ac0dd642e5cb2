//! Leading a refresh, and ending one that was begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keystone_protector::Unlock;
use serde_json::{Value, json};

use super::all_declared;
use crate::act::Act;
use crate::ceremony::{Ceremony, messages};
use crate::control::Notes;
use crate::groups::{self, Kind, Record};
use crate::message::Signed;
use crate::peers::Pong;
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::session::Question;

const ENTRY: &str = "refresh";

impl Primer {
    /// Leads a refresh of every key of which this primer has a share. One that was begun is brought to its end instead.
    pub fn refresh(self: &Arc<Self>, unlock: Option<&Unlock>, tell: Notes<'_>) -> Result<Value, Refusal> {
        let before = groups::fingerprints(&self.inner().store)?;
        if before.is_empty() {
            groups::needed(&self.inner().store, Kind::Root)?;
        }
        // Over a network this primer learns here what it missed itself.
        let network: Vec<String> = self.others()?.into_iter().filter(|name| !self.by_stick(name)).collect();
        let mut pongs = BTreeMap::new();
        for (name, pong) in self.ask_all(&network, Self::ping) {
            let pong = pong.map_err(|refusal| {
                Refusal::new(format!("a refresh needs all primers, and not {name}: {}", refusal.message))
                    .fix("start it, and run this again: keystone-primer refresh")
            })?;
            pongs.insert(name, pong);
        }
        let records: Vec<Record> = groups::all(&self.inner().store)?
            .into_iter()
            .filter(|record| record.destroyed.is_none())
            .collect();
        let late = self.end_of_others(&records, &pongs, tell)?;
        let missed = groups::fingerprints(&self.inner().store)? != before;
        if missed || !late.is_empty() {
            let late: Vec<String> =
                late.into_iter().chain(missed.then(|| self.config.node.clone())).collect();
            let names: Vec<String> = records.iter().map(Record::name).collect();
            let details = json!({ "keys": names, "late": late, "ended": true });
            let summary =
                format!("a refresh came to its end: {} uses its new share, too", late.join(" and "));
            self.record(ENTRY, &summary, details)?;
            return Ok(json!({
                "keys": names, "ended": true, "late": late, "missing": [], "quorum": self.config.quorum_size,
                "lab": self.config.lab(),
            }));
        }
        self.refresh_anew(&records, unlock, tell)
    }

    /// Those who missed the end of the last refresh are told now. Whoever has another share is named.
    fn end_of_others(
        self: &Arc<Self>,
        records: &[Record],
        pongs: &BTreeMap<String, Pong>,
        tell: Notes<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let mut late = BTreeSet::new();
        for record in records {
            for (name, pong) in pongs {
                let theirs = pong.groups.get(&record.name());
                if theirs == Some(&record.fingerprint) {
                    continue;
                }
                let missed = record.refreshed.as_ref().filter(|one| theirs == Some(&one.before));
                if let Some(refreshed) = missed {
                    let stored = refreshed.stored.clone();
                    Ceremony::begin(self)?.ask(name, Question::RefreshUse { stored })?;
                    tell(format!("{name} uses its new share of {}", record.name()));
                    late.insert(name.clone());
                } else if let Some(theirs) = theirs {
                    self.same_description(name, &record.name(), theirs)?;
                }
            }
        }
        Ok(late.into_iter().collect())
    }

    fn refresh_anew(
        self: &Arc<Self>,
        records: &[Record],
        unlock: Option<&Unlock>,
        tell: Notes<'_>,
    ) -> Result<Value, Refusal> {
        for record in records {
            all_declared(self, record)?;
        }
        let first = records.first().ok_or_else(|| Refusal::new("there is no key to refresh"))?;
        let keys: BTreeMap<String, String> =
            records.iter().map(|record| (record.name(), record.fingerprint.clone())).collect();
        let act = Act::Refresh { keys: keys.clone() };
        let agreed = self.propose(first, first.seats.len(), &act, &BTreeSet::new(), unlock, tell)?;
        let names: Vec<String> = first.seats.iter().map(|seat| seat.name.clone()).collect();
        let firsts: Vec<Signed> =
            agreed.answers.values().filter_map(|said| serde_json::from_str(said.first()?).ok()).collect();
        let ceremony = &agreed.ceremony;
        let stored = exchange_shares(ceremony, &names, &firsts).inspect_err(|_| {
            // What the others have in memory for it is worth nothing any more.
            ceremony.tell_each(&names, &[]);
        })?;
        // This primer first: from here on the proof is on a disk, and is shown to whoever asks.
        self.use_refreshed(&stored)?;
        let own = &self.config.node;
        let others: Vec<String> = names.iter().filter(|name| *name != own).cloned().collect();
        let told = ceremony.try_each(&others, &|| Question::RefreshUse { stored: stored.clone() });
        let missing: Vec<String> =
            told.into_iter().filter(|(_, answer)| answer.is_err()).map(|(name, _)| name).collect();
        ceremony.tell_each(&names, &[]);
        let made = groups::fingerprints(&self.inner().store)?;
        let changes: BTreeMap<&String, Value> = keys
            .iter()
            .map(|(name, before)| (name, json!({ "before": before, "after": made.get(name) })))
            .collect();
        let list: Vec<String> = keys.keys().cloned().collect();
        let details =
            json!({ "keys": changes, "by": names, "session": ceremony.session, "missing": missing });
        let summary = format!(
            "{} have new shares of {}; the keys are the same, and as many old shares as a quorum still make them",
            names.join(", "),
            list.join(" and ")
        );
        self.record(ENTRY, &summary, details)?;
        Ok(json!({
            "keys": list, "ended": false, "by": names, "missing": missing, "quorum": self.config.quorum_size,
            "lab": self.config.lab(),
        }))
    }
}

/// The rounds, until every primer signed that its new shares are on its disk.
fn exchange_shares(ceremony: &Ceremony, names: &[String], firsts: &[Signed]) -> Result<Vec<Signed>, Refusal> {
    let echoes = messages(ceremony.ask_each(names, &|| Question::RefreshEcho { firsts: firsts.to_vec() })?);
    let seconds =
        messages(ceremony.ask_each(names, &|| Question::RefreshExchange { echoes: echoes.clone() })?);
    Ok(messages(ceremony.ask_each(names, &|| Question::RefreshStore { seconds: seconds.clone() })?))
}
