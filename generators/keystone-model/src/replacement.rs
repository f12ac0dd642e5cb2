//! Intermediates whose key somebody may know: the lock over the secrets asks for others, until none of them is believed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::trust::Authority;

/// What is asked for, by authority.
pub type Replacements = BTreeMap<Authority, Replacement>;

/// Why an intermediate has to be another one, and which of its certificates nobody may believe any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Replacement {
    /// Reasons, such as `bob left`.
    pub because: BTreeSet<String>,
    /// Since when.
    pub since: String,
    /// SHA-256 of each certificate whose key may be known, in hexadecimal digits.
    pub known: BTreeSet<String>,
}

impl Replacement {
    /// The reasons in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        self.because.iter().cloned().collect::<Vec<_>>().join(", ")
    }
}

/// What `secrets/lock.json` asks for; nothing where it does not.
///
/// # Errors
/// When the text is no lock.
pub fn requested(lock: &[u8]) -> Result<Replacements, serde_json::Error> {
    #[derive(Deserialize)]
    struct Asks {
        #[serde(default)]
        replace: Replacements,
    }
    serde_json::from_slice(lock).map(|Asks { replace }| replace)
}
