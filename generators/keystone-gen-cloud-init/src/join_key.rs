//! The single-use key of one machine. Never shown, not even in an error.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A key of Headscale: `hskey-auth-`, twelve characters, `-`, sixty-four.
pub struct JoinKey(String);

/// Why a text is no key. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("holds no key of Headscale (`hskey-auth-…`); mint one with `keystone-cluster mesh enroll NODE`")]
pub struct JoinKeyError;

impl FromStr for JoinKey {
    type Err = JoinKeyError;

    fn from_str(text: &str) -> Result<Self, JoinKeyError> {
        let urlsafe = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let fits = text
            .strip_prefix("hskey-auth-")
            .and_then(|rest| Some((rest.get(..12)?, rest.get(12..13)?, rest.get(13..)?)))
            .is_some_and(|(id, dash, secret)| {
                urlsafe(id) && dash == "-" && secret.len() == 64 && urlsafe(secret)
            });
        if fits { Ok(Self(text.to_owned())) } else { Err(JoinKeyError) }
    }
}

impl JoinKey {
    /// The key, for the one file that holds it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinKey(…)")
    }
}
