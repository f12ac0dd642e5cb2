//! Files that root alone reads, each replaced whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{CertificatesError, LARGEST};

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CertificatesError {
    let path = path.to_owned();
    move |source| CertificatesError::File { verb, path, source }
}

/// Makes the folder, if it does not exist.
pub fn make_folder(path: &Path) -> Result<(), CertificatesError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))
}

/// A file's text, if it exists.
pub fn read(path: &Path) -> Result<Option<Zeroizing<String>>, CertificatesError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let mut text = Zeroizing::new(String::with_capacity(1 << 14));
    file.take(LARGEST).read_to_string(&mut text).map_err(failed("read", path))?;
    Ok(Some(text))
}

/// Puts a file in its place.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CertificatesError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Not ending in .crt: nobody takes it for one.
    let unfinished = folder.join(format!(".{name}.unfinished"));
    let write = || -> io::Result<()> {
        // What a killed run left has its permissions too, and may be longer.
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(failed("write", path))
}
