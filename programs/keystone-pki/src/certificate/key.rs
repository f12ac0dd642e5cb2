//! Keys: P-256 of intermediates and leaves, Ed25519 of the root, which has no private half anywhere.

use std::fmt;

use der::{Decode as _, Encode as _};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use p256::{SecretKey, ecdsa};
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha256};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use zeroize::Zeroizing;

use super::CertificateError;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PublicKey {
    /// ECDSA with SHA-256: an uncompressed point on P-256, 65 bytes.
    P256([u8; 65]),
    /// Ed25519: 32 bytes.
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// Reads `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// When it is none, or of another kind of key.
    pub fn from_spki(der: &[u8]) -> Result<Self, CertificateError> {
        let info = SubjectPublicKeyInfoOwned::from_der(super::bounded(der)?)
            .map_err(|e| CertificateError::malformed("public key", &e))?;
        Self::from_info(&info)
    }

    pub(super) fn from_info(info: &SubjectPublicKeyInfoOwned) -> Result<Self, CertificateError> {
        let raw = info.subject_public_key.as_bytes().ok_or(CertificateError::Key)?;
        let point = ecdsa::VerifyingKey::from_sec1_bytes(raw).is_ok();
        let key = match (<[u8; 65]>::try_from(raw), <[u8; 32]>::try_from(raw)) {
            (Ok(bytes), _) if point => Self::P256(bytes),
            (_, Ok(bytes)) => Self::Ed25519(bytes),
            _ => return Err(CertificateError::Key),
        };
        // The algorithm's name and parameters are compared by writing them again.
        match info.to_der() {
            Ok(der) if der == key.spki() => Ok(key),
            _ => Err(CertificateError::Key),
        }
    }

    /// `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        rcgen::PublicKeyData::subject_public_key_info(self)
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`, by which a key is pinned (RFC 7469).
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        Sha256::digest(self.spki()).into()
    }

    /// The identifier in certificates: 20 bytes (RFC 7093, method 1).
    #[must_use]
    pub fn id(&self) -> [u8; 20] {
        let digest: [u8; 32] = Sha256::digest(rcgen::PublicKeyData::der_bytes(self)).into();
        let mut id = [0; 20];
        id.copy_from_slice(&digest[..20]);
        id
    }

    /// Whether `signature` is one of `message` by this key: DER for P-256, 64 bytes for Ed25519.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(bytes) => ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .and_then(|key| key.verify(message, &ecdsa::Signature::from_der(signature)?))
                .is_ok(),
            Self::Ed25519(bytes) => crate::group::sign::verify(bytes, message, signature).is_ok(),
        }
    }
}

impl rcgen::PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::P256(bytes) => bytes,
            Self::Ed25519(bytes) => bytes,
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::P256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::Ed25519(_) => &rcgen::PKCS_ED25519,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P-256 ",
            Self::Ed25519(_) => "Ed25519 ",
        })?;
        hex(f, &self.id())
    }
}

pub(super) fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// A P-256 key of an intermediate or a leaf. Erased when dropped; it can be neither printed nor copied.
pub struct PrivateKey(SecretKey);

impl PrivateKey {
    /// A new key.
    #[must_use]
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self(SecretKey::random(rng))
    }

    /// Reads PKCS #8 in PEM.
    ///
    /// # Errors
    /// When it is none, or of another kind of key.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        super::bounded(text.as_bytes())?;
        // What the reader says may quote the key.
        let malformed =
            |_| CertificateError::malformed("private key", &"it is not PKCS #8 in PEM of a P-256 key");
        SecretKey::from_pkcs8_pem(text).map(Self).map_err(malformed)
    }

    /// PKCS #8 in PEM, with a final line break. Encrypt it before it leaves memory.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.0.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 65];
        let point = ecdsa::VerifyingKey::from(self.0.public_key()).to_encoded_point(false);
        if point.as_bytes().len() == bytes.len() {
            bytes.copy_from_slice(point.as_bytes());
        }
        PublicKey::P256(bytes)
    }

    /// An ECDSA signature with SHA-256, in DER. The nonce follows from key and message (RFC 6979).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: ecdsa::Signature = ecdsa::SigningKey::from(&self.0).sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}
