//! The node key: a primer is known to the others by it. It secures connections, signs messages and the transcript, and
//! seals what has to open without a person. It opens no share.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ring::{hkdf, hmac};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// RFC 8410: an Ed25519 key as `SubjectPublicKeyInfo`, and a seed as PKCS #8, are these bytes and the 32 of the key.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Refusal::new("the system has no random numbers"))?;
    Ok(bytes)
}

/// The public half of a node key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key as a TLS peer shows it.
    #[must_use]
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        spki.strip_prefix(&SPKI).and_then(|key| key.try_into().ok()).map(Self)
    }

    /// As TLS shows it.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        [SPKI.as_slice(), &self.0].concat()
    }

    /// SHA-256 of the key as TLS shows it: what a token pins, and what people compare.
    #[must_use]
    pub fn pin(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.spki()))
    }

    /// Whether the signature is this key's, under a purpose.
    #[must_use]
    pub fn verifies(&self, purpose: &str, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(&bound(purpose, message), signature).is_ok()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        STANDARD.encode(key.0)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD.decode(text).map_err(|_| "no base64")?;
        bytes.try_into().map(Self).map_err(|_| "not 32 bytes")
    }
}

/// A signature for one purpose is none for another.
fn bound(purpose: &str, message: &[u8]) -> Vec<u8> {
    [b"keystone ", purpose.as_bytes(), b"\0", message].concat()
}

/// The node key.
pub struct NodeKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl NodeKey {
    /// A new one.
    pub fn generate() -> Result<Self, Refusal> {
        Self::from_seed(&random::<32>()?)
    }

    /// The key of a seed, as it lies in the state folder.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Refusal> {
        let damaged = || {
            Refusal::new("the node key is damaged")
                .fix("join again as a new primer: the others hold the record")
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| damaged())?;
        let seed = Zeroizing::new(seed.try_into().map_err(|_| damaged())?);
        Ok(Self { seed, pair })
    }

    /// What the state folder keeps.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(key)
    }

    /// Signs for a purpose.
    #[must_use]
    pub fn sign(&self, purpose: &str, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&bound(purpose, message)).as_ref().to_vec()
    }

    /// The key as rustls wants it.
    pub fn certified(&self) -> Result<Arc<CertifiedKey>, Refusal> {
        let pkcs8 = Zeroizing::new([PKCS8.as_slice(), self.seed.as_slice()].concat());
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let key = any_supported_type(&der)
            .map_err(|error| Refusal::new(format!("the node key is of no use to TLS: {error}")))?;
        Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(self.public().spki())], key)))
    }

    /// Seals what this machine alone must open again, without a person.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<String, Refusal> {
        let nonce = random::<12>()?;
        let mut text = Zeroizing::new(secret.to_vec());
        self.sealing_key(purpose)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut *text)
            .map_err(|_| Refusal::new("cannot seal"))?;
        Ok(STANDARD.encode([nonce.as_slice(), &text].concat()))
    }

    /// Opens what [`Self::seal`] sealed.
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_first_chunk::<12>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .sealing_key(purpose)
            .ok()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    fn sealing_key(&self, purpose: &str) -> Result<LessSafeKey, Refusal> {
        let key = derive(self.seed.as_slice(), "keystone node seal", purpose)?;
        UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())
            .map(LessSafeKey::new)
            .map_err(|_| Refusal::new("cannot seal"))
    }
}

/// 32 bytes derived from a secret, for one purpose.
pub fn derive(secret: &[u8], salt: &str, purpose: &str) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes())
        .extract(secret)
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| Refusal::new("cannot derive a key"))?;
    Ok(key)
}

/// An authentication code over fields, each with its length first, so that none can flow into the next.
#[must_use]
pub fn code(key: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &framed(fields)).as_ref().to_vec()
}

/// Whether the code is right, in constant time.
#[must_use]
pub fn code_matches(key: &[u8], fields: &[&[u8]], code: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &framed(fields), code).is_ok()
}

fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for field in fields {
        message.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        message.extend_from_slice(field);
    }
    message
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_for_one_purpose_and_one_key() {
        let (key, other) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
        let signature = key.sign("message", b"text");
        assert!(key.public().verifies("message", b"text", &signature));
        assert!(!key.public().verifies("transcript", b"text", &signature));
        assert!(!key.public().verifies("message", b"test", &signature));
        assert!(!other.public().verifies("message", b"text", &signature));
    }

    #[test]
    fn what_is_sealed_opens_for_the_same_key_and_purpose() {
        let (key, other) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
        let sealed = key.seal("token", b"secret").unwrap();
        assert_eq!(key.open("token", &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open("other", &sealed).is_none());
        assert!(other.open("token", &sealed).is_none());
        assert_ne!(key.seal("token", b"secret").unwrap(), sealed);
    }

    #[test]
    fn fields_do_not_flow_into_each_other() {
        let code = code(b"key", &[b"ab", b"c"]);
        assert!(code_matches(b"key", &[b"ab", b"c"], &code));
        assert!(!code_matches(b"key", &[b"a", b"bc"], &code));
    }

    #[test]
    fn rustls_takes_the_key() {
        let key = NodeKey::generate().unwrap();
        let certified = key.certified().unwrap();
        assert_eq!(PublicKey::from_spki(&certified.cert[0]), Some(key.public()));
    }
}
