//! Rendered files, and how they get to disk: all of them or none.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Its path below the folder that is written to, with `/`: `mesh/policy.json`.
    pub path: String,
    /// Its text.
    pub contents: String,
}

impl Artifact {
    /// A file `path` that holds `contents`.
    pub fn new(path: impl Into<String>, contents: impl Into<String>) -> Self {
        Self { path: path.into(), contents: contents.into() }
    }
}

/// How a file on disk differs from what would be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Difference {
    /// It does not exist.
    #[error("`{}` is missing", .0.display())]
    Missing(PathBuf),
    /// It holds something else, from this line on.
    #[error("`{}` differs from line {line} on", path.display())]
    Stale {
        /// The file.
        path: PathBuf,
        /// The first line that differs, from 1.
        line: usize,
    },
    /// It cannot be read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What differs between `artifacts` and the files below `folder`. Files that no artifact names are not looked at, as
/// a folder may hold the work of several generators.
#[must_use]
pub fn compare(folder: &Path, artifacts: &[Artifact]) -> Vec<Difference> {
    artifacts
        .iter()
        .filter_map(|artifact| differs(&folder.join(&artifact.path), &artifact.contents))
        .collect()
}

pub(crate) fn differs(path: &Path, expected: &str) -> Option<Difference> {
    match std::fs::read(path) {
        Ok(found) if found == expected.as_bytes() => None,
        Ok(found) => {
            let same = found.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b);
            let line = same.filter(|(byte, _)| **byte == b'\n').count() + 1;
            Some(Difference::Stale { path: path.to_owned(), line })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Difference::Missing(path.to_owned())),
        Err(error) => Some(Difference::Unreadable { path: path.to_owned(), reason: error.to_string() }),
    }
}

/// Why files could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// One of them has no place to go; every old file is as it was.
    #[error("nothing was changed: cannot write `{}`: {source}", path.display())]
    Prepare {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// All were ready, and one could not take its place.
    #[error("cannot replace `{}`: {source}; {replaced} of {all} files are new already", path.display())]
    Replace {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// How many had taken theirs.
        replaced: usize,
        /// How many there are.
        all: usize,
    },
}

/// Writes all files below `folder`: each beside its target first, and only when all are there, each over its target.
/// So a full disk leaves every old file as it was.
///
/// # Errors
/// The first file that could not be written, with the system's reason.
pub fn write_all(folder: &Path, artifacts: &[Artifact]) -> Result<(), WriteError> {
    let mut ready = Vec::with_capacity(artifacts.len());
    for artifact in artifacts {
        let path = folder.join(&artifact.path);
        match beside(&path, folder, &artifact.contents) {
            Ok(file) => ready.push((file, path)),
            Err(source) => return Err(WriteError::Prepare { path, source }),
        }
    }
    let all = ready.len();
    for (replaced, (file, path)) in ready.into_iter().enumerate() {
        file.persist(&path).map_err(|error| WriteError::Replace {
            path,
            source: error.error,
            replaced,
            all,
        })?;
    }
    Ok(())
}

/// The text in a file beside its target, which vanishes unless it takes the target's place.
fn beside(target: &Path, folder: &Path, text: &str) -> io::Result<tempfile::NamedTempFile> {
    // Whoever runs as root would put a file in the place of a device.
    if std::fs::metadata(target).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists and is no ordinary file"));
    }
    let parent = target.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)?;
    // The folder of a path without one is the current folder.
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let mut file =
        tempfile::Builder::new().prefix(".keystone-").permissions(readable_by_all()).tempfile_in(parent)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(file)
}

/// Nothing that is rendered is a secret, and services that are not root read it.
fn readable_by_all() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
