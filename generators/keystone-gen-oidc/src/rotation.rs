//! The life of a token key.
//!
//! A key goes through three states, and in all of them relying parties must find it among the published keys:
//!
//! 1. **published**: at least [`PUBLISH_AHEAD`] before it signs. Relying parties keep what they fetched for as long as
//!    the documents may be cached (`Cache-Control: max-age=3600`), and refuse a token whose `kid` they do not know yet.
//! 2. **signing**: exactly one key signs at any time.
//! 3. **retiring**: for at least [`KEEP_AFTER`] after its successor took over: that is the longest life of a token
//!    (the pod identity webhook asks for 86,400 s unless told otherwise), and a token outlives no key.
//!
//! Sessions that STS handed out for a token live on after both, up to twelve hours: who removes a key because it leaked
//! must also deny sessions by `aws:TokenIssueTime`.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::key::TokenKey;

/// How long a key must have been published before it signs.
pub const PUBLISH_AHEAD: Duration = Duration::from_secs(3_600);

/// How long a key must stay published after it signed its last token.
pub const KEEP_AFTER: Duration = Duration::from_secs(86_400);

/// Most RSA keys that STS reads from one issuer; with more it refuses every token.
pub const MAX_KEYS: usize = 100;

/// Where a key is in its life. The order is that of the published document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It signs new tokens.
    Signing,
    /// It signs nothing yet.
    Published,
    /// It signs nothing any more.
    Retiring,
}

/// Why a set of keys cannot serve one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RotationError {
    /// Nothing to publish.
    #[error("there is no token key; give at least the one that signs")]
    None,
    /// Tokens are signed by one key at a time.
    #[error(
        "{count} keys have the state `signing`{names}; exactly one signs, one that waits is `published`, one that \
         signed before is `retiring`"
    )]
    Signing {
        /// How many claim to sign.
        count: usize,
        /// Their names, in brackets.
        names: String,
    },
    /// One key under two names would have two states.
    #[error("`{first}` and `{second}` are the same key; list it once, with one state")]
    Same {
        /// A name of the key.
        first: String,
        /// Its other name.
        second: String,
    },
    /// More than STS reads.
    #[error("there are {0} token keys, and STS reads at most 100 of one issuer; take out those that retired")]
    TooMany(usize),
}

/// Judges a set of keys, and orders it: the signing one first, then by state and `kid`.
///
/// # Errors
/// When not exactly one key signs, when a key is listed twice, or when there are too many.
pub fn order(mut keys: Vec<TokenKey>) -> Result<Vec<TokenKey>, RotationError> {
    if keys.is_empty() {
        return Err(RotationError::None);
    }
    if keys.len() > MAX_KEYS {
        return Err(RotationError::TooMany(keys.len()));
    }
    let mut signing: Vec<String> = keys
        .iter()
        .filter(|key| key.state == KeyState::Signing)
        .map(|key| format!("`{}`", key.name))
        .collect();
    if signing.len() != 1 {
        signing.sort();
        let names = if signing.is_empty() { String::new() } else { format!(" ({})", signing.join(", ")) };
        return Err(RotationError::Signing { count: signing.len(), names });
    }
    keys.sort_by(|a, b| (a.key.kid(), &a.name).cmp(&(b.key.kid(), &b.name)));
    for pair in keys.windows(2) {
        if let [first, second] = pair
            && first.key == second.key
        {
            return Err(RotationError::Same { first: first.name.clone(), second: second.name.clone() });
        }
    }
    keys.sort_by_key(|key| key.state);
    Ok(keys)
}
