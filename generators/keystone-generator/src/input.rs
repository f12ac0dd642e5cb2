//! Reading the inventory and the trust folder from disk.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use keystone_model::{Finding, Format, Inventory, MAX_BYTES, Trust, TrustError};
use thiserror::Error;
use walkdir::WalkDir;

/// Where the input lies.
#[derive(Debug, Clone)]
pub struct Input {
    /// The inventory; `.json` is read as JSON, everything else as TOML.
    pub inventory: PathBuf,
    /// The trust folder; by default the folder `trust` beside the inventory.
    pub trust: Option<PathBuf>,
}

/// The input, read and judged.
#[derive(Debug)]
pub struct Loaded {
    /// The inventory and its warnings.
    pub inventory: Inventory,
    /// The inventory's text, for pictures.
    pub text: String,
    /// The public material.
    pub trust: Trust,
}

/// Why there is no input.
#[derive(Debug, Error)]
pub enum InputError {
    /// The inventory cannot be read from disk.
    #[error("cannot read the inventory `{}`: {source}", path.display())]
    ReadInventory {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The inventory is wrong.
    #[error("{} in `{}`", mistakes(errors.len()), path.display())]
    Inventory {
        /// The file.
        path: PathBuf,
        /// Its text, as far as it is text.
        text: String,
        /// Every mistake.
        errors: Vec<Finding>,
    },
    /// The trust folder cannot be read from disk.
    #[error("cannot read the trust folder `{}`: {reason}; name another with `--trust DIR`", path.display())]
    ReadTrust {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The trust folder is wrong.
    #[error("{} in the trust folder `{}`", mistakes(errors.len()), path.display())]
    Trust {
        /// The folder.
        path: PathBuf,
        /// Every mistake.
        errors: Vec<TrustError>,
    },
}

fn mistakes(n: usize) -> String {
    if n == 1 { "1 mistake".to_owned() } else { format!("{n} mistakes") }
}

/// A certificate or key is a few kilobytes; a trust folder that holds more than this in one file is a mistake.
const MAX_TRUST_FILE: u64 = 1 << 20;

impl Input {
    /// The folder with public material.
    #[must_use]
    pub fn trust_folder(&self) -> PathBuf {
        self.trust.clone().unwrap_or_else(|| self.inventory.parent().unwrap_or(Path::new("")).join("trust"))
    }

    /// Reads and judges the inventory alone.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong.
    pub fn inventory(&self) -> Result<(Inventory, String), InputError> {
        let path = self.inventory.clone();
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            // One byte more than allowed tells a file that is too large without reading all of it.
            let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
            let file = std::fs::File::open(&path)?;
            let size = file.metadata()?.len();
            file.take(limit).read_to_end(&mut bytes)?;
            if size >= limit {
                // The message tells the file's size, which need not be read for that.
                bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(MAX_BYTES * 16)];
            }
            Ok(bytes)
        };
        let bytes = read().map_err(|source| InputError::ReadInventory { path: path.clone(), source })?;
        let format = if path.extension().is_some_and(|e| e == "json") { Format::Json } else { Format::Toml };
        let judged = Inventory::read(&bytes, format);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match judged {
            Ok(inventory) => Ok((inventory, text)),
            Err(error) => Err(InputError::Inventory { path, text, errors: error.errors }),
        }
    }

    /// Reads and judges inventory and trust folder.
    ///
    /// # Errors
    /// When either cannot be read, or is wrong.
    pub fn load(&self) -> Result<Loaded, InputError> {
        let (inventory, text) = self.inventory()?;
        let folder = self.trust_folder();
        let files =
            text_files(&folder).map_err(|reason| InputError::ReadTrust { path: folder.clone(), reason })?;
        let trust = Trust::from_files(&files, &inventory.cluster)
            .map_err(|errors| InputError::Trust { path: folder, errors })?;
        Ok(Loaded { inventory, text, trust })
    }
}

fn text_files(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(folder).follow_links(true).max_depth(4) {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let name: Vec<_> = name.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        let name = name.join("/");
        let size = entry.metadata().map_err(|error| error.to_string())?.len();
        if size > MAX_TRUST_FILE {
            return Err(format!("`{name}` has {size} bytes, and certificates and keys have a few thousand"));
        }
        let text = std::fs::read_to_string(entry.path()).map_err(|error| format!("`{name}`: {error}"))?;
        files.insert(name, text);
    }
    Ok(files)
}
