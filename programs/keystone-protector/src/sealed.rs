//! Encryption with age, in memory.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Encryptor, Identity, Recipient};
use zeroize::Zeroizing;

use crate::error::ProtectorError;

/// The text, encrypted to one recipient, as an armored age file.
pub fn seal(recipient: &dyn Recipient, text: &str) -> Result<String, ProtectorError> {
    let failed = |error: &dyn std::fmt::Display| ProtectorError::Encrypt(error.to_string());
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient)).map_err(|e| failed(&e))?;
    let mut sealed = Vec::new();
    ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)
        .and_then(|armor| {
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(text.as_bytes())?;
            writer.finish()?.finish()
        })
        .map_err(|e| failed(&e))?;
    String::from_utf8(sealed).map_err(|e| failed(&e))
}

/// What an armored age file holds, or why it does not open.
pub fn open(identity: &dyn Identity, sealed: &str) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    age::Decryptor::new(ArmoredReader::new(sealed.as_bytes()))
        .and_then(|decryptor| decryptor.decrypt(std::iter::once(identity)))
        .map_err(|error| error.to_string())?
        // An identity is 75 bytes; what is longer is none.
        .take(256)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}
