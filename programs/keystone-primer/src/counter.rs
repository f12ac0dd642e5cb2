//! Whether the state folder is an older one that somebody put back, as far as this machine's TPM can say.
//!
//! The folder holds the value that the TPM's counter has, or is about to have: it is written first, and then the TPM counts.
//! Whoever was killed between the two has a folder that is ahead by one, which is put right at the next start. A folder that
//! is behind is an older one.

use std::sync::PoisonError;

use keystone_protector::counter;
use serde::{Deserialize, Serialize};

use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::store::Store;

const FILE: &str = "counter.json";

/// What the state folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    value: u64,
}

/// What the TPM says of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Age {
    /// Nothing: no counter belongs to it.
    Uncounted,
    /// It is the one that was counted last.
    Newest,
    /// It is an older one.
    RolledBack,
    /// The counter cannot be asked, or is another's.
    Unknown(String),
}

fn age(kept: u64, counted: Result<Option<u64>, keystone_protector::ProtectorError>) -> Age {
    match counted {
        Ok(Some(counted)) if kept == counted || kept == counted.saturating_add(1) => Age::Newest,
        Ok(Some(counted)) if kept < counted => Age::RolledBack,
        Ok(_) => Age::Unknown("the TPM is another one, or was cleared".to_owned()),
        Err(error) => Age::Unknown(error.to_string()),
    }
}

/// Ties a state folder to the counter of this machine's TPM.
pub fn tie(store: &Store) -> Result<(), Refusal> {
    let value = counter::begin().map_err(|error| Refusal::new(error.to_string()))?;
    store.save(FILE, &Counter { value })
}

impl Primer {
    /// How old the state folder is.
    pub fn age(&self) -> Result<Age, Refusal> {
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Option<Counter> = self.inner().store.load(FILE)?;
        Ok(kept.map_or(Age::Uncounted, |kept| age(kept.value, counter::read())))
    }

    /// Something was written that must not be undone: the TPM counts it. An older folder is not made the newest by it.
    pub fn count(&self) -> Result<(), Refusal> {
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = self.inner().store.load::<Counter>(FILE)? else { return Ok(()) };
        let counted = match counter::read() {
            Ok(Some(counted)) if age(kept.value, Ok(Some(counted))) == Age::Newest => counted,
            // `status` says which of the others it is, as long as it is so.
            _ => return Ok(()),
        };
        self.inner().store.save(FILE, &Counter { value: counted + 1 })?;
        counter::advance().map(drop).map_err(|error| Refusal::new(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Age, age};

    #[test]
    fn a_folder_that_is_behind_is_an_older_one_and_one_that_is_ahead_by_one_was_interrupted() {
        assert_eq!(age(7, Ok(Some(7))), Age::Newest);
        assert_eq!(age(8, Ok(Some(7))), Age::Newest);
        assert_eq!(age(6, Ok(Some(7))), Age::RolledBack);
        assert_eq!(age(9, Ok(Some(7))), Age::Unknown("the TPM is another one, or was cleared".to_owned()));
        assert_eq!(age(7, Ok(None)), Age::Unknown("the TPM is another one, or was cleared".to_owned()));
    }
}
