//! Several files replaced together: all of them or none, whatever happens on the way.
//!
//! Every new file is written beside its place and synced; then a list of them is, which is the point of no return; then each
//! is renamed. Whoever comes next finds the list and goes on, or finds none and removes what lies beside.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::Places;
use crate::fault;
use crate::refusal::Refusal;

const LIST: &str = ".unfinished.json";
const ENDING: &str = ".unfinished";

/// In which folder a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Folder {
    /// Encrypted files.
    Secrets,
    /// Public material.
    Trust,
}

impl Folder {
    fn of(self, places: &Places) -> &Path {
        match self {
            Self::Secrets => &places.secrets,
            Self::Trust => &places.trust,
        }
    }
}

/// A file that is replaced, or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    folder: Folder,
    name: String,
    #[serde(default)]
    gone: bool,
}

impl Listed {
    fn target(&self, places: &Places) -> PathBuf {
        self.folder.of(places).join(&self.name)
    }

    /// A list that names anything outside of the two folders is none of ours.
    fn is_inside(&self) -> bool {
        let parts = Path::new(&self.name).components();
        parts.clone().count() > 0
            && parts.into_iter().all(|part| matches!(part, std::path::Component::Normal(_)))
    }
}

fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}{ENDING}"))
}

/// The folders, taken for one run; others refuse meanwhile.
pub struct Journal<'p> {
    places: &'p Places,
    _lock: File,
}

impl<'p> Journal<'p> {
    /// Takes the folders, and brings to its end what an earlier run began.
    pub fn open(places: &'p Places) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::file("use", &places.trust, &error);
        fs::create_dir_all(&places.trust).map_err(failed)?;
        let lock = File::open(&places.trust).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Refusal::new(format!("another run is writing `{}`", places.trust.display()))
                .fix("wait for it to end, and try again")
        })?;
        let journal = Self { places, _lock: lock };
        journal.resume()?;
        Ok(journal)
    }

    fn list(&self) -> PathBuf {
        self.places.trust.join(LIST)
    }

    fn resume(&self) -> Result<(), Refusal> {
        let path = self.list();
        match fs::read(&path) {
            Ok(bytes) => {
                let listed: Vec<Listed> = serde_json::from_slice(&bytes)
                    .ok()
                    .filter(|listed: &Vec<Listed>| listed.iter().all(Listed::is_inside))
                    .ok_or_else(|| {
                        Refusal::new(format!("`{}` cannot be read", path.display()))
                            .fix("look at `git status` of both folders, then remove it")
                    })?;
                self.finish(&listed)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                clean(&self.places.secrets).and_then(|()| clean(&self.places.trust))
            }
            Err(error) => Err(Refusal::file("read", &path, &error)),
        }
    }

    /// Replaces the files; one without bytes goes.
    pub fn replace<'b>(
        &self,
        files: impl IntoIterator<Item = (Folder, &'b str, Option<&'b [u8]>)>,
    ) -> Result<(), Refusal> {
        let mut listed = Vec::new();
        for (folder, name, bytes) in files {
            let entry = Listed { folder, name: name.to_owned(), gone: bytes.is_none() };
            let target = entry.target(self.places);
            listed.push(entry);
            let Some(bytes) = bytes else { continue };
            stage(&beside(&target), bytes).map_err(|error| Refusal::file("write", &target, &error))?;
        }
        let path = self.list();
        let text = serde_json::to_vec(&listed).map_err(|error| Refusal::new(error.to_string()))?;
        let part = beside(&path);
        stage(&part, &text)
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| File::open(&self.places.trust)?.sync_all())
            .map_err(|error| Refusal::file("write", &path, &error))?;
        fault::point();
        self.finish(&listed)
    }

    fn finish(&self, listed: &[Listed]) -> Result<(), Refusal> {
        for entry in listed {
            let target = entry.target(self.places);
            let done =
                if entry.gone { fs::remove_file(&target) } else { fs::rename(beside(&target), &target) };
            match done {
                // It was done before the program was killed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Refusal::file("write", &target, &error)),
                Ok(()) => fault::point(),
            }
        }
        let path = self.list();
        let mut folders: Vec<PathBuf> = listed
            .iter()
            .filter_map(|entry| entry.target(self.places).parent().map(Path::to_owned))
            .collect();
        folders.dedup();
        folders
            .iter()
            .try_for_each(|folder| File::open(folder)?.sync_all())
            .and_then(|()| {
                fault::point();
                fs::remove_file(&path)
            })
            .and_then(|()| File::open(&self.places.trust)?.sync_all())
            .map_err(|error| Refusal::file("remove", &path, &error))
    }
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fault::point();
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    fault::point();
    file.sync_all()
}

/// Removes what a killed run left beside.
fn clean(folder: &Path) -> Result<(), Refusal> {
    let failed = |error: io::Error| Refusal::file("clean", folder, &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().map_err(failed)?.is_dir() {
            clean(&entry.path())?;
        } else if name.starts_with('.') && name.ends_with(ENDING) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
