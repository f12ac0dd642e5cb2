//! What each value was, told only to those who can open one secret of the same tree: so that whoever adopts a file sees
//! whether its value is another one. A bare hash beside the files would tell everybody who guesses.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::Error;
use crate::memory::Plain;

/// Where they lie.
pub const COMMITMENTS: &str = "secrets/secret-commitments.age";

/// A key, and by path what HMAC-SHA-256 makes of each value with it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitments {
    version: u32,
    key: String,
    values: BTreeMap<String, String>,
}

impl Drop for Commitments {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Commitments {
    /// None yet, with a new key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn fresh() -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(key.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(Self { version: 1, key: STANDARD.encode(key.as_slice()), values: BTreeMap::new() })
    }

    /// Reads them.
    ///
    /// # Errors
    /// When the secret holds something else.
    pub fn read(plain: &Plain) -> Result<Self, Error> {
        // What serde says could hold a part of the text.
        serde_json::from_slice(plain.bytes()).map_err(|_| {
            Error::Refused(format!("{COMMITMENTS} holds no commitments; remove it and adopt anew"))
        })
    }

    /// Forgets a value.
    pub fn forget(&mut self, path: &str) {
        self.values.remove(path);
    }

    /// Their text, as a secret.
    ///
    /// # Errors
    /// When memory has to be locked and cannot.
    pub fn plain(&self, require_lock: bool) -> Result<Plain, Error> {
        let text = Zeroizing::new(serde_json::to_vec(self).map_err(|error| Error::Lock(error.to_string()))?);
        Plain::of(&text, require_lock)
    }

    /// Notes a value.
    ///
    /// # Errors
    /// When the key is damaged.
    pub fn note(&mut self, path: &str, value: &Plain) -> Result<(), Error> {
        let tag = hmac::sign(&self.key()?, &message(path, value));
        self.values.insert(path.to_owned(), STANDARD.encode(tag.as_ref()));
        Ok(())
    }

    /// Whether a value is the one that was noted; nothing where none was.
    ///
    /// # Errors
    /// When the key or the note is damaged.
    pub fn is(&self, path: &str, value: &Plain) -> Result<Option<bool>, Error> {
        let Some(noted) = self.values.get(path) else { return Ok(None) };
        let noted = STANDARD.decode(noted).map_err(|_| damaged())?;
        Ok(Some(hmac::verify(&self.key()?, &message(path, value), &noted).is_ok()))
    }

    fn key(&self) -> Result<hmac::Key, Error> {
        let bytes = Zeroizing::new(STANDARD.decode(&self.key).map_err(|_| damaged())?);
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }
}

fn damaged() -> Error {
    Error::Refused(format!("{COMMITMENTS} is damaged; remove it and adopt anew"))
}

/// The path goes in, so that two files with one value do not look alike.
fn message(path: &str, value: &Plain) -> Zeroizing<Vec<u8>> {
    let mut bytes = Vec::with_capacity(path.len() + 1 + value.bytes().len());
    bytes.extend_from_slice(path.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(value.bytes());
    Zeroizing::new(bytes)
}
