//! The questions and answers of ceremonies. The coordinator asks, the others answer; what an answer proves to third
//! parties travels inside the message that its sender signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::groups::{Kind, Record, Seat};
use crate::message::Signed;

/// What the coordinator asks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Question {
    /// Begin to make a key.
    Generate(Plan),
    /// These are everybody's first packages: what is their hash?
    Echo {
        /// The messages with the answers [`Answer::First`].
        firsts: Vec<Signed>,
    },
    /// These are everybody's hashes: give out the second packages.
    Exchange {
        /// The messages with the answers [`Answer::Echo`].
        echoes: Vec<Signed>,
    },
    /// These are everybody's second packages: finish.
    Finish {
        /// The messages with the answers [`Answer::Seconds`].
        seconds: Vec<Signed>,
    },
    /// Everybody has a share: use it.
    Activate {
        /// Which key.
        kind: Kind,
        /// Which of its kind.
        generation: u32,
        /// The messages with the answers [`Answer::Finished`].
        finished: Vec<Signed>,
    },
    /// Will you do this?
    Propose {
        /// What.
        act: Act,
        /// Of the group by which the one who asks counts its members: shares from before and after a refresh make nothing
        /// together.
        fingerprint: String,
    },
    /// Have you decided?
    Poll,
    /// Sign, together with these.
    Sign {
        /// Everybody's commitments, by primer, one for each thing to sign.
        commitments: BTreeMap<String, Vec<String>>,
    },
    /// These help to repair a share: give each of them its part.
    Deltas {
        /// The messages with the answers [`Answer::Helps`].
        helps: Vec<Signed>,
    },
    /// These are everybody's parts: give the sum of yours to the one who asks.
    Sigmas {
        /// The messages with the answers [`Answer::Deltas`].
        deltas: Vec<Signed>,
    },
    /// A quorum gave its parts: the one who asks has the place of the lost one.
    Seat {
        /// The messages with the answers [`Answer::Sigma`].
        sigmas: Vec<Signed>,
    },
    /// These are everybody's first packages for new shares: what are their hashes?
    RefreshEcho {
        /// The messages with the answers [`Answer::Refreshes`].
        firsts: Vec<Signed>,
    },
    /// These are everybody's hashes: give out the second packages.
    RefreshExchange {
        /// The messages with the answers [`Answer::RefreshEchoes`].
        echoes: Vec<Signed>,
    },
    /// These are everybody's second packages: keep the new shares beside the old ones.
    RefreshStore {
        /// The messages with the answers [`Answer::RefreshSeconds`].
        seconds: Vec<Signed>,
    },
    /// Everybody has kept the new shares: use them, and destroy the old ones.
    RefreshUse {
        /// The messages with the answers [`Answer::RefreshStored`].
        stored: Vec<Signed>,
    },
    /// It is over.
    Conclude {
        /// What was signed, in PEM.
        certificates: Vec<String>,
    },
}

/// How a key is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// What it is for.
    pub kind: Kind,
    /// Which of its kind, from 1.
    pub generation: u32,
    /// How many must agree.
    pub needed: u16,
    /// Who takes part, in the order of their numbers.
    pub seats: Vec<Seat>,
}

/// The description of a group before and after a refresh, by fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Change {
    /// The one that is used.
    pub before: String,
    /// The one that is kept beside it.
    pub after: String,
}

/// What is answered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Answer {
    /// To [`Question::Generate`].
    First {
        /// The package, in base64.
        package: String,
        /// To whom second packages are encrypted: a key of this session only.
        recipient: String,
    },
    /// To [`Question::Echo`].
    Echo {
        /// Hash of everybody's first packages.
        hash: String,
    },
    /// To [`Question::Exchange`].
    Seconds {
        /// The packages, each encrypted to its addressee.
        packages: BTreeMap<String, String>,
    },
    /// To [`Question::Finish`].
    Finished {
        /// Of the group that came out.
        fingerprint: String,
    },
    /// To [`Question::Activate`], [`Question::Conclude`].
    Done,
    /// Nobody decided yet.
    Pending,
    /// No.
    Denied {
        /// Why.
        reason: String,
    },
    /// Yes: commitments to nonces, one for each thing to sign, in base64.
    Committed {
        /// They.
        commitments: Vec<String>,
    },
    /// To [`Question::Sign`]: partial signatures, in base64.
    Partials {
        /// They.
        partials: Vec<String>,
    },
    /// Yes: the groups, without a share, and to whom other helpers encrypt in this session.
    Helps {
        /// They.
        groups: Vec<Record>,
        /// It.
        recipient: String,
    },
    /// To [`Question::Deltas`]: values, each encrypted to its addressee.
    Deltas {
        /// They.
        packages: BTreeMap<String, String>,
    },
    /// To [`Question::Sigmas`].
    Sigma {
        /// Who is lost.
        lost: String,
        /// Who takes the place.
        name: String,
        /// The sums, encrypted to the one who asked.
        sealed: String,
    },
    /// Yes: first packages for new shares, in base64, by the name of their key.
    Refreshes {
        /// They.
        packages: BTreeMap<String, String>,
        /// To whom second packages are encrypted: a key of this session only.
        recipient: String,
    },
    /// To [`Question::RefreshEcho`]: hashes of everybody's first packages, by key.
    RefreshEchoes {
        /// They.
        hashes: BTreeMap<String, String>,
    },
    /// To [`Question::RefreshExchange`]: by key the packages, each encrypted to its addressee.
    RefreshSeconds {
        /// They.
        packages: BTreeMap<String, BTreeMap<String, String>>,
    },
    /// To [`Question::RefreshStore`]: new shares are on this primer's disk, beside the old ones.
    RefreshStored {
        /// Of which keys.
        keys: BTreeMap<String, Change>,
    },
    /// Yes, and nothing more is needed.
    Agreed,
    /// Yes: a partial decryption, encrypted to the one who asked.
    Opened {
        /// It.
        partial: String,
    },
}
