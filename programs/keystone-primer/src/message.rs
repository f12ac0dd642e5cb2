//! Messages of ceremonies. They are the same whether they go over a connection or are carried on a stick: signed by
//! their sender, for one addressee, in one session, and good for a while.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::node_key::NodeKey;
use crate::refusal::Refusal;
use crate::session::{Answer, Question};
use crate::state::{Identity, Members};

const PURPOSE: &str = "ceremony message";
/// A ceremony by stick takes days; one that takes longer begins anew.
pub const LIFE: u64 = 14 * 86_400;
/// Clocks of machines that are off most of the time differ.
const SKEW: u64 = 400 * 86_400;

/// A message.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Message {
    /// Version of the form.
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// The session that it belongs to.
    pub session: String,
    /// Its number in the session: a question has the coordinator's, an answer that of its question.
    pub number: u32,
    /// Who sends it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Until when it is good.
    pub until: u64,
    /// What it says.
    pub body: Body,
}

/// A question of the coordinator, or the answer to it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// A question.
    Question(Box<Question>),
    /// An answer.
    Answer(Box<Answer>),
}

/// A message as it travels: text whose every byte is signed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Signed {
    /// The message as JSON.
    pub text: String,
    /// The sender's signature in base64.
    pub signature: String,
}

impl Signed {
    /// Signs a message.
    pub fn new(key: &NodeKey, message: &Message) -> Result<Self, Refusal> {
        let text = serde_json::to_string(message).map_err(|error| Refusal::new(error.to_string()))?;
        let signature = STANDARD.encode(key.sign(PURPOSE, text.as_bytes()));
        Ok(Self { text, signature })
    }

    /// Reads a message that is for us, of this cluster, good, and by whom it says.
    pub fn open(&self, identity: &Identity, members: &Members, now: u64) -> Result<Message, Refusal> {
        let message = self.read_any(identity, members)?;
        if message.to != identity.name {
            return Err(Refusal::new(format!(
                "the message is for {}, and this is {}",
                message.to, identity.name
            )));
        }
        if now >= message.until {
            return Err(Refusal::new(format!(
                "the message of {} is stale by {} seconds",
                message.from,
                now - message.until
            ))
            .fix("is this machine's clock right? Otherwise begin the ceremony anew"));
        }
        if message.until > now + LIFE + SKEW {
            return Err(Refusal::new(format!("the message of {} is from the future", message.from))
                .fix("compare the clocks of both machines"));
        }
        Ok(message)
    }

    /// Reads a message whoever it is for, but by whom it says.
    pub fn read_any(&self, identity: &Identity, members: &Members) -> Result<Message, Refusal> {
        let message: Message = serde_json::from_str(&self.text).map_err(|error| {
            Refusal::new(format!("the message cannot be read: column {}", error.column()))
        })?;
        if message.version != 1 {
            return Err(Refusal::new(format!(
                "the message is of version {}, and this program knows 1",
                message.version
            )));
        }
        if message.cluster != identity.cluster {
            return Err(Refusal::new(format!(
                "the message is of the cluster {}, and this is {}",
                message.cluster, identity.cluster
            )));
        }
        let sender = members.get(&message.from).ok_or_else(|| {
            Refusal::new(format!("the message is by {}, who is no primer here", message.from))
        })?;
        let signature = STANDARD.decode(&self.signature).unwrap_or_default();
        if !sender.key.verifies(PURPOSE, self.text.as_bytes(), &signature) {
            return Err(Refusal::new(format!("the message does not bear the signature of {}", message.from))
                .fix("it was changed on its way; ask for it again"));
        }
        Ok(message)
    }
}
