//! What is intended, kept by the primer, so that a run that ended anywhere is continued or taken back.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::plan::Goal;
use crate::commands::Client;
use crate::control::Command;
use crate::refusal::Refusal;

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Journal {
    /// Version of the form.
    pub version: u32,
    /// Who shall vote in the end.
    pub goal: Goal,
    /// Those that it made members: written down before they become some.
    pub added: BTreeSet<String>,
    /// Whether a primer may have been taken out already; from then on there is no way back.
    pub removing: bool,
}

impl Journal {
    /// A new one.
    #[must_use]
    pub fn new(goal: Goal) -> Self {
        Self { version: 1, goal, added: BTreeSet::new(), removing: false }
    }

    /// The one that is under way, if there is one.
    pub fn load(client: &Client) -> Result<Option<Self>, Refusal> {
        let found = client.ask_or_do(&Command::Handoff { journal: None, end: false })?;
        serde_json::from_value(found["journal"].clone())
            .map_err(|error| Refusal::new(format!("the journal of the handoff cannot be read: {error}")))
    }

    /// Writes it down.
    pub fn save(&self, client: &Client) -> Result<(), Refusal> {
        let journal = serde_json::to_value(self).map_err(|error| Refusal::new(error.to_string()))?;
        client.ask_or_do(&Command::Handoff { journal: Some(journal), end: false }).map(drop)
    }

    /// It is over: it stays in the record, and is no journal any more.
    pub fn end(&self, client: &Client) -> Result<(), Refusal> {
        let journal = serde_json::to_value(self).map_err(|error| Refusal::new(error.to_string()))?;
        client.ask_or_do(&Command::Handoff { journal: Some(journal), end: true }).map(drop)
    }
}
