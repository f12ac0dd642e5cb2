//! The state folder: one program at a time, strict permissions, and every file replaced whole or not at all.
//!
//! A file is written beside its place, synced, and renamed; then the folder is synced. Whoever pulls the plug at any
//! point leaves the old file or the new one, and at most a leftover that the next start removes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::fault;
use crate::refusal::Refusal;

/// The folder's version, in its file `version`.
const VERSION: &str = "1\n";
/// No file of ours is as large.
const LARGEST: u64 = 16 << 20;
const UNFINISHED: &str = ".unfinished-";

/// What an act leaves behind is smaller.
const ROOM: usize = 64 << 10;

/// Where a file is written before it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{UNFINISHED}{name}"))
}

/// The state folder of a primer, held until it is dropped.
pub struct Store {
    root: PathBuf,
    _lock: File,
}

impl Store {
    /// Takes the folder, which is made if it does not exist.
    pub fn open(folder: &Path) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::file("use", folder, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let found = fs::metadata(folder).map_err(failed)?;
        if found.mode() & 0o077 != 0 {
            return Err(Refusal::new(format!(
                "`{}` can be entered by others (mode {:o})",
                folder.display(),
                found.mode() & 0o777
            ))
            .fix(format!("chmod 700 {}", folder.display())));
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => Refusal::new(format!("another program uses `{}`", folder.display()))
                .fix("ask the running primer instead: keystone-primer status"),
            other => failed(other.into()),
        })?;
        let store = Self { root: folder.to_owned(), _lock: lock };
        store.check_version()?;
        Self::clean(&store.root)?;
        Ok(store)
    }

    fn check_version(&self) -> Result<(), Refusal> {
        match self.read("version")? {
            None => Ok(()),
            Some(found) if found.as_slice() == VERSION.as_bytes() => Ok(()),
            Some(found) => Err(Refusal::new(format!(
                "`{}` is of version {}, and this program knows {}",
                self.root.display(),
                String::from_utf8_lossy(&found).trim(),
                VERSION.trim()
            ))
            .fix("run the program that wrote it, or a newer one")),
        }
    }

    /// Marks the folder as begun: from now on it is state, and `init` refuses it.
    pub fn seal_version(&self) -> Result<(), Refusal> {
        self.write("version", VERSION.as_bytes())
    }

    /// Whether there is state.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.root.join("version").exists()
    }

    /// Removes what an initialisation left that did not come to its end.
    pub fn clear_unbegun(&self) -> Result<(), Refusal> {
        if self.begun() {
            return Ok(());
        }
        for name in ["node.key", "slots.json", "members.json", "identity.json", "tokens.json"] {
            self.remove(name)?;
        }
        match fs::remove_dir_all(self.root.join("transcript")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Refusal::file("remove", &self.root.join("transcript"), &error))
            }
            _ => Ok(()),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file's bytes, if it exists.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
        let path = self.root.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Refusal::file("read", &path, &error)),
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| Refusal::file("read", &path, &error))?;
        Ok(Some(bytes))
    }

    /// A file's contents as JSON, if it exists.
    pub fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            // Line and column, and not the text: it may be a secret.
            Refusal::new(format!(
                "`{}` is damaged at line {}, column {}",
                self.root.join(name).display(),
                error.line(),
                error.column()
            ))
            .fix("restore the folder from a snapshot of this primer, or let the others repair it")
        })
    }

    /// Puts a file in its place as JSON.
    pub fn save<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Refusal> {
        let mut bytes = Zeroizing::new(
            serde_json::to_vec_pretty(value)
                .map_err(|error| Refusal::new(format!("cannot write {name}: {error}")))?,
        );
        bytes.push(b'\n');
        self.write(name, &bytes)
    }

    /// Puts a file in its place, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let path = self.root.join(name);
        self.replace(&path, bytes).map_err(|error| {
            // What did not fit must not take the room of what will.
            let _ = fs::remove_file(unfinished(&path));
            Refusal::file("write", &path, &error)
        })
    }

    /// Whether there is room for what an act leaves behind: asked before it, as what was signed cannot be taken back.
    pub fn has_room(&self) -> Result<(), Refusal> {
        let path = self.root.join(format!("{UNFINISHED}room"));
        let tried = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(&vec![0x5a; ROOM]).and_then(|()| file.sync_data()));
        let _ = fs::remove_file(&path);
        tried.map_err(|error| {
            Refusal::file("write to", &self.root, &error)
                .fix("make room on its file system; nothing was done")
        })
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        if folder != self.root && !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            File::open(&self.root)?.sync_all()?;
            if let Some(above) = folder.parent() {
                File::open(above)?.sync_all()?;
            }
        }
        let unfinished = unfinished(path);
        fault::point();
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        fault::point();
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        fault::point();
        file.write_all(rest)?;
        fault::point();
        file.sync_all()?;
        fault::point();
        fs::rename(&unfinished, path)?;
        fault::point();
        File::open(folder)?.sync_all()?;
        fault::point();
        Ok(())
    }

    /// Removes a file, if it exists.
    pub fn remove(&self, name: &str) -> Result<(), Refusal> {
        let path = self.root.join(name);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other,
        };
        fault::point();
        removed
            .and_then(|()| File::open(path.parent().unwrap_or(&self.root))?.sync_all())
            .map_err(|error| Refusal::file("remove", &path, &error))
    }

    /// Names in a folder of the state, in order; none if it does not exist.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, Refusal> {
        let path = self.root.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Refusal::file("read", &path, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Refusal::file("read", &path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with(UNFINISHED) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes what a killed program left.
    fn clean(folder: &Path) -> Result<(), Refusal> {
        let failed = |error: io::Error| Refusal::file("clean", folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                Self::clean(&entry.path())?;
            } else if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
