//! What a primer does with session files.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock;
use crate::groups::{self, Kind};
use crate::message::{Body, Message, Signed};
use crate::node_key::{NodeKey, hex, random};
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::session::{Answer, Question};
use crate::state::Identity;
use crate::stick::{self, Contents, LIFE};
use crate::transcript;

/// Names of files that were imported, and until when they have to be remembered.
const IMPORTED: &str = "imported.json";
/// Countersignatures in a file.
const WITNESSES: u64 = 256;

impl Primer {
    /// Whether another primer is reached by hand only.
    pub fn by_stick(&self, name: &str) -> bool {
        self.config.air_gapped && name != self.config.node
    }

    /// What waits to be carried, and to whom.
    pub fn session_list(&self) -> Value {
        json!({ "waiting": self.courier.waiting(), "pending": self.waiting().len() })
    }

    /// Everything that is for one other primer, as a file.
    pub fn session_export(&self, to: &str) -> Result<Value, Refusal> {
        let (identity, key, members) = self.whoami()?;
        if !members.contains_key(to) || to == identity.name {
            return Err(
                Refusal::new(format!("{to} is no other primer that joined")).fix("keystone-primer status")
            );
        }
        self.answer_deferred(&identity, &key, to)?;
        // What ended comes before what begins, as the second may need what the first made.
        let mut messages = self.courier.posted(to);
        messages.extend(self.courier.questions(to));
        let (entries, witnesses, roots) = self.record_for(&identity.name, to)?;
        let contents = Contents {
            cluster: identity.cluster.clone(),
            lab: identity.lab,
            from: identity.name.clone(),
            to: to.to_owned(),
            number: hex(&random::<8>()?),
            made: clock::now(),
            until: clock::now() + LIFE,
            messages,
            entries,
            witnesses,
            roots,
            members,
        };
        let waiting = self.waiting().len();
        if contents.is_empty() {
            let fix = if waiting == 0 { "keystone-primer session list" } else { "keystone-primer pending" };
            return Err(Refusal::new(format!("nothing waits to be carried to {to}")).fix(fix));
        }
        let file =
            String::from_utf8(contents.seal(&key)?).map_err(|error| Refusal::new(error.to_string()))?;
        Ok(json!({
            "file": file, "to": to, "messages": contents.messages.len(), "entries": contents.entries.len(),
            "pending": waiting, "lab": identity.lab,
        }))
    }

