//! An identity in a file: for labs, where there is nothing to protect.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::error::ProtectorError;
use crate::identity::ShareIdentity;

/// Writes a new identity to a file that does not exist yet, readable by its owner.
pub fn create(path: &Path) -> Result<ShareIdentity, ProtectorError> {
    let failed = |source| ProtectorError::File { path: path.to_owned(), source };
    let key = ShareIdentity::generate();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map_err(failed)?;
    let text = key.text();
    file.write_all(b"# lab key: it protects nothing\n")
        .and_then(|()| file.write_all(text.expose_secret().as_bytes()))
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(key)
}

/// The identity in a file.
pub fn read(path: &Path) -> Result<ShareIdentity, ProtectorError> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| ProtectorError::File { path: path.to_owned(), source })?;
    text.lines().find(|line| !line.starts_with('#')).and_then(ShareIdentity::parse).ok_or_else(|| {
        ProtectorError::File {
            path: path.to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, "it holds no age identity"),
        }
    })
}
