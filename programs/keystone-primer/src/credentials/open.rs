//! Opening an encrypted file, in memory.

use std::fs::File;
use std::io::Read as _;

use zeroize::Zeroizing;

use super::Places;
use crate::refusal::Refusal;

/// What `secrets/<name>.age` holds.
pub fn open(name: &str, places: &Places) -> Result<Zeroizing<String>, Refusal> {
    let path = places.secrets.join(format!("{name}.age"));
    let failed = |reason: &dyn std::fmt::Display| {
        Refusal::new(format!(
            "cannot open `{}` with `{}`: {reason}",
            path.display(),
            places.identity.display()
        ))
        .fix("name an identity for which secrets.nix encrypts it: --identity FILE")
    };
    let identity = age::IdentityFile::from_file(places.identity.display().to_string())
        .map_err(|error| failed(&error))?
        .into_identities()
        .map_err(|error| failed(&error))?;
    let file = File::open(&path).map_err(|error| failed(&error))?;
    let mut text = Zeroizing::new(String::with_capacity(8192));
    let reader = age::armor::ArmoredReader::new(file);
    age::Decryptor::new(reader)
        .and_then(|decryptor| decryptor.decrypt(identity.iter().map(|one| &**one as &dyn age::Identity)))
        .map_err(|error| failed(&error))?
        .take(1 << 16)
        .read_to_string(&mut text)
        .map_err(|error| failed(&error))?;
    Ok(text)
}
