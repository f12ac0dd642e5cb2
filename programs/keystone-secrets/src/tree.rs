//! Where everything lies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// The folder of encrypted files, relative to the tree.
pub const FOLDER: &str = "secrets";

/// A cluster's tree: the folder where secrets.nix lies.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    inventory: PathBuf,
}

impl Tree {
    /// The tree at a folder, with its inventory relative to it.
    ///
    /// # Errors
    /// When it has no folder `secrets`.
    pub fn at(root: &Path, inventory: &Path) -> Result<Self, Error> {
        if !root.join(FOLDER).is_dir() {
            return Err(Error::NoTree(root.join(FOLDER)));
        }
        Ok(Self { root: root.to_owned(), inventory: inventory.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The inventory, relative to the folder.
    #[must_use]
    pub fn inventory(&self) -> &Path {
        &self.inventory
    }

    /// The folder of public material beside the inventory.
    #[must_use]
    pub fn trust(&self) -> String {
        let beside = |hosts: &Path| hosts.join("trust").display().to_string();
        self.inventory.parent().map_or_else(|| "trust".to_owned(), beside)
    }

    /// A file of the tree.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What a file holds, if it is there.
    ///
    /// # Errors
    /// When it cannot be read, or is no ordinary file.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let full = self.path(path);
        match fs::symlink_metadata(&full) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(Error::NotAFile(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path: full, source }),
        }
        fs::read(&full).map(Some).map_err(|source| Error::Read { path: full, source })
    }

    /// Paths of the encrypted files that are there, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>, Error> {
        let folder = self.path(FOLDER);
        let failed = |source| Error::Read { path: folder.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|ending| ending == "age") {
                files.push(format!("{FOLDER}/{name}"));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// `secrets/NAME.age` of a name; what is a path already stays one.
#[must_use]
pub fn path_of(name: &str) -> String {
    let name = name.strip_prefix("secrets/").unwrap_or(name);
    format!("{FOLDER}/{}.age", name.strip_suffix(".age").unwrap_or(name))
}

/// The name in `secrets/NAME.age`.
#[must_use]
pub fn name_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".age").unwrap_or(name)
}

/// SHA-256, in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
