//! Token keys: RSA public keys in PEM, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode as _, Document, Encode as _};
use sha2::{Digest as _, Sha256};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};
use thiserror::Error;

use crate::rotation::KeyState;

/// Fewest bits of a modulus.
pub const MIN_BITS: usize = 2048;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Kinds of keys by their object identifier, and why each is refused.
const REFUSED: [(&str, &str, &str); 7] = [
    (
        "1.2.840.10045.2.1",
        "EC",
        "its tokens would not be RS256, the one algorithm that every relying party takes",
    ),
    ("1.2.840.113549.1.1.10", "RSA-PSS", "its tokens would not be RS256"),
    ("1.3.101.112", "Ed25519", "STS takes no EdDSA"),
    ("1.3.101.113", "Ed448", "STS takes no EdDSA"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44", "STS takes no ML-DSA"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65", "STS takes no ML-DSA"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87", "STS takes no ML-DSA"),
];

/// A token key with its name and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// The key.
    pub key: RsaKey,
}

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    kid: String,
}

/// Why a text is no token key. No message repeats the text, which may be a private key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A private key.
    #[error(
        "is a private key; remove the file and replace the key, as everyone who could read the file has it, and give \
         what `openssl pkey -pubout` writes"
    )]
    Private,
    /// Not PEM, or broken PEM.
    #[error("is not one block of PEM; give what `openssl pkey -pubout` writes")]
    NotPem,
    /// PEM of something else.
    #[error("is a `{0}`; give a `PUBLIC KEY`, as `openssl pkey -pubout` writes it")]
    Label(String),
    /// Something that is no `SubjectPublicKeyInfo` inside.
    #[error("is not a public key inside: {0}")]
    Malformed(String),
    /// A kind of key that cannot be used.
    #[error("is of the kind {kind}: {reason}; make an RSA key of at least 2048 bits")]
    Kind {
        /// The kind.
        kind: String,
        /// Why not.
        reason: String,
    },
    /// A modulus that is too small.
    #[error("has {0} bits; make an RSA key of at least 2048 bits")]
    TooSmall(usize),
    /// An exponent that kube-apiserver refuses to load.
    #[error("has an exponent that is even, below 3 or above 2147483647; use 65537")]
    Exponent,
}

impl RsaKey {
    /// Reads a PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// When there is anything else in `pem`, or a key that cannot sign RS256 tokens that STS takes.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        // First of all, and by a simple search, so that no parser's message can ever show any of it.
        if pem.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        if pem.matches("-----BEGIN ").count() != 1 {
            return Err(KeyError::NotPem);
        }
        let (label, document) = Document::from_pem(pem.trim()).map_err(|_| KeyError::NotPem)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Label(label.to_owned()));
        }
        Self::from_spki(document.as_bytes())
    }

    /// Reads the DER of a `SubjectPublicKeyInfo`.
    fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: der::Error| KeyError::Malformed(error.to_string());
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(malformed)?;
        rs256(&info.algorithm)?;
        let bits = info.subject_public_key.as_bytes();
        let bits = bits.ok_or_else(|| KeyError::Malformed("a bit string with unused bits".to_owned()))?;
        let key = pkcs1::RsaPublicKey::from_der(bits).map_err(malformed)?;
        Self::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    /// A key of modulus and exponent, big-endian and without leading zeros.
    ///
    /// # Errors
    /// When the key is too small, or its exponent is unfit.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if bits < MIN_BITS {
            return Err(KeyError::TooSmall(bits));
        }
        // Go, in which kube-apiserver and many relying parties are written, keeps exponents in 31 bits.
        let value = exponent.iter().try_fold(0_u32, |value, byte| {
            value.checked_mul(256).map(|value| value | u32::from(*byte)).filter(|value| *value < 1 << 31)
        });
        if value.is_none_or(|value| value < 3 || value % 2 == 0) {
            return Err(KeyError::Exponent);
        }
        let spki = spki(modulus, exponent).map_err(|error| KeyError::Malformed(error.to_string()))?;
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(spki));
        Ok(Self { modulus: modulus.to_vec(), exponent: exponent.to_vec(), kid })
    }

    /// The name that kube-apiserver gives the key in tokens: base64url, without padding, of the SHA-256 of the DER of
    /// its `SubjectPublicKeyInfo` (kubernetes/kubernetes, pkg/serviceaccount/jwt.go, `keyIDFromPublicKey`).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

/// Whether a key of this kind signs RS256.
fn rs256(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), KeyError> {
    if algorithm.oid == RSA {
        // Go refuses an RSA key without the parameter NULL, so kube-apiserver could not load it.
        return match algorithm.parameters {
            Some(parameters) if parameters.is_null() => Ok(()),
            _ => Err(KeyError::Malformed("the parameter of an RSA key is not NULL".to_owned())),
        };
    }
    let oid = algorithm.oid.to_string();
    let known = REFUSED.iter().find(|(known, _, _)| *known == oid);
    let (kind, reason) =
        known.map_or(("something unknown", "only RSA keys sign RS256"), |(_, kind, why)| (kind, why));
    let kind =
        match algorithm.parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok()) {
            Some(curve) if algorithm.oid == EC => format!("{kind} ({curve})"),
            _ if known.is_none() => format!("{kind} ({oid})"),
            _ => kind.to_owned(),
        };
    Err(KeyError::Kind { kind, reason: reason.to_owned() })
}

/// The one DER of the `SubjectPublicKeyInfo` of an RSA key.
fn spki(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, der::Error> {
    let key =
        pkcs1::RsaPublicKey { modulus: UintRef::new(modulus)?, public_exponent: UintRef::new(exponent)? };
    let key = key.to_der()?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) };
    SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(&key)? }.to_der()
}
