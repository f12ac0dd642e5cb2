//! What is intended, kept by the primer, so that a run that ended anywhere is continued or given up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::commands::Client;
use crate::control::Command;
use crate::refusal::Refusal;

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Journal {
    /// Version of the form.
    pub version: u32,
    /// Names the folders of the new members, and makes their token another than any before.
    pub label: String,
    /// Who shall be a member.
    pub members: Vec<String>,
    /// Who is off, and stays off until it is deployed anew.
    pub lost: BTreeSet<String>,
    /// The number of the new cluster, in hexadecimal digits, as soon as it is known.
    pub cluster: Option<String>,
    /// The last revision of what was saved, as soon as it is.
    pub revision: Option<u64>,
}

impl Journal {
    /// The one that is under way, if there is one.
    pub fn load(client: &Client) -> Result<Option<Self>, Refusal> {
        let found = client.ask_or_do(&Command::Recovery { journal: None, end: false })?;
        serde_json::from_value(found["journal"].clone())
            .map_err(|error| Refusal::new(format!("the journal of the recovery cannot be read: {error}")))
    }

    /// Writes it down.
    pub fn save(&self, client: &Client) -> Result<(), Refusal> {
        self.tell(client, false)
    }

    /// It is over: it stays in the record, and is no journal any more.
    pub fn end(&self, client: &Client) -> Result<(), Refusal> {
        self.tell(client, true)
    }

    fn tell(&self, client: &Client, end: bool) -> Result<(), Refusal> {
        let journal = serde_json::to_value(self).map_err(|error| Refusal::new(error.to_string()))?;
        client.ask_or_do(&Command::Recovery { journal: Some(journal), end }).map(drop)
    }

    /// The number of the new cluster.
    pub fn number(&self) -> Option<u64> {
        u64::from_str_radix(self.cluster.as_ref()?, 16).ok()
    }
}
