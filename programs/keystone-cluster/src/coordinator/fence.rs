//! Giving up being the coordinator, and taking that back.

use std::fs;

use super::answer::{Done, Sealed};
use super::database::{beside, contents};
use super::error::CoordinatorError;
use super::lease::{self, Fenced, Lease};
use super::replica;
use super::settings::Settings;
use super::system::{self, HEADSCALE, LOG, STANDBY, output, stop};

/// Takes the lease away, stops, and tells what there is. From here on nobody is the coordinator.
pub fn fence(settings: &Settings, to: &str, next: u64) -> Result<Sealed, CoordinatorError> {
    let node = || settings.node.clone();
    let held: Option<Lease> = lease::read(&settings.lease())?;
    let fenced: Option<Fenced> = lease::read(&settings.fenced())?;
    match (&fenced, &held) {
        (Some(fenced), _) if fenced.to != to || fenced.generation + 1 != next => {
            return Err(CoordinatorError::FencedForOther {
                node: node(),
                to: fenced.to.clone(),
                generation: fenced.generation + 1,
            });
        }
        (Some(_), _) => {}
        (None, None) => return Err(CoordinatorError::NoLease { node: node() }),
        (None, Some(held)) if held.generation + 1 != next => {
            return Err(CoordinatorError::OtherGeneration {
                node: node(),
                found: held.generation,
                expected: next - 1,
            });
        }
        (None, Some(held)) => lease::write(
            &settings.fenced(),
            &Fenced { holder: held.holder.clone(), generation: held.generation, to: to.to_owned() },
        )?,
    }
    // Only now, so that a crash in between leaves either a coordinator or a fenced one.
    lease::remove(&settings.lease())?;
    stop(&[HEADSCALE])?;
    // litestream writes what is left when it is stopped.
    stop(&[LOG])?;
    seal(settings)
}

/// Makes sure that the log has all that the database has.
fn seal(settings: &Settings) -> Result<Sealed, CoordinatorError> {
    let here = contents(&settings.database)?;
    let txid = replica::last_txid(&settings.log()).ok_or(CoordinatorError::EmptyLog)?;
    let folder = tempfile::tempdir_in(&settings.state)
        .map_err(|source| CoordinatorError::Write { path: settings.state.clone(), source })?;
    let restored = folder.path().join("restored.sqlite");
    let url = format!("file://{}", settings.log().display());
    output("litestream", &["restore", "-o", &restored.to_string_lossy(), &url])?;
    let logged = contents(&restored)?;
    if logged != here {
        return Err(CoordinatorError::LogDiffers { database: here.digest, log: logged.digest });
    }
    Ok(Sealed { txid, contents: here })
}

/// Takes the fence back: this node is the coordinator again, as it was.
pub fn unfence(settings: &Settings, next: u64) -> Result<Done, CoordinatorError> {
    let held: Option<Lease> = lease::read(&settings.lease())?;
    let fenced: Option<Fenced> = lease::read(&settings.fenced())?;
    match (fenced, held) {
        (Some(fenced), _) if fenced.generation + 1 == next => {
            let back = Lease { holder: settings.node.clone(), generation: fenced.generation };
            lease::write(&settings.lease(), &back)?;
            lease::remove(&settings.fenced())?;
        }
        (None, Some(held)) if held.generation + 1 == next => {}
        (Some(fenced), _) => {
            return Err(CoordinatorError::OtherGeneration {
                node: settings.node.clone(),
                found: fenced.generation,
                expected: next - 1,
            });
        }
        (None, _) => return Err(CoordinatorError::NoLease { node: settings.node.clone() }),
    }
    system::start(&[HEADSCALE, LOG])?;
    Ok(Done { done: true })
}

/// Becomes a standby of the new coordinator. The old database is put aside.
pub fn retire(settings: &Settings, holder: &str, generation: u64) -> Result<Done, CoordinatorError> {
    let held: Option<Lease> = lease::read(&settings.lease())?;
    if let Some(held) = held {
        return Err(CoordinatorError::OtherGeneration {
            node: settings.node.clone(),
            found: held.generation,
            expected: generation,
        });
    }
    let known = Lease { holder: holder.to_owned(), generation };
    lease::write(&settings.known(), &known)?;
    lease::remove(&settings.fenced())?;
    put_aside(settings)?;
    system::restart_later(STANDBY)?;
    Ok(Done { done: true })
}

/// Moves this node's database out of the way, and keeps the last one.
pub fn put_aside(settings: &Settings) -> Result<(), CoordinatorError> {
    let database = &settings.database;
    let failed = |source| CoordinatorError::Write { path: database.clone(), source };
    if database.exists() {
        // The log that belongs to it goes first where it goes alone.
        let old = beside(database, ".old");
        for ending in ["-wal", "-shm"] {
            let (from, to) = (beside(database, ending), beside(&old, ending));
            let moved = if from.exists() { fs::rename(&from, &to) } else { remove_if_there(&to) };
            moved.map_err(failed)?;
        }
        fs::rename(database, &old).map_err(failed)?;
    }
    // What litestream remembers of it, and its log.
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    for folder in [database.with_file_name(format!(".{name}-litestream")), settings.log().join("ltx")] {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|source| CoordinatorError::Write { path: folder.clone(), source })?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &std::path::Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
