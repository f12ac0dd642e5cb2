//! One public key, read from PEM as strictly as the programs that verify with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs1::RsaPublicKeyRef;
use sha2::{Digest as _, Sha256};
use spki::der::asn1::{AnyRef, BitStringRef, UintRef};
use spki::der::{Decode as _, Document, Encode as _};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};
use thiserror::Error;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Kinds of keys that are refused, each with the reason.
const REFUSED: [(&str, &str, &str); 7] = [
    ("1.2.840.10045.2.1", "an EC key", EC),
    ("1.3.101.112", "an Ed25519 key", NOT_ON_AWS),
    ("1.3.101.113", "an Ed448 key", NOT_ON_AWS),
    ("2.16.840.1.101.3.4.3.17", "an ML-DSA-44 key", NOT_ON_AWS),
    ("2.16.840.1.101.3.4.3.18", "an ML-DSA-65 key", NOT_ON_AWS),
    ("2.16.840.1.101.3.4.3.19", "an ML-DSA-87 key", NOT_ON_AWS),
    ("1.2.840.113549.1.1.10", "an RSA-PSS key", "kube-apiserver does not sign with it"),
];
const EC: &str = "tokens are signed with RS256, which every relying party verifies";
const NOT_ON_AWS: &str = "AWS verifies RS256 to RS512 and ES256 to ES512 only";
const FIX: &str = "make an RSA key of 2048 bits or more";

/// Fewest bits of a modulus.
pub const MIN_BITS: usize = 2048;

/// An RSA public key of at least [`MIN_BITS`] bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    key_id: String,
}

/// Why a text is no public key that may sign the cluster's tokens. No variant holds any of the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The private half.
    #[error(
        "is a private key; only the public half belongs here (`openssl rsa -pubout`), and this key must be replaced \
         if anyone else has seen the file"
    )]
    Private,
    /// Something else in PEM, or several blocks.
    #[error("{found}; a file holds one `PUBLIC KEY` block and nothing else")]
    Block {
        /// What the text holds instead.
        found: String,
    },
    /// The block is not what its label says.
    #[error("is not a public key (SubjectPublicKeyInfo in PEM): {reason}")]
    Malformed {
        /// What the parser says.
        reason: String,
    },
    /// A key of a kind that relying parties do not verify.
    #[error("is {kind}, and {reason}; {FIX}")]
    Kind {
        /// Which kind.
        kind: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A key that is too weak.
    #[error("is an RSA key of {bits} bits; {FIX}")]
    Short {
        /// Bits of its modulus.
        bits: usize,
    },
    /// An exponent that is no RSA exponent, or that Go does not read.
    #[error("has a public exponent that is not an odd number from 3 to 2147483647; take 65537")]
    Exponent,
}

impl PublicKey {
    /// Reads one `PUBLIC KEY` block.
    ///
    /// # Errors
    /// When the text is a private key, not one block, not RSA, or too weak.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // Before anything else, so that no parser's message can carry a piece of it.
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let text = text.trim();
        let blocks = text.matches("-----BEGIN ").count();
        if blocks != 1 {
            let found = if blocks == 0 { "is not PEM".to_owned() } else { format!("holds {blocks} blocks") };
            return Err(KeyError::Block { found });
        }
        let (label, der) =
            Document::from_pem(text).map_err(|error| KeyError::Malformed { reason: error.to_string() })?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Block { found: format!("holds a block `{label}`") });
        }
        Self::from_der(der.as_bytes())
    }

    /// Reads a DER-encoded `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// When it is malformed, not RSA, or too weak.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |reason: String| KeyError::Malformed { reason };
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|error| malformed(error.to_string()))?;
        let oid = info.algorithm.oid;
        if oid != RSA {
            let oid = oid.to_string();
            let (kind, reason) = REFUSED.iter().find(|(known, ..)| *known == oid).map_or_else(
                || (format!("a key of the algorithm {oid}"), NOT_ON_AWS),
                |(_, kind, reason)| ((*kind).to_owned(), *reason),
            );
            return Err(KeyError::Kind { kind, reason });
        }
        // RFC 3279 demands NULL, and Go refuses a key without it.
        if info.algorithm.parameters != Some(AnyRef::NULL) {
            return Err(malformed("the RSA algorithm lacks its NULL parameter".to_owned()));
        }
        let inner = info.subject_public_key.as_bytes().ok_or_else(|| malformed("unused bits".to_owned()))?;
        let rsa = RsaPublicKeyRef::from_der(inner).map_err(|error| malformed(error.to_string()))?;
        Self::from_numbers(rsa.modulus.as_bytes(), rsa.public_exponent.as_bytes())
    }

    /// The key of that modulus and exponent, each big-endian.
    ///
    /// # Errors
    /// When the modulus is too short, or the exponent is unfit.
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let bits = modulus.first().map_or(0, |first| {
            modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default()
        });
        if bits < MIN_BITS {
            return Err(KeyError::Short { bits });
        }
        let value = exponent.iter().take(5).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        if exponent.len() > 4 || value < 3 || value % 2 == 0 || value > 0x7fff_ffff {
            return Err(KeyError::Exponent);
        }
        let info =
            encode(modulus, exponent).map_err(|error| KeyError::Malformed { reason: error.to_string() })?;
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(info));
        Ok(Self { modulus: modulus.to_vec(), exponent: exponent.to_vec(), key_id })
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The key's id in tokens: base64url without padding of the SHA-256 of the DER-encoded `SubjectPublicKeyInfo`.
    /// It must be what kube-apiserver computes (kubernetes/kubernetes, pkg/serviceaccount/jwt.go), as the token names
    /// its key by it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// kube-apiserver parses the key and encodes it anew before it hashes, so the id does not depend on how the file was
/// written.
fn encode(modulus: &[u8], exponent: &[u8]) -> pkcs1::der::Result<Vec<u8>> {
    let rsa = RsaPublicKeyRef { modulus: UintRef::new(modulus)?, public_exponent: UintRef::new(exponent)? };
    let inner = rsa.to_der()?;
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) },
        subject_public_key: BitStringRef::from_bytes(&inner)?,
    }
    .to_der()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
