//! Why a slot was not opened, made or removed. No message holds a secret.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::slot::SlotKind;

/// Why a slot was not opened, made or removed.
#[derive(Debug, Error)]
pub enum ProtectorError {
    /// There is no slot of that number.
    #[error("there is no slot {id}; there are {there}")]
    NoSlot {
        /// What was asked for.
        id: u32,
        /// The slots that exist.
        there: String,
    },
    /// No slot can be opened by what was given.
    #[error("no slot is opened by a {kind}; there are {there}")]
    NoSlotOfKind {
        /// What was given.
        kind: SlotKind,
        /// The slots that exist.
        there: String,
    },
    /// The slot is of another kind than what was given.
    #[error("slot {id} is opened by a {expected}, not by a {given}")]
    WrongKind {
        /// The slot.
        id: u32,
        /// What opens it.
        expected: SlotKind,
        /// What was given.
        given: SlotKind,
    },
    /// The passphrase, paper or key is not the slot's.
    #[error("slot {id} does not open: {reason}")]
    Closed {
        /// The slot.
        id: u32,
        /// Why.
        reason: String,
    },
    /// What a slot held is not the key that the others hold.
    #[error("slot {id} holds another key than this primer's; remove it and add a new one")]
    OtherKey {
        /// The slot.
        id: u32,
    },
    /// Nobody could open the shares any more.
    #[error(
        "slot {id} is the only one, and without it the shares would be lost; add another before you remove it"
    )]
    LastSlot {
        /// The slot.
        id: u32,
    },
    /// The shares would be lost with the machine.
    #[error(
        "slot {id} is the last recovery slot, and without one the shares are lost with this machine; add another first: keystone-primer protector add paper --recovery"
    )]
    LastRecovery {
        /// The slot.
        id: u32,
    },
    /// A key in a file protects nothing.
    #[error("a slot of the kind file is for labs only: whoever copies the disk has the key too")]
    LabOnly,
    /// A passphrase that can be guessed.
    #[error(
        "the passphrase has {length} characters; take at least {least}, for example six words drawn by dice"
    )]
    WeakPassphrase {
        /// Its length.
        length: usize,
        /// The fewest allowed.
        least: usize,
    },
    /// Text that is no sheet of ours.
    #[error("line {line} of the paper {reason}")]
    Paper {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The kind was left out of this build.
    #[error("this build cannot use a {0}: cargo build --features {0} makes one that can")]
    NotBuilt(SlotKind),
    /// Only what is bound to the state of a machine can be bound anew.
    #[error(
        "slot {id} is opened by a {kind}, which is not bound to the machine's state; nothing is to be resealed"
    )]
    NothingToReseal {
        /// The slot.
        id: u32,
        /// Its kind.
        kind: SlotKind,
    },
    /// A device that failed.
    #[error("the {kind} failed: {reason}")]
    Device {
        /// Which.
        kind: SlotKind,
        /// How.
        reason: String,
    },
    /// A file that could not be read or written.
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A step that never fails did.
    #[error("cannot encrypt: {0}")]
    Encrypt(String),
    /// The file of slots is none.
    #[error("the list of slots cannot be read: {0}")]
    Unreadable(String),
}
