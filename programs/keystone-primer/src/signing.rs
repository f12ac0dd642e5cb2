//! The coordinator's side of a signature: ask everybody, take the first who agree, name who lies, write down what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::certificate::Certificate;
use keystone_pki::group::Signing;
use keystone_pki::group::sign::{Aggregation, Commitment, PartialSignature, SignError};
use keystone_pki::request::Request;
use keystone_protector::Unlock;
use serde_json::json;

use crate::act::Act;
use crate::ceremony::Ceremony;
use crate::clock;
use crate::groups::{self, Kind, Record};
use crate::node_key::random;
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::session::{Answer, Question};

/// What a primer answered to a proposal.
enum Vote {
    Committed(Vec<String>),
    Agreed,
    Opened(String),
    Waits,
    No(String),
}

/// A random number for a request.
pub fn nonce() -> Result<Vec<u8>, Refusal> {
    random::<16>().map(|bytes| bytes.to_vec())
}

/// Now, as requests have it.
pub fn not_before() -> i64 {
    i64::try_from(clock::now()).unwrap_or(i64::MAX)
}

/// Notes from another thread.
pub type Tell<'a> = &'a (dyn Fn(String) + Sync);

/// The answers of a quorum.
pub struct Agreed {
    /// The ceremony, which goes on.
    pub ceremony: Arc<Ceremony>,
    /// Commitments or partial decryptions, by primer.
    pub answers: BTreeMap<String, Vec<String>>,
}

impl Primer {
    /// Proposes an act to everybody who has a share, and waits until as many agreed as are needed.
    pub fn propose(
        self: &Arc<Self>,
        record: &Record,
        needed: usize,
        act: &Act,
        without: &BTreeSet<String>,
        unlock: Option<&Unlock>,
        tell: Tell<'_>,
    ) -> Result<Agreed, Refusal> {
        self.inner().store.has_room()?;
        let ceremony = Arc::new(Ceremony::begin(self)?);
        let names: Vec<String> = record
            .seats
            .iter()
            .map(|seat| seat.name.clone())
            .filter(|name| !without.contains(name))
            .collect();
        for name in names.iter().filter(|name| self.by_stick(name)) {
            tell(format!(
                "carry a stick to {name}: keystone-primer session export --to {name} --output FILE"
            ));
        }
        let over = Arc::new(AtomicBool::new(false));
        let (sender, votes) = mpsc::channel();
        for name in &names {
            let (ceremony, over, sender, name, act) =
                (Arc::clone(&ceremony), Arc::clone(&over), sender.clone(), name.clone(), act.clone());
            let fingerprint = record.fingerprint.clone();
            thread::spawn(move || {
                let mut question = Question::Propose { act, fingerprint };
                loop {
                    let vote = match ceremony.ask(&name, question) {
                        Ok((Answer::Committed { commitments }, _)) => Vote::Committed(commitments),
                        Ok((Answer::Opened { partial }, _)) => Vote::Opened(partial),
                        Ok((Answer::Agreed, _)) => Vote::Agreed,
                        // Whoever asked shows it to the others, with its signature.
                        Ok((Answer::Helps { .. } | Answer::Refreshes { .. }, signed)) => {
                            match serde_json::to_string(&signed) {
                                Ok(text) => Vote::Committed(vec![text]),
                                Err(error) => Vote::No(error.to_string()),
                            }
                        }
                        Ok((Answer::Denied { reason }, _)) => Vote::No(format!("refused: {reason}")),
                        Ok((Answer::Pending, _)) => Vote::Waits,
                        Ok(_) => Vote::No("gave an answer to another question".to_owned()),
                        Err(refusal) => Vote::No(refusal.message),
                    };
                    let waits = matches!(vote, Vote::Waits);
                    if sender.send((name.clone(), vote)).is_err() || !waits || over.load(Ordering::Relaxed) {
                        return;
                    }
                    question = Question::Poll;
                }
            });
        }
        drop(sender);
        let gathered = self.gather(record, &ceremony, &votes, needed, &names, unlock, tell);
        over.store(true, Ordering::Relaxed);
        ceremony.give_up();
        if gathered.is_err() {
            ceremony.tell_each(&names, &[]);
        }
        Ok(Agreed { answers: gathered?, ceremony })
    }

