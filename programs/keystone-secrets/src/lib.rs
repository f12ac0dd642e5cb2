//! The cluster's secrets: files encrypted with age that change all together or not at all, a signed lock that shows drift
//! without any private key, and revocations that are not over until every value is new.
//!
//! Files and rules are those of agenix and ragenix. What those two do not have lies beside: `secrets/lock.json`, its
//! signature, and a file of commitments that is a secret of the same tree.

mod clock;
mod error;
mod generate;
mod header;
mod history;
mod identity;
mod inventory;
mod journal;
mod lock;
mod memory;
mod people;
mod plugin;
mod replace;
mod rules;
mod seal;
mod signature;
mod signers;
mod tree;

pub mod adopt;
pub mod commitments;
pub mod overview;
pub mod rekey;
pub mod revoke;
pub mod rotate;
pub mod value;
pub mod verify;
pub mod work;

pub use clock::now;
pub use error::Error;
pub use identity::{Ask, Keyring, Nobody};
pub use journal::{Change, Resumed, commit, resume, unfinished};
pub use lock::{Entry, LOCK, Lock, SIGNATURE};
pub use memory::{NOT_LOCKED, Plain, locked_all};
pub use rules::{Need, Rule, Rules, Source};
pub use seal::{open, seal};
pub use signature::{Signer, Standing};
pub use signers::Signers;
pub use tree::{Tree, name_of, path_of};
