//! The lease: which node is the coordinator, and the how many-eth that is.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::CoordinatorError;

/// Only the node that it names may run Headscale. Of two, the one of the higher generation holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub holder: String,
    pub generation: u64,
}

/// A lease that its holder gave up for another node, which does not have the next one yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    pub holder: String,
    pub generation: u64,
    pub to: String,
}

/// Waits until no other verb changes anything; until this is dropped, none does.
pub fn alone(lock: &Path) -> Result<File, CoordinatorError> {
    let failed = |source| CoordinatorError::Write { path: lock.to_owned(), source };
    if let Some(folder) = lock.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().create(true).append(true).open(lock).map_err(failed)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(file)
}

/// What the file says; none where there is no file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CoordinatorError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| CoordinatorError::Damaged { path: path.to_owned(), reason: error.to_string() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CoordinatorError::Read { path: path.to_owned(), source }),
    }
}

/// Writes the file, whole or not at all, and returns when it is on the disk.
pub fn write(path: &Path, document: &impl Serialize) -> Result<(), CoordinatorError> {
    let failed = |source| CoordinatorError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut text =
        serde_json::to_vec(document).map_err(|error| CoordinatorError::Answer(error.to_string()))?;
    text.push(b'\n');
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    // The umask of whoever calls does not matter: every candidate may read what is no secret.
    file.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync(folder)
}

/// Removes the file, if it is there, and returns when that is on the disk.
pub fn remove(path: &Path) -> Result<(), CoordinatorError> {
    match fs::remove_file(path) {
        Ok(()) => sync(path.parent().unwrap_or(Path::new("/"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(CoordinatorError::Write { path: path.to_owned(), source }),
    }
}

/// Returns when the folder's entries are on the disk.
pub fn sync(folder: &Path) -> Result<(), CoordinatorError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| CoordinatorError::Write { path: folder.to_owned(), source })
}
