//! The key that the slots protect.

use age::secrecy::{ExposeSecret as _, SecretString};
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use crate::error::ProtectorError;

const PREFIX: &str = "age-secret-key-";

/// The key to a primer's shares. It is an identity of age; its text exists in slots only, encrypted.
pub struct ShareIdentity(age::x25519::Identity);

impl ShareIdentity {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// The public half: `age1…`.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// The identity, to decrypt with.
    #[must_use]
    pub fn identity(&self) -> &age::x25519::Identity {
        &self.0
    }

    pub(crate) fn text(&self) -> SecretString {
        self.0.to_string()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }

    /// The 32 bytes of the key, for a sheet of paper or a device.
    pub(crate) fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, ProtectorError> {
        let text = self.text();
        bech32::decode(text.expose_secret())
            .map(|(_, bytes)| Zeroizing::new(bytes))
            .map_err(|error| ProtectorError::Encrypt(error.to_string()))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = Zeroizing::new(bech32::encode::<Bech32>(Hrp::parse(PREFIX).ok()?, bytes).ok()?);
        Self::parse(&Zeroizing::new(text.to_ascii_uppercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_as_bytes() {
        let identity = ShareIdentity::generate();
        let bytes = identity.bytes().unwrap();
        assert_eq!(bytes.len(), 32);
        assert_eq!(ShareIdentity::from_bytes(&bytes).unwrap().recipient(), identity.recipient());
    }
}
