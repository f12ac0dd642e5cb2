//! The output folder: replaced as a whole, or left as it was.
//!
//! Everything is written to a folder beside it, synced, and then exchanged with it in one step of the file system. A
//! run that is killed leaves the old folder and, beside it, an unfinished one that the next run removes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use keystone_generator::Artifact;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use thiserror::Error;

use crate::manifest::MANIFEST;

#[derive(Debug, Error)]
pub enum OutputError {
    #[error("`{}` holds something that was not rendered (it has no `{MANIFEST}`); choose a new or an empty folder", .0.display())]
    Foreign(PathBuf),
    #[error("`{}` is no folder; choose a new or an empty one", .0.display())]
    NoFolder(PathBuf),
    #[error("another run is writing `{}`; wait for it to end", .0.display())]
    Busy(PathBuf),
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// A folder that may be replaced.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    unfinished: PathBuf,
    /// Held until the end: another run waits for nothing, it refuses.
    _lock: File,
}

impl Output {
    /// Makes sure that the folder may be replaced, and makes the one beside it.
    pub fn prepare(folder: &Path) -> Result<Self, OutputError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OutputError::Write { path, source }
        };
        match fs::metadata(folder) {
            Ok(metadata) if !metadata.is_dir() => return Err(OutputError::NoFolder(folder.to_owned())),
            Ok(_) => {
                let mut entries = fs::read_dir(folder).map_err(failed(folder))?;
                if entries.next().is_some() && !folder.join(MANIFEST).is_file() {
                    return Err(OutputError::Foreign(folder.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(folder)(error)),
        }
        let Some(name) = folder.file_name() else { return Err(OutputError::NoFolder(folder.to_owned())) };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".unfinished");
        let parent = folder.parent().unwrap_or(Path::new(""));
        let unfinished = parent.join(hidden);
        if !parent.as_os_str().is_empty() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        match fs::create_dir(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(&unfinished)(error));
            }
            _ => {}
        }
        let lock = File::open(&unfinished).map_err(failed(&unfinished))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => OutputError::Busy(folder.to_owned()),
            other => failed(&unfinished)(other.into()),
        })?;
        // What a killed run left.
        empty(&unfinished).map_err(failed(&unfinished))?;
        Ok(Self { folder: folder.to_owned(), unfinished, _lock: lock })
    }

    /// Writes the files and puts them in the folder's place.
    pub fn replace(self, files: &[Artifact]) -> Result<(), OutputError> {
        let written = self.write(files).and_then(|()| self.exchange());
        if written.is_err() {
            // The error that matters is the first one.
            let _ = fs::remove_dir_all(&self.unfinished);
        }
        written
    }

    fn write(&self, files: &[Artifact]) -> Result<(), OutputError> {
        let mut made: Option<PathBuf> = None;
        for file in files {
            let path = self.unfinished.join(&file.path);
            let failed = |source| OutputError::Write { path: self.folder.join(&file.path), source };
            let parent = path.parent().unwrap_or(&self.unfinished);
            // Files come ordered by path, so those of one folder follow each other.
            if made.as_deref() != Some(parent) {
                fs::create_dir_all(parent).map_err(failed)?;
                made = Some(parent.to_owned());
            }
            let mut target = File::create_new(&path).map_err(failed)?;
            target.write_all(file.contents.as_bytes()).map_err(failed)?;
        }
        // One sync of the file system instead of one of each of thousands of files.
        File::open(&self.unfinished)
            .and_then(|root| rustix::fs::syncfs(&root).map_err(io::Error::from))
            .map_err(|source| OutputError::Write { path: self.folder.clone(), source })
    }

    fn exchange(&self) -> Result<(), OutputError> {
        let failed = |source: io::Error| OutputError::Write { path: self.folder.clone(), source };
        match renameat_with(CWD, &self.unfinished, CWD, &self.folder, RenameFlags::EXCHANGE) {
            // The old folder is now the one beside the new.
            Ok(()) => fs::remove_dir_all(&self.unfinished).map_err(failed),
            Err(Errno::NOENT) => fs::rename(&self.unfinished, &self.folder).map_err(failed),
            Err(error) => Err(failed(error.into())),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Empty when nothing was written; gone when everything was.
        let _ = fs::remove_dir(&self.unfinished);
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
