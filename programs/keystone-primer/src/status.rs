//! `status`: who is there, what exists, what a quorum has to do and what not.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock;
use crate::counter::Age;
use crate::groups::{self, Kind};
use crate::peers::Pong;
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::transcript;

impl Primer {
    /// Waits until the keys exist and the root has its certificate.
    pub fn wait_for_keys(self: &Arc<Self>, seconds: u64) -> Result<Value, Refusal> {
        let until = Instant::now() + Duration::from_secs(seconds.min(86_400));
        let mut sessions = self.sessions();
        loop {
            let missing = {
                let inner = self.inner();
                match (
                    groups::present(&inner.store, Kind::Root)?,
                    groups::present(&inner.store, Kind::Backup)?,
                ) {
                    (Some(root), Some(_)) if rebuild::root(&inner.store, &root)?.is_some() => {
                        return Ok(json!({ "ok": true }));
                    }
                    (Some(_), Some(_)) => "the root has no certificate yet",
                    _ => "the keys do not exist yet",
                }
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Refusal::new(missing)
                    .fix("keystone-primer status, and keystone-primer pending on every primer"));
            }
            // Whatever changes is told, except by who stores a certificate without a session; and whoever was away when the
            // others finished is told by nobody. So who hears nothing for a while asks.
            let nap = left.min(Duration::from_secs(1));
            let (locked, silence) =
                self.changed.wait_timeout(sessions, nap).unwrap_or_else(PoisonError::into_inner);
            sessions = locked;
            if silence.timed_out() {
                drop(sessions);
                if let Ok(others) = self.others() {
                    self.ask_all(&others, Self::ping);
                }
                sessions = self.sessions();
            }
        }
    }

    /// How everybody is.
    pub fn status(self: &Arc<Self>, verify: bool) -> Result<Value, Refusal> {
        let (identity, key, members) = self.whoami()?;
        self.share_record();
        let pongs = self.ask_all(&self.others()?, Self::ping);
        let (own, replay, slots) = {
            let inner = self.inner();
            let replay =
                if verify { Some(transcript::replay(&inner.store, &identity, &members)?) } else { None };
            let slots = inner.begun()?.slots.as_ref().map(keystone_protector::Slots::wanting);
            (transcript::head(&inner.store, &identity.name)?, replay, slots)
        };
        let kept: Vec<groups::Record> = groups::all(&self.inner().store)?
            .into_iter()
            .filter(|record| record.destroyed.is_none())
            .collect();
        let keys: BTreeMap<String, &str> =
            kept.iter().map(|record| (record.name(), record.fingerprint.as_str())).collect();
        let refreshed: BTreeMap<String, u64> =
            kept.iter().filter_map(|record| Some((record.name(), record.refreshed.as_ref()?.at))).collect();
        // Older shares of the backup key open what was encrypted before, and nothing is encrypted to them any more.
        let mut decrypt_only: Vec<String> =
            kept.iter().filter(|record| record.kind == Kind::Backup).map(groups::Record::name).collect();
        decrypt_only.pop();
        let mut rolled_back = Vec::new();
        let mut primers = Vec::new();
        let mut healthy = 0;
        for name in self.config.peer_names() {
            let (state, fix) = match (members.get(&name), pongs.get(&name)) {
                _ if name == identity.name => (if slots.is_some() { "healthy" } else { "unprotected" }, None),
                (None, _) => ("not joined", Some(format!("keystone-primer token create {name}"))),
                (Some(_), Some(Ok(pong))) => {
                    if ahead(pong, &identity.name, &own) {
                        rolled_back.push(name.clone());
                    }
                    let skew = pong.time.abs_diff(clock::now());
                    if !pong.ready {
                        ("unprotected", Some(format!("on {name}: keystone-primer protector add passphrase")))
                    } else if skew > 300 {
                        ("clock differs", Some(format!("its clock is off by {skew} seconds")))
                    } else {
                        ("healthy", None)
                    }
                }
                (Some(_), Some(Err(refusal))) => ("unreachable", Some(refusal.message.clone())),
                (Some(_), None) => ("unreachable", None),
            };
            healthy += usize::from(state == "healthy");
            let member = members.get(&name);
            primers.push(json!({
                "name": name, "state": state, "detail": fix, "self": name == identity.name,
                "pin": member.map(|member| member.key.pin()), "endpoint": self.config.endpoint(&name),
            }));
        }
        let reachable = pongs.values().filter(|pong| pong.is_ok()).count();
        let age = self.age()?;
        let older = age == Age::RolledBack || !rolled_back.is_empty();
        let counted = match &age {
            Age::Uncounted => "there is no TPM counter".to_owned(),
            Age::Newest => "it is the state that this machine's TPM counted last".to_owned(),
            Age::RolledBack => "this state is older than what this machine's TPM counted".to_owned(),
            Age::Unknown(why) => format!("the TPM's counter says nothing ({why})"),
        };
        let rollback = match (rolled_back.is_empty(), reachable) {
            (false, _) => {
                format!("this state is older than what {} saw of it; {counted}", rolled_back.join(", "))
            }
            (true, _) if age == Age::RolledBack => counted,
            (true, 0) if age == Age::Newest => format!("none: {counted}"),
            (true, 0) => format!("not checkable: no other primer answers, and {counted}"),
            (true, n) => {
                format!("none: {n} other primers saw this state's last entry or an earlier one; {counted}")
            }
        };
        Ok(json!({
            "cluster": identity.cluster, "name": identity.name, "lab": identity.lab, "pin": key.public().pin(),
            "primers": primers, "healthy": healthy, "declared": self.config.peers.len(), "quorum": self.config.quorum_size,
            "keys": keys, "refreshed": refreshed, "decryptOnly": decrypt_only, "rollback": rollback, "rolledBack": older,
            "record": { "entries": own.number, "hash": own.hash }, "replay": replay,
            "protector": slots, "waiting": self.waiting().len(),
        }))
    }
}

/// Whether somebody saw more of this primer's record than it has itself.
fn ahead(pong: &Pong, name: &str, own: &transcript::Head) -> bool {
    pong.heads
        .get(name)
        .is_some_and(|seen| seen.number > own.number || (seen.number == own.number && seen.hash != own.hash))
}
