//! `secrets/lock.json`: what every file is, for whom, and whose value it holds since when; without any secret.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::replacement::Replacements;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::tree::Tree;

/// Path of the lock.
pub const LOCK: &str = "secrets/lock.json";
/// Path of its signature.
pub const SIGNATURE: &str = "secrets/lock.json.sig";

/// All files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// SHA-256 of what the secret of commitments holds, whose key nobody guesses: one that somebody else encrypted holds
    /// something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitments: Option<String>,
    /// Intermediates that have to be others, as somebody who left may know their keys.
    #[serde(default, skip_serializing_if = "Replacements::is_empty")]
    pub replace: Replacements,
    /// By path.
    pub files: BTreeMap<String, Entry>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// For whom it is encrypted, as whoever signed claims; none where nobody knows.
    pub recipients: BTreeSet<String>,
    /// Everybody who could ever read this value, also those for whom it is encrypted no more.
    pub readers: BTreeSet<String>,
    /// How often the value became another one.
    pub generation: u64,
    /// When it was written.
    pub time: String,
    /// Who wrote it.
    pub who: String,
    /// How far a rotation in several steps is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

impl Entry {
    /// Those who could read the value and are no recipients any more.
    #[must_use]
    pub fn leavers(&self) -> BTreeSet<&String> {
        self.readers.difference(&self.recipients).collect()
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: 1, commitments: None, replace: Replacements::new(), files: BTreeMap::new() }
    }
}

impl Lock {
    /// Reads the tree's, and its bytes, if there is one.
    ///
    /// # Errors
    /// When it is no lock.
    pub fn read(tree: &Tree) -> Result<Option<(Self, Vec<u8>)>, Error> {
        let Some(bytes) = tree.read(LOCK)? else { return Ok(None) };
        Ok(Some((Self::parse(&bytes)?, bytes)))
    }

    /// Reads a lock's text.
    ///
    /// # Errors
    /// When it is no lock.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let lock: Self = serde_json::from_slice(bytes).map_err(|error| Error::Lock(error.to_string()))?;
        if lock.version != 1 {
            return Err(Error::Lock(format!("it is of version {}, and this program knows 1", lock.version)));
        }
        Ok(lock)
    }

    /// Its text: always the same for the same files.
    ///
    /// # Errors
    /// Never, in fact.
    pub fn text(&self) -> Result<Vec<u8>, Error> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::Lock(error.to_string()))?;
        text.push(b'\n');
        Ok(text)
    }
}
