//! Encryption and decryption, in memory.

use std::io::{BufReader, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Decryptor, Encryptor, Recipient};

use crate::error::Error;
use crate::identity::Keyring;
use crate::memory::Plain;

/// A recipient that age encrypts to; others are refused with the reason.
pub fn recipient(key: &str) -> Result<Box<dyn Recipient + Send + Sync>, String> {
    let kind = key.split(' ').next().unwrap_or(key);
    if kind.starts_with("ecdsa-sha2-") {
        return Err("age derives encryption keys from ssh-ed25519 and ssh-rsa only, and not from ECDSA; \
                    use an age key or an Ed25519 key"
            .to_owned());
    }
    if kind.starts_with("sk-") {
        return Err(
            "a security key signs and cannot decrypt; use its own plugin of age (age-plugin-fido2-hmac, \
                    age-plugin-yubikey) or another key"
                .to_owned(),
        );
    }
    if kind.starts_with("AGE-SECRET-KEY-") || key.contains("PRIVATE KEY") {
        return Err("this is a private key, and must now be considered public".to_owned());
    }
    if kind.starts_with("age1pq1") || kind.starts_with("age1tagpq1") {
        return Err("post-quantum recipients cannot be mixed with others in one file, so they come for the whole tree at \
                    once or not at all (docs/decisions/0012-post-quantum.md)"
            .to_owned());
    }
    if kind.starts_with("ssh-") {
        return match key.parse::<age::ssh::Recipient>() {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(error) => Err(format!("it is no whole SSH key ({error:?})")),
        };
    }
    if kind.starts_with("age1tag1") {
        return match key.parse::<age::tag::Recipient>() {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(error) => Err(error.to_owned()),
        };
    }
    match key.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(error) => Err(error.to_owned()),
    }
}

/// Encrypts to all of them.
///
/// # Errors
/// When one of them is no key that age encrypts to.
pub fn seal(path: &str, plain: &Plain, keys: &[String], armor: bool) -> Result<Vec<u8>, Error> {
    let mut recipients = Vec::with_capacity(keys.len());
    for key in keys {
        recipients.push(recipient(key).map_err(|reason| Error::Recipient {
            path: path.to_owned(),
            key: key.clone(),
            reason,
        })?);
    }
    let failed = |reason: String| Error::Refused(format!("cannot encrypt {path}: {reason}"));
    let each = recipients.iter().map(|recipient| -> &dyn Recipient { recipient.as_ref() });
    let encryptor = Encryptor::with_recipients(each).map_err(|error| failed(error.to_string()))?;
    let write = || -> std::io::Result<Vec<u8>> {
        let format = if armor { Format::AsciiArmor } else { Format::Binary };
        let output = ArmoredWriter::wrap_output(Vec::new(), format)?;
        let mut writer = encryptor.wrap_output(output)?;
        writer.write_all(plain.bytes())?;
        writer.finish()?.finish()
    };
    write().map_err(|error| failed(error.to_string()))
}

/// Decrypts, in either form.
///
/// # Errors
/// The reason, without the file's name, where it does not open for the keyring; or memory that has to be locked and cannot.
pub fn open(file: &[u8], keyring: &Keyring, require_lock: bool) -> Result<Result<Plain, String>, Error> {
    // A plaintext is shorter than its file.
    let mut plain = Plain::room(file.len(), require_lock)?;
    let mut read = || -> Result<(), String> {
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(BufReader::new(file)))
            .map_err(|error| format!("it is no whole age file ({error})"))?;
        if decryptor.is_scrypt() {
            return Err("it is encrypted with a passphrase".to_owned());
        }
        let reader = decryptor.decrypt(keyring.identities()).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => "it is not encrypted to you".to_owned(),
            other => other.to_string(),
        })?;
        plain.fill(reader).map_err(|error| error.to_string())
    };
    let read = read();
    Ok(read.map(|()| plain))
}
