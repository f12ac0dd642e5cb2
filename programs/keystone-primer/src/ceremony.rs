//! The coordinator's side of ceremonies: it asks, and carries answers from one to the other. It can delay and refuse, and
//! nothing else: what matters is signed by those who said it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

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
        let (identity, key, members) = self.primer.whoami()?;
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
        let reply = if name == identity.name {
            self.primer.respond(None, &signed)?
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
        match read.body {
            Body::Answer(answer) => Ok((*answer, reply)),
            Body::Question(_) => Err(unexpected(name)),
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

fn messages(answers: BTreeMap<String, (Answer, Signed)>) -> Vec<Signed> {
    answers.into_values().map(|(_, signed)| signed).collect()
}

impl Primer {
    /// Makes the keys in the background once everybody is there. The first of the declared primers leads.
    pub fn generate_when_ready(self: &Arc<Self>) {
        if self.config.peer_names().first() != Some(&self.config.node) {
            return;
        }
        let primer = Arc::clone(self);
        thread::spawn(move || {
            // Who holds it does the same.
            let Ok(_once) = primer.ceremony.try_lock() else { return };
            if let Err(refusal) = primer.generate_keys() {
                eprintln!("keys are not made yet: {}", refusal.message);
                return;
            }
            let tell = |text: String| eprintln!("{text}");
            if let Err(refusal) = primer.ensure_root(None, &tell) {
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
        for kind in Kind::ALL {
            if groups::present(&self.inner().store, kind)?.is_none() {
                self.generate(kind)?;
            }
        }
        Ok(())
    }

    fn generate(self: &Arc<Self>, kind: Kind) -> Result<(), Refusal> {
        let (_, _, members) = self.whoami()?;
        let missing: Vec<String> =
            self.config.peer_names().into_iter().filter(|name| !members.contains_key(name)).collect();
        if !missing.is_empty() {
            return Err(Refusal::new(format!("{} did not join yet", missing.join(", "))));
        }
        for (name, pong) in self.ask_all(&self.others()?, Self::ping) {
            if !pong?.ready {
                return Err(Refusal::new(format!("nothing protects the shares of {name} yet"))
                    .fix(format!("on {name}: keystone-primer protector add passphrase")));
            }
        }
        groups::recipient(self.inner().begun()?.slots.as_ref())?;
        let seats: Vec<Seat> =
            members.iter().map(|(name, member)| Seat { name: name.clone(), pin: member.key.pin() }).collect();
        let names: Vec<String> = members.into_keys().collect();
        let plan = Plan { kind, generation: 1, needed: self.config.quorum_size, seats };

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
                generation: 1,
                finished: finished.clone(),
            })?;
        }
        let record = groups::needed(&self.inner().store, kind)?;
        let summary = format!(
            "the {} key was made by {}; any {} of them can use it, and it is nowhere",
            kind.as_str(),
            names.join(", "),
            self.config.quorum_size
        );
        let details = json!({
            "kind": kind, "generation": 1, "fingerprint": record.fingerprint, "seats": record.seats,
            "quorum": self.config.quorum_size, "session": ceremony.session,
        });
        self.record("key-generation", &summary, details)
    }
}