    #[allow(clippy::too_many_arguments, reason = "the inside of `propose`")]
    fn gather(
        &self,
        record: &Record,
        ceremony: &Ceremony,
        votes: &mpsc::Receiver<(String, Vote)>,
        needed: usize,
        names: &[String],
        unlock: Option<&Unlock>,
        tell: Tell<'_>,
    ) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
        let (mut yes, mut no) = (BTreeMap::new(), BTreeMap::new());
        let mut told = BTreeSet::new();
        while yes.len() < needed {
            if names.len() - no.len() < needed {
                let reasons: Vec<String> =
                    no.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
                return Err(Refusal::new(format!(
                    "{needed} of {} primers must agree, and they do not: {}",
                    record.seats.len(),
                    reasons.join("; ")
                ))
                .fix("keystone-primer status"));
            }
            let Ok((name, vote)) = votes.recv() else {
                return Err(Refusal::new("nobody answers any more").fix("keystone-primer status"));
            };
            match vote {
                Vote::Committed(commitments) => {
                    yes.insert(name, commitments);
                }
                Vote::Agreed => {
                    yes.insert(name, Vec::new());
                }
                Vote::Opened(partial) => {
                    yes.insert(name, vec![partial]);
                }
                Vote::No(reason) => {
                    tell(format!("{name}: {reason}"));
                    no.insert(name, reason);
                }
                Vote::Waits => {
                    if name == self.config.node
                        && let Some(unlock) = unlock
                        && told.insert(name.clone())
                    {
                        // Whoever asks on this machine is its operator.
                        self.approve(&ceremony.session, unlock)?;
                    } else if told.insert(name.clone()) {
                        tell(format!(
                            "waiting for {name}: on it, keystone-primer approve {}",
                            ceremony.session
                        ));
                    }
                }
            }
        }
        Ok(yes)
    }

    /// Has certificates signed by a generation of the root, and gives them out verified.
    pub fn sign(
        self: &Arc<Self>,
        generation: u32,
        requests: &[Request],
        reason: &str,
        unlock: Option<&Unlock>,
        tell: Tell<'_>,
    ) -> Result<Vec<Certificate>, Refusal> {
        self.learn_missed(&format!("root-G{generation}"))?;
        let record = groups::of(&self.inner().store, Kind::Root, generation)?;
        let rebuilt = self.rebuilt(generation, requests)?;
        let act = Act::Certificates {
            generation,
            requests: requests.to_vec(),
            claimed: rebuilt.iter().map(|one| STANDARD.encode(one.bytes())).collect(),
            reason: reason.to_owned(),
        };
        let group = record.group::<Signing>()?;
        let mut without = BTreeSet::new();
        let (agreed, signatures) = loop {
            let agreed = self.propose(&record, self.quorum(), &act, &without, unlock, tell)?;
            let messages: Vec<&[u8]> = rebuilt.iter().map(keystone_pki::request::Rebuilt::bytes).collect();
            match second_round(&record, &group, &messages, &agreed) {
                Ok(signatures) => break (agreed, signatures),
                Err(Failed::Liar(name, reason)) => {
                    tell(format!("{name} {reason}; going on without it"));
                    let details =
                        json!({ "name": name, "reason": reason, "session": agreed.ceremony.session });
                    self.record("liar", &format!("{name} {reason}"), details)?;
                    without.insert(name);
                }
                Err(Failed::Other(refusal)) => return Err(refusal),
            }
        };
        let certificates: Vec<Certificate> = rebuilt
            .iter()
            .zip(&signatures)
            .map(|(one, signature)| rebuild::complete(one, signature))
            .collect::<Result<_, _>>()?;
        let pems: Vec<String> = certificates.iter().map(Certificate::pem).collect();
        let names: Vec<String> = record.seats.iter().map(|seat| seat.name.clone()).collect();
        agreed.ceremony.tell_each(&names, &pems);
        let signers: Vec<&String> = agreed.answers.keys().collect();
        let subjects: Vec<String> =
            certificates.iter().map(|certificate| certificate.contents().subject.to_string()).collect();
        let details = json!({
            "session": agreed.ceremony.session, "reason": reason, "signers": signers, "subjects": subjects,
            "serials": certificates.iter().map(|c| c.contents().serial.to_string()).collect::<Vec<_>>(),
        });
        let signed = signers.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" and ");
        self.record("certificates", &format!("{signed} signed {}", subjects.join(", ")), details)?;
        Ok(certificates)
    }

    /// How many must agree.
    pub fn quorum(&self) -> usize {
        usize::from(self.config.quorum_size)
    }

    /// Has a root's certificate of itself signed, if there is none.
    pub fn ensure_root(
        self: &Arc<Self>,
        generation: u32,
        unlock: Option<&Unlock>,
        tell: Tell<'_>,
    ) -> Result<Certificate, Refusal> {
        let record = groups::of(&self.inner().store, Kind::Root, generation)?;
        if let Some(root) = rebuild::root(&self.inner().store, &record)? {
            return Ok(root);
        }
        let request = Request::Root { not_before: not_before(), nonce: nonce()? };
        let signed = self.sign(generation, &[request], "the root's certificate of itself", unlock, tell)?;
        signed.into_iter().next().ok_or_else(|| Refusal::new("nothing was signed"))
    }
}

