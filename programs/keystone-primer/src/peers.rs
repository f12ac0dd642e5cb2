//! What primers say to each other on a connection, and the connections.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::{ClientConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::frame;
use crate::groups::{self, Kind};
use crate::join::{JoinRequest, Welcome};
use crate::message;
use crate::primer::Primer;
use crate::rebuild;
use crate::refusal::Refusal;
use crate::state::Members;
use crate::tls;
use crate::transcript::{self, Head, Witness};

/// A question of one primer to another.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Request {
    /// Are you there, and what do you know?
    Ping,
    /// Let me in. The only one that a stranger may ask.
    Join(JoinRequest),
    /// These joined.
    Members {
        /// They.
        members: Members,
    },
    /// I am ready for the generation of keys.
    Ready,
    /// See this entry of my record.
    Entry {
        /// It.
        entry: transcript::Signed,
    },
    /// What did all sign when your share was made anew?
    Refreshed {
        /// Of which key.
        key: String,
    },
    /// A message of a ceremony.
    Message {
        /// It.
        message: message::Signed,
    },
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reply")]
pub enum Reply {
    /// To [`Request::Ping`].
    Pong(Pong),
    /// To [`Request::Join`].
    Welcome(Welcome),
    /// It is done.
    Done,
    /// To [`Request::Entry`].
    Witness(Witness),
    /// To [`Request::Refreshed`]; nothing if it was not.
    Refreshed {
        /// It.
        stored: Vec<message::Signed>,
    },
    /// To [`Request::Message`].
    Message {
        /// The answer to the message.
        message: message::Signed,
    },
    /// No.
    Refused(Refusal),
}

/// What a primer tells of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// Its time.
    pub time: u64,
    /// Whether it has something that protects its shares.
    pub ready: bool,
    /// What its slots want before it may be switched off.
    #[serde(default)]
    pub wanting: Vec<String>,
    /// The ends of all records that it has.
    pub heads: BTreeMap<String, Head>,
    /// Fingerprints of the groups that it has a share of.
    pub groups: BTreeMap<String, String>,
    /// Certificates of every generation of the root.
    pub roots: Vec<String>,
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// Connections that may be used again.
#[derive(Default)]
pub struct Links(Mutex<HashMap<String, Vec<Connection>>>);

impl Links {
    fn take(&self, name: &str) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name).and_then(Vec::pop)
    }

    fn keep(&self, name: &str, connection: Connection) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = links.entry(name.to_owned()).or_default();
        if kept.len() < 4 {
            kept.push(connection);
        }
    }
}

impl Primer {
    /// Asks another primer, over a connection that there is or a new one.
    pub fn ask(&self, name: &str, request: &Request) -> Result<Reply, Refusal> {
        if self.by_stick(name) {
            return Err(Refusal::new(format!("{name} is reached by hand only"))
                .fix(format!("keystone-primer session export --to {name} --output FILE")));
        }
        while let Some(mut connection) = self.links.take(name) {
            // One that the other side closed meanwhile is no failure.
            if let Ok(reply) = exchange(&mut connection, request) {
                self.links.keep(name, connection);
                return refused(reply);
            }
        }
        let (_, key, members) = self.whoami()?;
        let member = members.get(name).ok_or_else(|| {
            Refusal::new(format!("{name} has not joined")).fix(format!("keystone-primer token create {name}"))
        })?;
        let mut connection = tls::connect(&key, &member.endpoint, &member.key.pin())?;
        let reply = exchange(&mut connection, request)?;
        self.links.keep(name, connection);
        refused(reply)
    }

    /// Asks several at once.
    pub fn ask_all<T: Send>(
        self: &Arc<Self>,
        names: &[String],
        ask: impl Fn(&Self, &str) -> T + Sync,
    ) -> BTreeMap<String, T> {
        thread::scope(|scope| {
            let asked: Vec<_> = names.iter().map(|name| (name, scope.spawn(|| ask(self, name)))).collect();
            asked.into_iter().filter_map(|(name, work)| Some((name.clone(), work.join().ok()?))).collect()
        })
    }

    /// Whether another primer is there, and what it knows.
    pub fn ping(&self, name: &str) -> Result<Pong, Refusal> {
        match self.ask(name, &Request::Ping)? {
            Reply::Pong(pong) => {
                self.learn_groups(&pong)?;
                self.learn_root(&pong)?;
                self.learn_refreshed(name, &pong)?;
                Ok(pong)
            }
            _ => Err(unexpected(name)),
        }
    }

