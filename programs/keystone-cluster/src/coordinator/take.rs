//! Becoming the coordinator.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::answer::{Done, Sealed, Serving};
use super::database::{beside, check, contents};
use super::error::CoordinatorError;
use super::fence::put_aside;
use super::lease::{self, Lease};
use super::peers;
use super::replica::{self, Copy};
use super::settings::Settings;
use super::system::{self, HEADSCALE, LOG, STANDBY};

/// How long a standby may need for the last transactions.
const CATCH_UP: Duration = Duration::from_secs(60);
/// How long Headscale may need to answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Neither litestream nor Headscale tells when it is there.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Waits for a transaction of a coordinator that stopped, and sets the state aside as a checked copy. Without a
/// transaction it takes what there is.
pub fn receive(
    settings: &Settings,
    from: &str,
    generation: u64,
    txid: Option<&str>,
) -> Result<Sealed, CoordinatorError> {
    let of = Lease { holder: from.to_owned(), generation };
    let copy = wait(settings, &of, txid)?;
    system::stop(&[STANDBY])?;
    let received = settings.received();
    let failed = |source| CoordinatorError::Write { path: received.clone(), source };
    let unfinished = beside(&received, ".new");
    fs::create_dir_all(&settings.state).map_err(failed)?;
    fs::copy(&copy.database, &unfinished).map_err(failed)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).map_err(failed)?;
    check(&unfinished)?;
    let contents = contents(&unfinished)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, &received).map_err(failed)?;
    lease::sync(&settings.state)?;
    Ok(Sealed { txid: copy.txid, contents })
}

fn wait(settings: &Settings, of: &Lease, txid: Option<&str>) -> Result<Copy, CoordinatorError> {
    let started = Instant::now();
    loop {
        let copy = replica::of(settings, of);
        match (copy, txid) {
            (Some(copy), None) => return Ok(copy),
            (Some(copy), Some(wanted)) if copy.txid.as_str() >= wanted => return Ok(copy),
            (None, None) => break,
            (_, Some(_)) if started.elapsed() > CATCH_UP => break,
            _ => sleep(LOOK_AGAIN),
        }
    }
    match (replica::of(settings, of), txid) {
        (Some(copy), Some(wanted)) => Err(CoordinatorError::Behind {
            node: settings.node.clone(),
            reached: copy.txid,
            wanted: wanted.to_owned(),
            seconds: CATCH_UP.as_secs(),
        }),
        _ => Err(CoordinatorError::NoReplica {
            node: settings.node.clone(),
            from: of.holder.clone(),
            generation: of.generation,
        }),
    }
}

/// Puts the copy in place and takes the lease: the point of no return.
pub fn adopt(settings: &Settings, generation: u64) -> Result<Done, CoordinatorError> {
    let own = Lease { holder: settings.node.clone(), generation };
    if lease::read::<Lease>(&settings.lease())?.as_ref() != Some(&own) {
        if let Some(known) = lease::read::<Lease>(&settings.known())?
            && known.generation >= generation
        {
            return Err(CoordinatorError::Newer { node: settings.node.clone(), known, generation });
        }
        let received = settings.received();
        if !received.is_file() {
            return Err(CoordinatorError::NothingReceived { node: settings.node.clone() });
        }
        system::stop(&[STANDBY, HEADSCALE, LOG])?;
        install(settings, &received)?;
        lease::write(&settings.lease(), &own)?;
    }
    lease::write(&settings.known(), &own)?;
    lease::remove(&settings.received())?;
    Ok(Done { done: true })
}

fn install(settings: &Settings, received: &Path) -> Result<(), CoordinatorError> {
    let database = &settings.database;
    let failed = |source| CoordinatorError::Write { path: database.clone(), source };
    let folder = database.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(failed)?;
    let unfinished = beside(database, ".new");
    fs::copy(received, &unfinished).map_err(failed)?;
    let owner = fs::metadata(folder).map_err(failed)?;
    chown(&unfinished, Some(owner.uid()), Some(owner.gid())).map_err(failed)?;
    // Standbys read the log, whose files litestream makes with the mode of the database.
    fs::set_permissions(&unfinished, Permissions::from_mode(0o640)).map_err(failed)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
    put_aside(settings)?;
    fs::rename(&unfinished, database).map_err(failed)?;
    lease::sync(folder)
}

/// Starts Headscale, and returns when it answers.
pub fn start(settings: &Settings, generation: u64) -> Result<Serving, CoordinatorError> {
    match lease::read::<Lease>(&settings.lease())? {
        None => return Err(CoordinatorError::NoLease { node: settings.node.clone() }),
        Some(held) if held.generation != generation => {
            return Err(CoordinatorError::OtherGeneration {
                node: settings.node.clone(),
                found: held.generation,
                expected: generation,
            });
        }
        Some(_) => {}
    }
    system::start(&[HEADSCALE])?;
    let started = Instant::now();
    loop {
        if let Some(key) = peers::own_key(settings) {
            system::start(&[LOG])?;
            return Ok(Serving { key });
        }
        if started.elapsed() > ANSWER {
            return Err(CoordinatorError::NoAnswer {
                node: settings.node.clone(),
                url: settings.url.clone(),
                seconds: ANSWER.as_secs(),
            });
        }
        sleep(LOOK_AGAIN);
    }
}
