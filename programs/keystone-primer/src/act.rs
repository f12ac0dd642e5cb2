//! What a quorum does: sign certificates, open a backup. A custodian rebuilds what would be signed, says in words what it
//! is, and waits for its operator.

use std::collections::BTreeMap;
use std::fs;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::certificate::Certificate;
use keystone_pki::group::Signing;
use keystone_pki::group::sign::{Commitment, commit};
use keystone_protector::{ShareIdentity, SlotKind, Unlock};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock;
use crate::decrypting;
use crate::groups::{self, Kind};
use crate::message::Message;
use crate::primer::Primer;
use crate::rebuild::{self, Rebuilt};
use crate::refreshing;
use crate::refusal::Refusal;
use crate::repairing;
use crate::session::Answer;
use crate::sessions::{Acting, Decision, Part, Sessions};

/// How long a question waits for an operator before it is asked again; below the patience of a connection.
const LONG_POLL: Duration = Duration::from_secs(7);

/// What a quorum shall do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "kind")]
pub enum Act {
    /// Sign certificates, all of them at once.
    Certificates {
        /// The generation of the root that signs.
        generation: u32,
        /// They.
        requests: Vec<keystone_pki::request::Request>,
        /// What the one who asks would have signed, in base64: it is compared, and never signed.
        claimed: Vec<String>,
        /// Why, as the one who asks says it.
        reason: String,
    },
    /// Open a backup for the one who asks.
    Decrypt {
        /// The generation of the backup key to which it is encrypted.
        generation: u32,
        /// The whole header of the age file, in base64.
        header: String,
        /// Which of its stanzas: one for each approval.
        stanza: usize,
        /// What the file is, as the one who asks says it: nothing proves that.
        claimed: String,
        /// To whom the partial decryption is encrypted.
        recipient: String,
    },
    /// Let another machine take the place of a primer that is lost.
    Repair {
        /// The lost one.
        lost: String,
        /// The new one, which asks.
        name: String,
        /// To whom the repaired share is encrypted, in this session only.
        recipient: String,
    },
    /// Give every primer a new share of the same keys.
    Refresh {
        /// Which keys, each with the fingerprint of its description.
        keys: BTreeMap<String, String>,
    },
    /// Take a step of the rotation of keys.
    Rotate {
        /// Which.
        stage: Stage,
        /// The new generation of each key.
        keys: BTreeMap<Kind, u32>,
        /// Why, as the one who asks says it.
        reason: String,
    },
}

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Make the new keys.
    Generate,
    /// Let the new root sign.
    Issue,
    /// Destroy the shares of the generations before.
    Drop,
}

/// An act that may be approved without a person in a lab, and never elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dangerous {
    /// Certificates of the root and of intermediates.
    CertificateAuthorities,
    /// Opening a backup.
    Decryption,
    /// Rotation of keys.
    Rotation,
    /// Giving the share of a lost primer to another.
    Repair,
    /// New shares of the same keys.
    Refresh,
}

/// What is approved without a person. Without a file nothing is; in a lab without one, everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Policy {
    /// Profiles of certificates.
    pub unattended_profiles: Vec<String>,
    /// What only a lab may approve without a person.
    pub unattended_acts: Vec<Dangerous>,
}

impl Policy {
    /// Everything, as labs have it.
    fn everything() -> Self {
        let profiles = keystone_pki::profile::PROFILES.iter().map(|profile| profile.name.to_owned());
        Self {
            unattended_profiles: profiles.collect(),
            unattended_acts: vec![
                Dangerous::CertificateAuthorities,
                Dangerous::Decryption,
                Dangerous::Rotation,
                Dangerous::Repair,
                Dangerous::Refresh,
            ],
        }
    }
}

/// An act that waits for its operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The session.
    pub id: String,
    /// Who asks.
    pub from: String,
    /// Since when.
    pub since: u64,
    /// What would be signed or opened, in words.
    pub summary: Vec<String>,
}

impl Primer {
    /// A custodian gets to know of an act.
    pub fn consider(&self, message: &Message, act: &Act, fingerprint: &str) -> Result<Answer, Refusal> {
        if let Act::Repair { name, .. } = act
            && *name != message.from
        {
            return Err(Refusal::new(format!("{} asks for a share of {name}", message.from)));
        }
        self.same_descriptions(&message.from, act, fingerprint)?;
        let Rebuilt { messages, summary, unattended } = rebuild::rebuild(self, act)?;
        let acting =
            Acting { act: act.clone(), summary, messages, since: clock::now(), decision: Decision::Open };
        if let Some(session) = self.sessions().get(&message.session) {
            session.part = Part::Act(Box::new(acting));
        }
        self.changed.notify_all();
        // A policy is worth nothing where no slot opens by itself: then a person is asked after all.
        if unattended && let Ok(unlock) = self.unattended() {
            self.approve(&message.session, &unlock)?;
        } else {
            eprintln!(
                "{} asks for session {}; look at it: keystone-primer pending",
                message.from, message.session
            );
        }
        decided(&mut self.sessions(), &message.session).map(|answer| answer.unwrap_or(Answer::Pending))
    }

