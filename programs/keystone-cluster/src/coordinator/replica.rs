//! The log of transactions that litestream writes, and a standby's copy of it.
//!
//! A standby restores into one of two slots while the other still holds what it had: litestream 0.5 cannot resume a copy
//! that is ahead of the latest snapshot, and a copy must not be gone while a new one is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::answer;
use super::database::beside;
use super::error::CoordinatorError;
use super::lease::Lease;
use super::settings::Settings;

const SLOTS: [&str; 2] = ["a", "b"];

/// A copy of one coordinator's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub of: Lease,
    pub database: PathBuf,
    /// Sixteen hexadecimal digits, so that they compare as text.
    pub txid: String,
    pub seconds: u64,
}

impl From<Copy> for answer::Replica {
    fn from(copy: Copy) -> Self {
        Self { of: copy.of, txid: copy.txid, seconds: copy.seconds }
    }
}

/// The last transaction in a log: its files are `<first>-<last>.ltx`, in a folder for each level of compaction.
pub fn last_txid(log: &Path) -> Option<String> {
    let mut last = None;
    for level in fs::read_dir(log.join("ltx")).ok()?.flatten() {
        for file in fs::read_dir(level.path()).into_iter().flatten().flatten() {
            let name = file.file_name();
            let Some(range) = name.to_str().and_then(|name| name.strip_suffix(".ltx")) else { continue };
            let Some((_, txid)) = range.split_once('-') else { continue };
            last = last.max(Some(txid.to_owned()));
        }
    }
    last
}

/// The furthest copy of what a coordinator had under this lease.
pub fn of(settings: &Settings, lease: &Lease) -> Option<Copy> {
    SLOTS.iter().filter_map(|slot| in_slot(settings, lease, slot)).max_by(|a, b| a.txid.cmp(&b.txid))
}

fn in_slot(settings: &Settings, lease: &Lease, slot: &str) -> Option<Copy> {
    let database = settings.replica(&lease.holder, lease.generation, slot);
    let sidecar = beside(&database, "-txid");
    let text = fs::read_to_string(&sidecar).ok()?;
    let txid = text.trim().to_owned();
    let plain = txid.len() == 16 && txid.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !plain || !database.is_file() {
        return None;
    }
    let written = fs::metadata(&sidecar).ok()?.modified().ok()?;
    let seconds = SystemTime::now().duration_since(written).map_or(0, |age| age.as_secs());
    Some(Copy { of: lease.clone(), database, txid, seconds })
}

/// The copy of the highest generation.
pub fn newest(settings: &Settings) -> Option<Copy> {
    leases(settings)
        .into_iter()
        .filter_map(|lease| of(settings, &lease))
        .max_by_key(|copy| copy.of.generation)
}

/// Leases of which there is a folder, `<holder>-<generation>`.
fn leases(settings: &Settings) -> Vec<Lease> {
    let named = |name: &str| {
        let (holder, generation) = name.rsplit_once('-')?;
        Some(Lease { holder: holder.to_owned(), generation: generation.parse().ok()? })
    };
    fs::read_dir(&settings.standby)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| named(entry.file_name().to_str()?))
        .collect()
}

/// An empty place for a new copy; the other slot keeps what there is.
pub fn place(settings: &Settings, lease: &Lease) -> Result<PathBuf, CoordinatorError> {
    let kept = of(settings, lease).map(|copy| copy.database);
    let mut free = SLOTS.map(|slot| settings.replica(&lease.holder, lease.generation, slot)).into_iter();
    let database = free.find(|slot| Some(slot) != kept.as_ref()).unwrap_or_default();
    let folder = database.parent().unwrap_or(Path::new("/"));
    let failed = |source| CoordinatorError::Write { path: folder.to_owned(), source };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    Ok(database)
}

/// Removes copies of earlier coordinators, once there is one of a later.
pub fn prune(settings: &Settings) -> Result<(), CoordinatorError> {
    let Some(newest) = newest(settings) else { return Ok(()) };
    for lease in leases(settings) {
        if lease.generation < newest.of.generation {
            let folder = settings.standby.join(format!("{}-{}", lease.holder, lease.generation));
            fs::remove_dir_all(&folder)
                .map_err(|source| CoordinatorError::Write { path: folder.clone(), source })?;
        }
    }
    Ok(())
}
