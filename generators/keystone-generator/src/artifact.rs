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

/// Writes all files below `folder`: each beside its target first, and only when all are there, each over its target.
/// So a full disk leaves every old file as it was.
///
/// # Errors
/// The first file that could not be written, with the system's reason.
pub fn write_all(folder: &Path, artifacts: &[Artifact]) -> io::Result<()> {
    let mut ready = Vec::with_capacity(artifacts.len());
    for artifact in artifacts {
        let target = folder.join(&artifact.path);
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", target.display()));
        let parent = target.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(named)?;
        let mut file = tempfile::Builder::new()
            .prefix(".keystone-")
            .permissions(readable_by_all())
            .tempfile_in(parent)
            .map_err(named)?;
        io::Write::write_all(&mut file, artifact.contents.as_bytes()).map_err(named)?;
        ready.push((file, target));
    }
    for (file, target) in ready {
        file.persist(&target).map_err(|error| {
            io::Error::new(error.error.kind(), format!("`{}`: {}", target.display(), error.error))
        })?;
    }
    Ok(())
}

/// Nothing that is rendered is a secret, and services that are not root read it.
fn readable_by_all() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}
