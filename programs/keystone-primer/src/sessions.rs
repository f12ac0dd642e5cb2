//! Ceremonies in which this primer takes part. They live in memory, with their nonces: a restart ends them, and what was
//! committed to cannot be answered by a copy of the state folder.

use std::collections::HashMap;

use age::x25519;
use keystone_pki::group::dkg::Generation;
use keystone_pki::group::sign::Nonces;
use keystone_pki::group::{Decryption, Signing};

use crate::act::Act;
use crate::message::{Message, Signed};
use crate::refreshing::Refreshing;
use crate::refusal::Refusal;
use crate::repairing::Helping;
use crate::rounds::Round;
use crate::session::Plan;

/// How many ceremonies may be open; a peer that begins more is mistaken or hostile.
const MOST: usize = 256;

/// All ceremonies.
#[derive(Default)]
pub struct Sessions(HashMap<String, Session>);

/// One ceremony.
pub struct Session {
    /// Who began it.
    pub coordinator: String,
    /// How far it is.
    pub part: Part,
    last: Option<(u32, String, Signed)>,
    until: u64,
}

/// How far a ceremony is.
pub enum Part {
    /// Nothing happened yet, or it failed.
    None,
    /// A key is made.
    Generation(Box<Generating>),
    /// Something is to be signed or opened.
    Act(Box<Acting>),
}

/// A key that is being made.
pub struct Generating {
    /// The plan.
    pub plan: Plan,
    /// To whom the others encrypt, in this session only.
    pub ephemeral: x25519::Identity,
    /// The state.
    pub rounds: Rounds,
}

/// The rounds of both kinds of keys.
pub enum Rounds {
    /// Of the root key.
    Root(Round<Signing, Generation>),
    /// Of the backup key.
    Backup(Round<Decryption, Generation>),
}

/// An act that is to be decided or done.
pub struct Acting {
    /// What.
    pub act: Act,
    /// In words, derived from what would be signed.
    pub summary: Vec<String>,
    /// What exactly would be signed, rebuilt here.
    pub messages: Vec<Vec<u8>>,
    /// When it came.
    pub since: u64,
    /// What was decided.
    pub decision: Decision,
}

/// What was decided.
pub enum Decision {
    /// Nothing.
    Open,
    /// No, and why.
    Denied(String),
    /// Yes. Nonces and what was published of them.
    Committed {
        /// One for each message; gone once used.
        nonces: Vec<Nonces>,
        /// The key package for the second round, opened by the protector.
        share: Box<keystone_pki::group::Share<Signing>>,
        /// Commitments in base64.
        commitments: Vec<String>,
    },
    /// Yes, and this primer helps to repair a share.
    Helping(Box<Helping>),
    /// Yes, and this primer makes new shares with all others.
    Refreshing(Box<Refreshing>),
    /// Yes, and nothing follows.
    Agreed,
    /// Yes, and this is the encrypted partial decryption.
    Opened(String),
    /// It is done.
    Over,
}

impl Sessions {
    /// The session of a message, made if it is new. The answer, if the very same question was answered before.
    pub fn take(
        &mut self,
        message: &Message,
        signed: &Signed,
        now: u64,
    ) -> Result<(&mut Session, Option<Signed>), Refusal> {
        self.0.retain(|_, session| session.until > now);
        if !self.0.contains_key(&message.session) && self.0.len() >= MOST {
            return Err(Refusal::new(format!(
                "{MOST} ceremonies are open here, which is more than anybody needs"
            ))
            .fix("deny what is pending: keystone-primer pending"));
        }
        let session = self.0.entry(message.session.clone()).or_insert_with(|| Session {
            coordinator: message.from.clone(),
            part: Part::None,
            last: None,
            until: message.until,
        });
        if session.coordinator != message.from {
            return Err(Refusal::new(format!(
                "session {} was begun by {}, not by {}",
                message.session, session.coordinator, message.from
            )));
        }
        let again = match &session.last {
            Some((number, text, answer)) if *number == message.number && *text == signed.text => {
                Some(answer.clone())
            }
            Some((number, ..)) if *number >= message.number => {
                return Err(Refusal::new(format!(
                    "message {} of session {} was replayed: {number} was answered already",
                    message.number, message.session
                )));
            }
            _ => None,
        };
        Ok((session, again))
    }

    /// A session.
    pub fn get(&mut self, id: &str) -> Option<&mut Session> {
        self.0.get_mut(id)
    }

    /// Notes what was answered, so that a repeated question gets the same.
    pub fn answered(&mut self, message: &Message, signed: &Signed, answer: &Signed) {
        if let Some(session) = self.0.get_mut(&message.session) {
            session.last = Some((message.number, signed.text.clone(), answer.clone()));
        }
    }

    /// Acts, by the id of their session.
    pub fn acts(&mut self) -> impl Iterator<Item = (&String, &String, &mut Acting)> {
        self.0.iter_mut().filter_map(|(id, session)| match &mut session.part {
            Part::Act(acting) => Some((id, &session.coordinator, &mut **acting)),
            _ => None,
        })
    }
}
