//! Encryption, and the file's place.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::Recipient;
use age::secrecy::{ExposeSecret as _, SecretString};
use tempfile::NamedTempFile;

use super::error::EnrollError;

/// The secret, encrypted to all of them: `age1…`, `ssh-ed25519 …` and `ssh-rsa …`.
pub fn seal(secret: &SecretString, recipients: &[String]) -> Result<Vec<u8>, String> {
    let recipients: Vec<Box<dyn Recipient>> =
        recipients.iter().map(|text| recipient(text)).collect::<Result<_, _>>()?;
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
        .map_err(|error| format!("cannot encrypt: {error}"))?;
    let mut sealed = Vec::new();
    encryptor
        .wrap_output(&mut sealed)
        .and_then(|mut writer| {
            writer.write_all(secret.expose_secret().as_bytes())?;
            writer.finish().map(drop)
        })
        .map_err(|error| format!("cannot encrypt: {error}"))?;
    Ok(sealed)
}

fn recipient(text: &str) -> Result<Box<dyn Recipient>, String> {
    if text.starts_with("ssh-") {
        let parsed: Result<age::ssh::Recipient, _> = text.parse();
        return match parsed {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(error) => Err(format!("`{text}` is no key that age encrypts to: {error:?}")),
        };
    }
    match text.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(error) => Err(format!("`{text}` is no recipient of age: {error}")),
    }
}

/// A file that can be written: its unfinished form lies beside it already, and vanishes unless it takes the place.
pub struct Place {
    path: PathBuf,
    unfinished: NamedTempFile,
    replace: bool,
}

impl Place {
    /// Makes sure that the file can be written, before there is anything to write.
    pub fn prepare(path: &Path, replace: bool, host: &str) -> Result<Self, EnrollError> {
        let failed = |source| EnrollError::Write { path: path.to_owned(), source };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "it exists and is no ordinary file",
                )));
            }
            Ok(_) if !replace => {
                return Err(EnrollError::Exists { path: path.to_owned(), host: host.to_owned() });
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(EnrollError::NoFolder(folder.to_owned()));
        }
        let unfinished = tempfile::Builder::new()
            .prefix(".keystone-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed)?;
        Ok(Self { path: path.to_owned(), unfinished, replace })
    }

    /// Writes the file, whole or not at all.
    pub fn write(self, sealed: &[u8]) -> Result<(), String> {
        let Self { path, mut unfinished, replace } = self;
        let folder = unfinished.path().parent().unwrap_or(Path::new(".")).to_owned();
        let written = unfinished.write_all(sealed).and_then(|()| unfinished.as_file().sync_all());
        let placed = written.and_then(|()| {
            let placed =
                if replace { unfinished.persist(&path) } else { unfinished.persist_noclobber(&path) };
            placed.map_err(|error| error.error)
        });
        placed
            .and_then(|_| File::open(&folder)?.sync_all())
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
    }
}
