//! Backups whose headers were wrapped anew for a later backup key, as the record has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::groups;
use crate::primer::Primer;
use crate::refusal::Refusal;

const ENTRY: &str = "backup-wrapped";

/// One header in the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Wrapping {
    /// What the file is called; nothing proves it.
    pub claimed: String,
    /// The generation of the backup key that opens it from now on.
    pub generation: u32,
    /// SHA-256 of the header before, in hexadecimal digits.
    pub before: String,
    /// SHA-256 of the header now.
    pub after: String,
}

impl Primer {
    /// Writes down that a header was wrapped anew.
    pub fn record_wrapped(self: &Arc<Self>, wrapping: &Wrapping) -> Result<Value, Refusal> {
        let summary = format!(
            "{} (claimed) was wrapped anew for the backup key G{}",
            wrapping.claimed, wrapping.generation
        );
        self.record(ENTRY, &summary, json!(wrapping))?;
        Ok(json!({}))
    }

    /// The recipient of backups, and which headers are wrapped for which generation of its key, by all records.
    pub fn wrapped(&self) -> Result<Value, Refusal> {
        let mut headers = BTreeMap::new();
        for entry in self.recorded(ENTRY)? {
            if let Ok(wrapping) = serde_json::from_value::<Wrapping>(entry.details) {
                headers.insert(wrapping.after, wrapping.generation);
            }
        }
        let recipient = groups::backup_recipient(&self.inner().store)?;
        Ok(json!({ "recipient": recipient, "headers": headers }))
    }
}
