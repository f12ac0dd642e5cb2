//! What has to be right on the primers before this one is switched off, as far as primers know it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock;
use crate::groups::{self, Kind};
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::token;
use crate::transcript;

/// The kind of the record's entry about it.
const KIND: &str = "prepared-offline";

/// Of the transfer of leadership: its file, and the kind and summary of the record's entry at its end.
pub const HANDOFF: (&str, &str, &str) = ("handoff.json", "handoff", "the transfer of leadership is over");
/// Of a recovery of etcd.
pub const RECOVERY: (&str, &str, &str) = ("recovery.json", "recovery", "a recovery of etcd is over");

impl Primer {
    /// Every point, each with whether it is done, and what to do where it is not.
    pub fn offline_points(self: &Arc<Self>) -> Result<Vec<Value>, Refusal> {
        let (identity, _, members) = self.whoami()?;
        self.share_record();
        let pongs = self.ask_all(&self.others()?, Self::ping);
        let mut points = Vec::new();
        let inner = self.inner();
        let state = inner.begun()?;

        let absent: Vec<String> =
            self.config.peer_names().into_iter().filter(|name| !members.contains_key(name)).collect();
        points.push(point(
            "all declared primers have joined",
            joined(&absent),
            "keystone-primer token create NAME",
        ));
        for kind in Kind::ALL {
            let there = groups::present(&inner.store, kind)?.is_some();
            let why = (!there).then(|| "it does not exist yet".to_owned());
            points.push(point(&format!("the {} key exists", kind.as_str()), why, "keystone-primer status"));
        }
        let certified = match groups::present(&inner.store, Kind::Root)? {
            Some(record) => rebuild::root(&inner.store, &record)?.is_some(),
            None => false,
        };
        let why = (!certified).then(|| "it was not signed yet".to_owned());
        points.push(point("the root has its certificate", why, "keystone-primer pending, on every primer"));

        let wanting = state.slots.as_ref().map_or_else(
            || vec!["nothing protects its shares yet".to_owned()],
            keystone_protector::Slots::wanting,
        );
        let protects = |name: &str| format!("{name} has two slots, and its recovery slot was seen to open");
        points.push(wants(&protects(&identity.name), &wanting, &identity.name));
        for (name, pong) in &pongs {
            points.push(match pong {
                Ok(pong) => wants(&protects(name), &pong.wanting, name),
                Err(refusal) => match prepared(&inner.store, name)? {
                    Some(at) => done(&format!("{name} is off; it was prepared {}", clock::shown(at))),
                    None => unknown(&protects(name), &refusal.message),
                },
            });
        }

        let now = clock::now();
        let tokens = token::all(&inner.store)?;
        let unused: Vec<String> = tokens
            .iter()
            .filter(|token| token.used.is_none() && !token.revoked && token.expiry > now)
            .map(|token| format!("{} of {}", token.id, token.name))
            .collect();
        let why = (!unused.is_empty()).then(|| unused.join(", "));
        points.push(point("no join token is open", why, "keystone-primer token revoke ID"));
        let replay = transcript::replay(&inner.store, &state.identity, &state.members)?;
        let why = (!replay.bad.is_empty()).then(|| replay.bad.join("; "));
        points.push(point("the record is whole", why, "keystone-primer status --verify, on all primers"));
        drop(inner);
        let asked = self.waiting().len();
        let why = (asked > 0).then(|| format!("{asked} wait"));
        points.push(point("nothing waits for approval here", why, "keystone-primer pending"));
        Ok(points)
    }

    /// A journal of the command line: what it is, or what it shall be.
    pub fn journal(
        self: &Arc<Self>,
        (file, kind, over): &(&str, &str, &str),
        journal: Option<Value>,
        end: bool,
    ) -> Result<Value, Refusal> {
        let Some(journal) = journal else {
            let inner = self.inner();
            inner.begun()?;
            return Ok(json!({ "journal": inner.store.load::<Value>(file)? }));
        };
        if end {
            self.record(kind, over, journal)?;
            self.inner().store.remove(file)?;
        } else {
            self.inner().store.save(file, &journal)?;
        }
        Ok(json!({ "journal": null }))
    }

    /// Writes down that this primer is about to go.
    pub fn record_offline(self: &Arc<Self>, details: Value) -> Result<Value, Refusal> {
        let name = self.config.node.clone();
        self.record(KIND, &format!("{name} may be switched off"), details)?;
        Ok(json!({ "name": name }))
    }
}

/// When a primer was made ready, if that was the last that it did.
fn prepared(store: &crate::store::Store, name: &str) -> Result<Option<u64>, Refusal> {
    let head = transcript::head(store, name)?;
    let Some(last) = transcript::entry(store, name, head.number)? else { return Ok(None) };
    let entry = last.read()?;
    Ok((entry.kind == KIND).then_some(entry.time))
}

fn joined(absent: &[String]) -> Option<String> {
    (!absent.is_empty()).then(|| format!("{} did not", absent.join(", ")))
}

fn done(what: &str) -> Value {
    json!({ "what": what, "state": "done" })
}

/// A point, open if there is a reason why.
pub fn point(what: &str, why: Option<String>, fix: &str) -> Value {
    match why {
        None => done(what),
        Some(why) => json!({ "what": what, "state": "open", "why": why, "fix": fix }),
    }
}

fn unknown(what: &str, why: &str) -> Value {
    json!({ "what": what, "state": "unknown", "why": why })
}

/// What a list of wants says, of which each has its command behind a colon.
fn wants(what: &str, wanting: &[String], name: &str) -> Value {
    if wanting.is_empty() {
        return done(what);
    }
    json!({ "what": what, "state": "open", "why": wanting.join("; "), "fix": format!("keystone-primer protector list, on {name}") })
}
