//! Reading the inventory and the trust folder from disk.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use keystone_model::{Finding, Format, Inventory, MAX_BYTES, ReadError, Trust, TrustError};
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

/// A certificate or key is a few kilobytes, and the recipients of ten thousand machines are a megabyte; a trust folder
/// that holds more than this in one file is a mistake.
const MAX_TRUST_FILE: u64 = 8 << 20;

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
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let read = || -> io::Result<Result<Vec<u8>, ReadError>> {
            let file = std::fs::File::open(&path)?;
            let size = file.metadata()?.len();
            if size > limit {
                return Ok(Err(ReadError::too_large(size)));
            }
            // One byte more than allowed shows that a file without a size, such as a pipe, is too large.
            let mut bytes = Vec::new();
            file.take(limit + 1).read_to_end(&mut bytes)?;
            Ok(Ok(bytes))
        };
        let wrong =
            |text, error: ReadError| InputError::Inventory { path: path.clone(), text, errors: error.errors };
        let bytes = read()
            .map_err(|source| InputError::ReadInventory { path: path.clone(), source })?
            .map_err(|error| wrong(String::new(), error))?;
        let format = if path.extension().is_some_and(|e| e == "json") { Format::Json } else { Format::Toml };
        let judged = Inventory::read(&bytes, format);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        match judged {
            Ok(inventory) => Ok((inventory, text)),
            Err(error) => Err(wrong(text, error)),
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
        let entry = entry.map_err(|error| match error.io_error() {
            Some(reason) => reason.to_string(),
            None => error.to_string(),
        })?;
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
