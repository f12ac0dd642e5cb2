//! The coordinator's side of ceremonies: it asks, and carries answers from one to the other. It can delay and refuse, and
//! nothing else: what matters is signed by those who said it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::clock;
use crate::groups::{self, Kind, Seat};
use crate::message::{Body, LIFE, Message, Signed};
use crate::node_key::{hex, random};
use crate::peers::{Reply, Request, unexpected};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::session::{Answer, Plan, Question};

/// A ceremony that this primer leads.
pub struct Ceremony {
    primer: Arc<Primer>,
    /// Its number, by which people and messages name it.
    pub session: String,
    number: AtomicU32,
}

impl Ceremony {
    /// A new one.
    pub fn begin(primer: &Arc<Primer>) -> Result<Self, Refusal> {
        Ok(Self { primer: Arc::clone(primer), session: hex(&random::<8>()?), number: AtomicU32::new(0) })
    }

    /// Asks one primer, which may be this one.
    pub fn ask(&self, name: &str, question: Question) -> Result<(Answer, Signed), Refusal> {
        let (identity, _, members) = self.primer.whoami()?;
        let (message, signed) = self.sign(name, question)?;
        let reply = if name == identity.name {
            self.primer.respond(None, &signed)?
        } else if self.primer.by_stick(name) {
            let slip = (self.session.clone(), message.number, name.to_owned());
            eprintln!("session {}: carry a stick to {name}", self.session);
            self.primer.courier.ask(&slip, signed, Duration::from_secs(LIFE))?
        } else {
            match self.primer.ask(name, &Request::Message { message: signed })? {
                Reply::Message { message } => message,
                _ => return Err(unexpected(name)),
            }
        };
        let read = reply.open(&identity, &members, clock::now())?;
        if read.from != name || read.session != self.session || read.number != message.number {
            return Err(unexpected(name));
        }
        match (read.body, &message.body) {
            (Body::Answer(answer), Body::Question(question)) => match (*answer, &**question) {
                // By stick a refusal is an answer, too.
                (Answer::Denied { reason }, asked)
                    if !matches!(asked, Question::Propose { .. } | Question::Poll) =>
                {
                    Err(Refusal::new(reason))
                }
                (answer, _) => Ok((answer, reply)),
            },
            _ => Err(unexpected(name)),
        }
    }

    fn sign(&self, name: &str, question: Question) -> Result<(Message, Signed), Refusal> {
        let (identity, key, _) = self.primer.whoami()?;
        let message = Message {
            version: 1,
            cluster: identity.cluster.clone(),
            session: self.session.clone(),
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            from: identity.name.clone(),
            to: name.to_owned(),
            until: clock::now() + LIFE,
            body: Body::Question(Box::new(question)),
        };
        let signed = Signed::new(&key, &message)?;
        Ok((message, signed))
    }

    /// Nobody waits for what was asked up to now.
    pub fn give_up(&self) {
        self.primer.courier.give_up(&self.session);
    }

    /// Tells several how it ended. Those that are off learn of it later, by the record.
    pub fn tell_each(&self, names: &[String], certificates: &[String]) {
        let question = || Question::Conclude { certificates: certificates.to_vec() };
        let (by_stick, others): (Vec<String>, Vec<String>) =
            names.iter().cloned().partition(|name| self.primer.by_stick(name));
        self.try_each(&others, &question);
        for name in by_stick {
            // Whoever never gets it forgets the session when it is over.
            if let Ok((_, signed)) = self.sign(&name, question()) {
                self.primer.courier.post(&name, signed);
            }
        }
    }

    /// Asks several at once, and needs an answer of each.
    pub fn ask_each(
        &self,
        names: &[String],
        question: &(dyn Fn() -> Question + Sync),
    ) -> Result<BTreeMap<String, (Answer, Signed)>, Refusal> {
        self.try_each(names, question)
            .into_iter()
            .map(|(name, answer)| {
                answer.map(|answer| (name.clone(), answer)).map_err(|refusal| Refusal {
                    message: format!("{name}: {}", refusal.message),
                    fix: refusal.fix,
                })
            })
            .collect()
    }

    /// Asks several at once.
    pub fn try_each(
        &self,
        names: &[String],
        question: &(dyn Fn() -> Question + Sync),
    ) -> BTreeMap<String, Result<(Answer, Signed), Refusal>> {
        thread::scope(|scope| {
            let asked: Vec<_> =
                names.iter().map(|name| (name, scope.spawn(move || self.ask(name, question())))).collect();
            asked.into_iter().filter_map(|(name, work)| Some((name.clone(), work.join().ok()?))).collect()
        })
    }
}