    /// A custodian tells what its operator decided, as soon as he did.
    pub fn poll(&self, message: &Message) -> Result<Answer, Refusal> {
        let until = Instant::now() + LONG_POLL;
        let mut sessions = self.sessions();
        loop {
            if let Some(answer) = decided(&mut sessions, &message.session)? {
                return Ok(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Answer::Pending);
            }
            sessions = self.changed.wait_timeout(sessions, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What was decided in a session, if anything was.
    pub fn decision(&self, session: &str) -> Result<Option<Answer>, Refusal> {
        decided(&mut self.sessions(), session)
    }

    /// What waits for its operator here.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut waiting: Vec<Waiting> = self
            .sessions()
            .acts()
            .filter(|(_, _, acting)| matches!(acting.decision, Decision::Open))
            .map(|(id, from, acting)| Waiting {
                id: id.clone(),
                from: from.clone(),
                since: acting.since,
                summary: acting.summary.clone(),
            })
            .collect();
        waiting.sort_by_key(|act| act.since);
        waiting
    }

    /// The operator agrees, and opens the protector for it.
    pub fn approve(&self, id: &str, unlock: &Unlock) -> Result<Vec<String>, Refusal> {
        let (from, act, count, summary) = {
            let mut sessions = self.sessions();
            let found = sessions.acts().find(|(session, ..)| *session == id);
            let (_, from, acting) = found.ok_or_else(|| unknown(id))?;
            if !matches!(acting.decision, Decision::Open) {
                return Err(Refusal::new(format!("session {id} was decided already")));
            }
            (from.clone(), acting.act.clone(), acting.messages.len(), acting.summary.clone())
        };
        let key = self.unlock(unlock)?;
        let decision = match &act {
            Act::Certificates { generation, .. } => {
                let record = groups::of(&self.inner().store, Kind::Root, *generation)?;
                let share = record.share::<Signing>(&key)?;
                let (mut nonces, mut commitments) = (Vec::new(), Vec::new());
                for _ in 0..count {
                    let (nonce, commitment) = commit(&share, &mut OsRng);
                    nonces.push(nonce);
                    commitments.push(STANDARD.encode(commitment.to_bytes()));
                }
                Decision::Committed { nonces, share: Box::new(share), commitments }
            }
            Act::Decrypt { generation, header, stanza, recipient, .. } => {
                Decision::Opened(decrypting::partial(self, &key, *generation, header, *stanza, recipient)?)
            }
            Act::Repair { lost, name, .. } => {
                let helping = repairing::help(self, key, lost, name)?;
                self.decide_on(id, helping);
                return Ok(summary);
            }
            Act::Refresh { keys } => refreshing::agree(self, &key, keys)?,
            Act::Rotate { stage, keys, .. } => {
                self.agree_to_rotation(&from, *stage, keys)?;
                Decision::Agreed
            }
        };
        drop(key);
        self.decide_on(id, decision);
        Ok(summary)
    }

    fn decide_on(&self, id: &str, decision: Decision) {
        if let Some((_, _, acting)) = self.sessions().acts().find(|(session, ..)| *session == id) {
            acting.decision = decision;
        }
        self.changed.notify_all();
    }

    /// The operator refuses.
    pub fn deny(&self, id: &str, reason: &str) -> Result<(), Refusal> {
        let mut sessions = self.sessions();
        let (_, _, acting) =
            sessions.acts().find(|(session, ..)| *session == id).ok_or_else(|| unknown(id))?;
        if !matches!(acting.decision, Decision::Open) {
            return Err(Refusal::new(format!("session {id} was decided already")));
        }
        acting.decision = Decision::Denied(reason.to_owned());
        drop(sessions);
        self.changed.notify_all();
        Ok(())
    }

    /// The second round: the nonces are used up, whatever comes out.
    pub fn sign_part(
        &self,
        message: &Message,
        theirs: &BTreeMap<String, Vec<String>>,
    ) -> Result<Answer, Refusal> {
        let (generation, messages, nonces, share) = {
            let mut sessions = self.sessions();
            let Some(Part::Act(acting)) = sessions.get(&message.session).map(|session| &mut session.part)
            else {
                return Err(unknown(&message.session));
            };
            let Decision::Committed { nonces, share, .. } =
                std::mem::replace(&mut acting.decision, Decision::Over)
            else {
                return Err(Refusal::new(format!(
                    "session {} is not at the point of signing",
                    message.session
                )));
            };
            let Act::Certificates { generation, .. } = acting.act else {
                return Err(Refusal::new(format!("session {} is about no signature", message.session)));
            };
            (generation, acting.messages.clone(), nonces, share)
        };
        let record = groups::of(&self.inner().store, Kind::Root, generation)?;
        let group = record.group::<Signing>()?;
        let mut partials = Vec::new();
        for (place, (text, nonces)) in messages.iter().zip(nonces).enumerate() {
            let mut commitments = BTreeMap::new();
            for (name, list) in theirs {
                let bytes = list.get(place).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
                let commitment = Commitment::from_bytes(&bytes)
                    .map_err(|error| Refusal::new(format!("the commitment of {name}: {error}")))?;
                let member = record
                    .member(name)
                    .ok_or_else(|| Refusal::new(format!("{name} has no share of this key")))?;
                commitments.insert(member, commitment);
            }
            let partial = nonces
                .sign(&share, &group, text, &commitments)
                .map_err(|error| Refusal::new(format!("this primer does not sign: {error}")))?;
            partials.push(STANDARD.encode(partial.to_bytes()));
        }
        Ok(Answer::Partials { partials })
    }

    /// It is over: what came out is looked at, and what is left in memory goes.
    pub fn conclude(&self, message: &Message, certificates: &[String]) -> Result<Answer, Refusal> {
        let mut expected = Vec::new();
        if let Some(session) = self.sessions().get(&message.session)
            && let Part::Act(acting) = std::mem::replace(&mut session.part, Part::None)
        {
            expected = acting.messages;
        }
        for pem in certificates {
            let wrong =
                |reason: &str| Refusal::new(format!("{} signed something else: {reason}", message.from));
            let certificate = Certificate::from_pem(pem).map_err(|error| wrong(&error.to_string()))?;
            if !expected.iter().any(|text| text == certificate.tbs()) {
                return Err(wrong(&certificate.contents().subject.to_string()));
            }
            let contents = certificate.contents();
            if contents.subject == contents.issuer {
                rebuild::keep_root(&self.inner().store, pem)?;
            }
        }
        self.changed.notify_all();
        Ok(Answer::Done)
    }

    /// Opens the share identity, for as long as the caller holds it.
    pub fn unlock(&self, unlock: &Unlock) -> Result<ShareIdentity, Refusal> {
        let slots = self.inner().begun()?.slots.clone();
        // Without the lock: a passphrase takes a second.
        let slots =
            slots.ok_or_else(|| groups::recipient(None).err().unwrap_or_else(|| Refusal::new("no slots")))?;
        Ok(slots.open(None, unlock)?)
    }

    /// What opens without a person here.
    pub fn unattended(&self) -> Result<Unlock, Refusal> {
        let inner = self.inner();
        let slots = inner.begun()?.slots.as_ref();
        let kinds: Vec<SlotKind> = slots
            .map(|slots| slots.all().iter().map(keystone_protector::Slot::kind).collect())
            .unwrap_or_default();
        if kinds.contains(&SlotKind::File) {
            return Ok(Unlock::File);
        }
        if kinds.contains(&SlotKind::Tpm2) {
            return Ok(Unlock::Tpm2);
        }
        Err(Refusal::new("no slot of this primer opens without a person")
            .fix("approve by hand: keystone-primer pending, then keystone-primer approve ID"))
    }

    /// What may be approved without a person.
    pub fn policy(&self) -> Result<Policy, Refusal> {
        let Some(path) = &self.config.policy else {
            return Ok(if self.config.lab() { Policy::everything() } else { Policy::default() });
        };
        let text = fs::read_to_string(path).map_err(|error| Refusal::file("read", path, &error))?;
        let policy: Policy = serde_json::from_str(&text)
            .map_err(|error| Refusal::new(format!("`{}` is no policy: {error}", path.display())))?;
        if !self.config.lab() && !policy.unattended_acts.is_empty() {
            return Err(Refusal::new(format!(
                "`{}` would approve certificate authorities, decryption, rotation, repair or refresh without a person, which only a lab may",
                path.display()
            ))
            .fix("take `unattendedActs` out of it"));
        }
        Ok(policy)
    }

    /// Writes down that an act was refused.
    pub fn record_denial(
        self: &std::sync::Arc<Self>,
        id: &str,
        summary: &[String],
        reason: &str,
    ) -> Result<(), Refusal> {
        let text = format!("refused: {} ({reason})", summary.join("; "));
        self.record("denial", &text, json!({ "session": id, "reason": reason, "summary": summary }))
    }
}

fn decided(sessions: &mut Sessions, session: &str) -> Result<Option<Answer>, Refusal> {
    let Some(Part::Act(acting)) = sessions.get(session).map(|session| &session.part) else {
        return Err(unknown(session));
    };
    Ok(match &acting.decision {
        Decision::Open => None,
        Decision::Denied(reason) => Some(Answer::Denied { reason: reason.clone() }),
        Decision::Committed { commitments, .. } => {
            Some(Answer::Committed { commitments: commitments.clone() })
        }
        Decision::Helping(helping) => Some(helping.answer()),
        Decision::Refreshing(refreshing) => Some(refreshing.answer()),
        Decision::Agreed => Some(Answer::Agreed),
        Decision::Opened(partial) => Some(Answer::Opened { partial: partial.clone() }),
        Decision::Over => return Err(unknown(session)),
    })
}

#[cfg(test)]
mod tests;

fn unknown(session: &str) -> Refusal {
    Refusal::new(format!("session {session} is unknown here: it ended, or this primer was restarted"))
        .fix("keystone-primer pending")
}
