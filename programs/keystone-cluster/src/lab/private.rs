//! Keys of the lab as files, as the programs beside the primers want them: readable by their owner alone, and opened with
//! throw-away identities only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use keystone_secrets::{Keyring, Nobody, Plain, open};

use super::LabError;

/// The folder of throw-away identities, as checks/fixtures has it.
pub struct Identities {
    folder: PathBuf,
}

impl Identities {
    /// Those of that folder, if it has these.
    pub fn find(folder: &Path, wanted: &[String]) -> Result<Self, LabError> {
        let found = Self { folder: folder.to_owned() };
        match wanted.iter().map(|identity| found.path(identity)).find(|path| !path.is_file()) {
            Some(missing) => Err(LabError::NoIdentity(missing)),
            None => Ok(found),
        }
    }

    fn path(&self, identity: &str) -> PathBuf {
        self.folder.join(format!("{identity}.txt"))
    }

    /// What a secret of the lab holds.
    pub fn open(&self, identity: &str, file: &Path) -> Result<Plain, LabError> {
        let with = self.path(identity);
        let closed =
            |reason: String| LabError::Closed { file: file.to_owned(), identity: with.clone(), reason };
        let bytes = fs::read(file).map_err(LabError::file(file))?;
        let keyring =
            Keyring::read(std::slice::from_ref(&with), &Nobody).map_err(|error| closed(error.to_string()))?;
        open(&bytes, &keyring, false).map_err(|error| closed(error.to_string()))?.map_err(closed)
    }
}

/// Makes a folder that others cannot enter.
pub fn folder(path: &Path) -> Result<(), LabError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(LabError::file(path))
}

/// Writes a file that others cannot read.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    // What a killed run left is written over.
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(LabError::file(path))
}
