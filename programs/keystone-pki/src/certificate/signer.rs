//! `rcgen` wants a signature at once, and a quorum takes days: the first pass catches the bytes, the second one puts the
//! signature in and insists on the same bytes.

use std::cell::RefCell;

use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use time::OffsetDateTime;

use super::{PublicKey, Time};

/// Catches what is to be signed.
pub(crate) struct Capture<'k> {
    pub(crate) key: &'k PublicKey,
    pub(crate) seen: RefCell<Vec<u8>>,
}

/// Gives a signature that exists already.
pub(crate) struct Replay<'k> {
    pub(crate) key: &'k PublicKey,
    pub(crate) message: &'k [u8],
    pub(crate) signature: &'k [u8],
}

impl PublicKeyData for Capture<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl SigningKey for Capture<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        message.clone_into(&mut self.seen.borrow_mut());
        Ok(Vec::new())
    }
}

impl PublicKeyData for Replay<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl SigningKey for Replay<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        if message == self.message { Ok(self.signature.to_vec()) } else { Err(rcgen::Error::RemoteKeyError) }
    }
}

pub(crate) fn rcgen_time(time: Time) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.unix()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