    /// A primer that was killed after a key was made and before it used it: whoever uses that key knows that everybody has it.
    fn learn_groups(&self, pong: &Pong) -> Result<(), Refusal> {
        let mut backup = false;
        {
            let inner = self.inner();
            for record in groups::waiting(&inner.store)? {
                if pong.groups.get(&record.name()) == Some(&record.fingerprint) {
                    groups::activate(&inner.store, &record)?;
                    backup |= record.kind == Kind::Backup;
                    eprintln!("the {} key exists; another primer uses it", record.kind.as_str());
                }
            }
        }
        if backup { self.write_backup_recipient() } else { Ok(()) }
    }

    /// A primer that was off when the root's certificate was signed gets it from the others.
    fn learn_root(&self, pong: &Pong) -> Result<(), Refusal> {
        let inner = self.inner();
        let mine = groups::present(&inner.store, Kind::Root)?.is_some();
        for pem in pong.roots.iter().filter(|_| mine) {
            // One of a generation that this primer has no share of is of no use to it.
            let _ = rebuild::keep_root(&inner.store, pem);
        }
        Ok(())
    }

    /// Shows the others what they have not seen of this primer's record.
    pub fn share_record(self: &Arc<Self>) {
        let Ok(others) = self.others() else { return };
        self.ask_all(&others, Self::share_record_with);
    }

    fn share_record_with(&self, name: &str) -> Result<(), Refusal> {
        let pong = self.ping(name)?;
        let (identity, _, members) = self.whoami()?;
        let own = transcript::head(&self.inner().store, &identity.name)?;
        let seen = pong.heads.get(&identity.name).map_or(0, |head| head.number);
        for number in seen + 1..=own.number {
            let entry = transcript::entry(&self.inner().store, &identity.name, number)?;
            let Some(entry) = entry else { break };
            if let Reply::Witness(witness) = self.ask(name, &Request::Entry { entry })? {
                if witness.name != name {
                    return Err(unexpected(name));
                }
                transcript::countersigned(&self.inner().store, &identity, &members, number, witness)?;
            }
        }
        Ok(())
    }

    /// Answers a primer, whose key was proven.
    pub fn answer(self: &Arc<Self>, name: &str, request: Request) -> Reply {
        self.try_answer(name, request).unwrap_or_else(Reply::Refused)
    }

    fn try_answer(self: &Arc<Self>, name: &str, request: Request) -> Result<Reply, Refusal> {
        Ok(match request {
            Request::Ping => Reply::Pong(self.pong()?),
            Request::Join(_) => return Err(Refusal::new(format!("{name} is in already"))),
            Request::Members { members } => {
                let met = {
                    let mut inner = self.inner();
                    let (store, state) = inner.parts()?;
                    state.meet(store, &self.config, members)?
                };
                for name in met {
                    eprintln!("{name} joined");
                }
                Reply::Done
            }
            Request::Ready => {
                self.generate_when_ready();
                Reply::Done
            }
            Request::Entry { entry } => {
                let inner = self.inner();
                let state = inner.begun()?;
                if entry.read()?.author != name {
                    return Err(Refusal::new("everybody shows his own record"));
                }
                let (identity, key, members) = (&state.identity, &state.key, &state.members);
                Reply::Witness(transcript::witness(&inner.store, identity, key, members, &entry)?)
            }
            Request::Refreshed { key } => Reply::Refreshed { stored: self.proof(&key)? },
            Request::Message { message } => {
                let message = self.respond(Some(name), &message)?;
                #[cfg(test)]
                let message = match self.lie.lock().ok().and_then(|lie| lie.clone()) {
                    Some(lie) => lie(self, message)?,
                    None => message,
                };
                Reply::Message { message }
            }
        })
    }

    fn pong(&self) -> Result<Pong, Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        let mut heads = BTreeMap::new();
        for name in state.members.keys() {
            heads.insert(name.clone(), transcript::head(&inner.store, name)?);
        }
        let mut roots = Vec::new();
        for record in groups::all(&inner.store)?.iter().filter(|record| record.kind == Kind::Root) {
            roots.extend(rebuild::root(&inner.store, record)?.map(|root| root.pem()));
        }
        let groups = groups::fingerprints(&inner.store)?;
        let slots = state.slots.as_ref();
        let wanting = slots.map(keystone_protector::Slots::wanting).unwrap_or_default();
        Ok(Pong { time: clock::now(), ready: slots.is_some(), wanting, heads, groups, roots })
    }
}

/// The other side answers something that does not belong to the question.
pub fn unexpected(name: &str) -> Refusal {
    Refusal::new(format!("{name} gave an answer to another question"))
        .fix("do all primers run the same version?")
}

fn exchange(connection: &mut Connection, request: &Request) -> Result<Reply, Refusal> {
    frame::send(connection, request)?;
    frame::receive(connection)?.ok_or_else(|| Refusal::new("the other side closed the connection"))
}

fn refused(reply: Reply) -> Result<Reply, Refusal> {
    match reply {
        Reply::Refused(refusal) => Err(refusal),
        other => Ok(other),
    }
}