    /// What was asked by stick and is decided by now.
    fn answer_deferred(&self, identity: &Identity, key: &NodeKey, to: &str) -> Result<(), Refusal> {
        let (_, _, members) = self.whoami()?;
        for question in self.courier.deferred(to) {
            // One that is stale by now, or whose session ended, is forgotten.
            let Ok(message) = question.open(identity, &members, clock::now()) else { continue };
            match self.decision(&message.session) {
                Ok(None) => self.courier.defer(to, question),
                Ok(Some(answer)) => {
                    let reply = reply(identity, key, &message, answer)?;
                    self.sessions().answered(&message, &question, &reply);
                    self.courier.post(to, reply);
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "three lists of one file")]
    fn record_for(
        &self,
        own: &str,
        to: &str,
    ) -> Result<(Vec<transcript::Signed>, Vec<(u64, transcript::Witness)>, Vec<String>), Refusal> {
        let inner = self.inner();
        let mut entries = Vec::new();
        for number in 1..=transcript::head(&inner.store, own)?.number {
            let entry = transcript::entry(&inner.store, own, number)?;
            entries.extend(entry.filter(|entry| entry.witnesses.iter().all(|seen| seen.name != to)));
        }
        let mut witnesses = Vec::new();
        let last = transcript::head(&inner.store, to)?.number;
        for number in last.saturating_sub(WITNESSES) + 1..=last {
            let Some(entry) = transcript::entry(&inner.store, to, number)? else { continue };
            witnesses
                .extend(entry.witnesses.into_iter().filter(|one| one.name == own).map(|one| (number, one)));
        }
        // One that was carried already is carried again with the next, and is by itself no reason to walk.
        if !witnesses.last().is_some_and(|(number, _)| self.courier.is_news(to, *number)) {
            witnesses.clear();
        }
        let mut roots = Vec::new();
        for record in groups::all(&inner.store)?.iter().filter(|record| record.kind == Kind::Root) {
            roots.extend(rebuild::root(&inner.store, record)?.map(|root| root.pem()));
        }
        Ok((entries, witnesses, roots))
    }

    /// Takes what a file brings.
    pub fn session_import(self: &Arc<Self>, bytes: &[u8]) -> Result<Value, Refusal> {
        let (identity, key, members) = self.whoami()?;
        let now = clock::now();
        let (id, contents) = stick::open(bytes, &identity, &members, now)?;
        let mut imported: std::collections::BTreeMap<String, (u64, u64)> =
            self.inner().store.load(IMPORTED)?.unwrap_or_default();
        if let Some((at, _)) = imported.get(&id) {
            return Err(Refusal::new(format!(
                "the session file was replayed: it was imported here at {}",
                clock::shown(*at)
            ))
            .fix(format!(
                "if an answer was lost: on {}, keystone-primer session export --to {}",
                contents.from, identity.name
            )));
        }
        {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            state.meet(store, &self.config, contents.members.clone())?;
        }
        self.courier.delivered(&contents.from);
        for pem in &contents.roots {
            // Of a root that is new here something may be asked by the same stick. One of a generation that this primer has
            // no share of is of no use to it.
            let _ = rebuild::keep_root(&self.inner().store, pem);
        }
        let mut said = Vec::new();
        for signed in &contents.messages {
            match self.take_in(&identity, &key, signed, now) {
                Ok(Some(text)) => said.push(text),
                Ok(None) => {}
                Err(refusal) => said.push(format!("refused: {}", refusal.message)),
            }
        }
        let seen = self.take_record(&identity, &contents)?;
        imported.retain(|_, (_, until)| *until > now);
        imported.insert(id, (now, contents.until));
        self.inner().store.save(IMPORTED, &imported)?;
        self.generate_when_ready();
        Ok(json!({
            "from": contents.from, "messages": contents.messages.len(), "entries": seen, "said": said,
            "pending": self.waiting().len(), "lab": identity.lab,
        }))
    }

    fn take_in(
        &self,
        identity: &Identity,
        key: &NodeKey,
        signed: &Signed,
        now: u64,
    ) -> Result<Option<String>, Refusal> {
        let (_, _, members) = self.whoami()?;
        let message = signed.open(identity, &members, now)?;
        let Body::Question(question) = &message.body else {
            let slip = (message.session.clone(), message.number, message.from.clone());
            let waited = self.courier.bring(&slip, signed.clone());
            let text = format!("the answer of {} in session {}", message.from, message.session);
            return Ok(waited.then_some(text));
        };
        let last = matches!(**question, Question::Conclude { .. });
        match self.respond(None, signed) {
            Ok(_) if last => Ok(Some(format!("session {} is over", message.session))),
            Ok(answer) => {
                let pending = matches!(
                    answer.read_any(identity, &members)?.body,
                    Body::Answer(answer) if matches!(*answer, Answer::Pending)
                );
                if pending {
                    self.courier.defer(&message.from, signed.clone());
                    return Ok(Some(format!(
                        "session {} waits for your approval: keystone-primer pending",
                        message.session
                    )));
                }
                self.courier.post(&message.from, answer);
                Ok(Some(format!("session {} was answered", message.session)))
            }
            Err(_) if last => Ok(None),
            Err(refusal) => {
                // Whoever asked learns of it too.
                let denied = Answer::Denied { reason: refusal.message.clone() };
                self.courier.post(&message.from, reply(identity, key, &message, denied)?);
                Err(refusal)
            }
        }
    }

    fn take_record(&self, identity: &Identity, contents: &Contents) -> Result<usize, Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        if !contents.entries.is_empty() {
            self.courier.forget(&contents.from);
        }
        for entry in &contents.entries {
            if entry.read()?.author != contents.from {
                return Err(Refusal::new("everybody shows his own record"));
            }
            transcript::witness(&inner.store, identity, &state.key, &state.members, entry)?;
        }
        for (number, witness) in &contents.witnesses {
            if witness.name == contents.from {
                transcript::countersigned(&inner.store, identity, &state.members, *number, witness.clone())?;
            }
        }
        Ok(contents.entries.len())
    }
}

/// The answer to a question.
pub fn reply(
    identity: &Identity,
    key: &NodeKey,
    question: &Message,
    answer: Answer,
) -> Result<Signed, Refusal> {
    let reply = Message {
        version: 1,
        cluster: identity.cluster.clone(),
        session: question.session.clone(),
        number: question.number,
        from: identity.name.clone(),
        to: question.from.clone(),
        until: question.until,
        body: Body::Answer(Box::new(answer)),
    };
    Signed::new(key, &reply)
}