/// The messages of answers, each as its sender signed it.
pub fn messages(answers: BTreeMap<String, (Answer, Signed)>) -> Vec<Signed> {
    answers.into_values().map(|(_, signed)| signed).collect()
}

impl Primer {
    /// Makes the keys in the background once everybody is there. The first of the declared primers leads.
    pub fn generate_when_ready(self: &Arc<Self>) {
        if self.config.peer_names().first() != Some(&self.config.node) {
            return;
        }
        let primer = Arc::clone(self);
        primer.again.store(true, Ordering::SeqCst);
        thread::spawn(move || {
            let _once = primer.ceremony.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever waited for it may have nothing to do any more.
            if !primer.again.swap(false, Ordering::SeqCst) {
                return;
            }
            if let Err(refusal) = primer.generate_keys() {
                eprintln!("keys are not made yet: {}", refusal.message);
                return;
            }
            let tell = |text: String| eprintln!("{text}");
            if let Err(refusal) = primer.ensure_root(1, None, &tell) {
                eprintln!("the root has no certificate yet: {}", refusal.message);
            }
            if let Err(refusal) = primer.write_backup_recipient() {
                eprintln!("{}", refusal.message);
            }
        });
    }

    /// Puts the recipient of backups where the configuration wants it. It is public, and there is no private half.
    pub fn write_backup_recipient(&self) -> Result<(), Refusal> {
        let Some(path) = &self.config.backup_recipient else { return Ok(()) };
        let text = groups::backup_recipient(&self.inner().store)? + "\n";
        if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        std::fs::write(path, text).map_err(|error| Refusal::file("write", path, &error))
    }

    /// Makes the keys that do not exist yet.
    pub fn generate_keys(self: &Arc<Self>) -> Result<(), Refusal> {
        // Whoever was killed at the last step learns from the others that the key exists.
        self.ask_all(&self.others()?, Self::ping);
        for kind in Kind::ALL {
            if groups::present(&self.inner().store, kind)?.is_none() {
                self.generate(kind, 1)?;
            }
        }
        Ok(())
    }

    /// Makes a generation of a key, by all primers.
    pub fn generate(self: &Arc<Self>, kind: Kind, generation: u32) -> Result<(), Refusal> {
        let (_, _, mut members) = self.whoami()?;
        // Those that are lost are members of what was, and of nothing that is made now.
        members.retain(|name, _| self.config.endpoint(name).is_some());
        let missing: Vec<String> =
            self.config.peer_names().into_iter().filter(|name| !members.contains_key(name)).collect();
        if !missing.is_empty() {
            return Err(Refusal::new(format!("{} did not join yet", missing.join(", "))));
        }
        // Whoever is reached by hand says by hand that it is not ready.
        let asked: Vec<String> = self.others()?.into_iter().filter(|name| !self.by_stick(name)).collect();
        for (name, pong) in self.ask_all(&asked, Self::ping) {
            if !pong?.ready {
                return Err(Refusal::new(format!("nothing protects the shares of {name} yet"))
                    .fix(format!("on {name}: keystone-primer protector add passphrase")));
            }
        }
        groups::recipient(self.inner().begun()?.slots.as_ref())?;
        let seats: Vec<Seat> =
            members.iter().map(|(name, member)| Seat { name: name.clone(), pin: member.key.pin() }).collect();
        let names: Vec<String> = members.into_keys().collect();
        let plan = Plan { kind, generation, needed: self.config.quorum_size, seats };

        let ceremony = Ceremony::begin(self)?;
        let firsts = messages(ceremony.ask_each(&names, &|| Question::Generate(plan.clone()))?);
        let echoes = messages(ceremony.ask_each(&names, &|| Question::Echo { firsts: firsts.clone() })?);
        let seconds = messages(ceremony.ask_each(&names, &|| Question::Exchange { echoes: echoes.clone() })?);
        let finished =
            messages(ceremony.ask_each(&names, &|| Question::Finish { seconds: seconds.clone() })?);
        // This primer last: as long as it does not use the key, it tries again.
        let own = self.config.node.clone();
        let others: Vec<String> = names.iter().filter(|name| **name != own).cloned().collect();
        for names in [others, vec![own]] {
            ceremony.ask_each(&names, &|| Question::Activate {
                kind,
                generation,
                finished: finished.clone(),
            })?;
        }
        let record = groups::needed(&self.inner().store, kind)?;
        let summary = format!(
            "the {} key G{generation} was made by {}; any {} of them can use it, and it is nowhere",
            kind.as_str(),
            names.join(", "),
            self.config.quorum_size
        );
        let details = json!({
            "kind": kind, "generation": generation, "fingerprint": record.fingerprint, "seats": record.seats,
            "quorum": self.config.quorum_size, "session": ceremony.session,
        });
        self.record("key-generation", &summary, details)
    }
}
