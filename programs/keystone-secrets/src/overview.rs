//! Every secret at a glance, without any private key.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::verify::called;
use crate::work::Work;

/// A secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Whether its file is there.
    pub exists: bool,
    /// Who opens it, by the rules.
    pub opens_for: BTreeSet<String>,
    /// Who could read its value, and may not any more.
    pub also_known_to: BTreeSet<String>,
    /// Generation of its value, where the lock knows it.
    pub generation: Option<u64>,
    /// When it was written.
    pub time: Option<String>,
    /// Who wrote it.
    pub who: Option<String>,
    /// How far a rotation in several steps is.
    pub stage: Option<String>,
}

/// All of them, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn overview(work: &Work<'_>) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (path, rule) in work.rules.iter() {
        let entry = work.lock.as_ref().and_then(|lock| lock.files.get(path));
        let gone =
            entry.iter().flat_map(|entry| &entry.readers).filter(|key| !rule.public_keys.contains(key));
        lines.push(Line {
            name: crate::tree::name_of(path).to_owned(),
            exists: work.tree.read(path)?.is_some(),
            opens_for: rule.public_keys.iter().map(|key| called(work, key)).collect(),
            also_known_to: gone.map(|key| called(work, key)).collect(),
            generation: entry.map(|entry| entry.generation),
            time: entry.map(|entry| entry.time.clone()),
            who: entry.map(|entry| entry.who.clone()),
            stage: entry.and_then(|entry| entry.stage.clone()),
        });
    }
    Ok(lines)
}