enum Failed {
    Liar(String, String),
    Other(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Other(refusal)
    }
}

fn second_round(
    record: &Record,
    group: &keystone_pki::group::Group<Signing>,
    messages: &[&[u8]],
    agreed: &Agreed,
) -> Result<Vec<[u8; 64]>, Failed> {
    let lies = |name: &str, reason: &str| Failed::Liar(name.to_owned(), reason.to_owned());
    let names: Vec<String> = agreed.answers.keys().cloned().collect();
    let mut aggregations = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let mut commitments = BTreeMap::new();
        for (name, list) in &agreed.answers {
            let bytes = list.get(place).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            let commitment = Commitment::from_bytes(&bytes)
                .map_err(|_| lies(name, "sent something that is no commitment"))?;
            let member = record.member(name).ok_or_else(|| lies(name, "has no share of this key"))?;
            commitments.insert(member, commitment);
        }
        aggregations.push(
            Aggregation::new(group, message, &commitments)
                .map_err(|error| Failed::Other(Refusal::new(error.to_string())))?,
        );
    }
    let answers =
        agreed.ceremony.try_each(&names, &|| Question::Sign { commitments: agreed.answers.clone() });
    for (name, answer) in answers {
        let partials = match answer {
            Ok((Answer::Partials { partials }, _)) => partials,
            Ok(_) => return Err(lies(&name, "gave an answer to another question")),
            Err(refusal) => {
                return Err(Failed::Liar(
                    name,
                    format!("did not sign what it agreed to ({})", refusal.message),
                ));
            }
        };
        let member = record.member(&name).ok_or_else(|| lies(&name, "has no share of this key"))?;
        for (place, aggregation) in aggregations.iter_mut().enumerate() {
            let bytes = partials.get(place).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            let partial = PartialSignature::from_bytes(&bytes)
                .map_err(|_| lies(&name, "sent something that is no signature"))?;
            aggregation.add(member, partial).map_err(|error| match error {
                SignError::Liar(_) => lies(&name, "sent a partial signature that does not verify"),
                other => Failed::Other(Refusal::new(other.to_string())),
            })?;
        }
    }
    aggregations
        .iter()
        .map(|aggregation| {
            aggregation.signature().map_err(|error| Failed::Other(Refusal::new(error.to_string())))
        })
        .collect()
}
