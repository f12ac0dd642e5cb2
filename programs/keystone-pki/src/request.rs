//! What a quorum is asked to sign, and how each custodian finds out by itself which bytes that is.
//!
//! A custodian never signs bytes or a hash that it was sent. It takes the [`Request`], its own copy of inventory and
//! policy ([`View`]) and its own clock, and [`rebuild`]s the bytes; what the requester says they are is only compared
//! ([`Rebuilt::check`]), so that a lie is noticed and named. The summary that a person approves is read from those bytes.

mod policy;
mod rebuild;

pub use policy::{Policy, View};
pub use rebuild::{Rebuilt, Refusal, Signable, rebuild};

use std::collections::BTreeMap;

use keystone_model::Authority;
use serde::{Deserialize, Serialize};

use crate::certificate::PublicKey;
use crate::crl::Reason;

/// What is to be signed by the root. All of it is claimed by whoever asks.
///
/// It is written as JSON, with bytes in base64; unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "kind")]
pub enum Request {
    /// The root's certificate of itself.
    #[serde(rename_all = "camelCase")]
    Root {
        /// From when, in seconds since 1970.
        not_before: i64,
        /// 16 random bytes, so that the same request twice gives two serial numbers.
        #[serde(with = "bytes")]
        nonce: Vec<u8>,
    },
    /// This root vouches for another generation, older or newer.
    #[serde(rename_all = "camelCase")]
    Cross {
        /// The other's generation.
        generation: u32,
        /// From when, in seconds since 1970.
        not_before: i64,
        /// 16 random bytes.
        #[serde(with = "bytes")]
        nonce: Vec<u8>,
    },
    /// An intermediate.
    #[serde(rename_all = "camelCase")]
    Intermediate {
        /// Which one.
        authority: Authority,
        /// Its generation, from 1.
        generation: u32,
        /// How many others of the same authority are to be used before it: 0 is for use at once.
        successor: u8,
        /// A request to sign (PKCS #10, DER or PEM), of which the key is taken.
        #[serde(with = "bytes")]
        csr: Vec<u8>,
        /// From when, in seconds since 1970.
        not_before: i64,
        /// 16 random bytes.
        #[serde(with = "bytes")]
        nonce: Vec<u8>,
    },
    /// A leaf, signed by the root itself. Only the profile `node` is.
    #[serde(rename_all = "camelCase")]
    Leaf {
        /// The profile.
        profile: String,
        /// The machine.
        holder: String,
        /// A request to sign (PKCS #10, DER or PEM), of which the key is taken.
        #[serde(with = "bytes")]
        csr: Vec<u8>,
        /// From when, in seconds since 1970.
        not_before: i64,
        /// 16 random bytes.
        #[serde(with = "bytes")]
        nonce: Vec<u8>,
    },
    /// The list of what the root has revoked.
    #[serde(rename_all = "camelCase")]
    RevocationList {
        /// Its number, higher than that of the last one.
        number: u64,
        /// From when, in seconds since 1970.
        this_update: i64,
        /// What is revoked: serial numbers in hexadecimal digits, when and why.
        revoked: BTreeMap<String, RevokedEntry>,
    },
}

/// An entry of a list of revoked certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RevokedEntry {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// Another generation of the root, as a custodian knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherRoot {
    /// Its generation.
    pub generation: u32,
    /// Its key.
    pub key: PublicKey,
}

impl Request {
    /// Reads a request from JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(text: &str) -> Result<Self, Refusal> {
        if text.len() > crate::certificate::MAX_BYTES {
            return Err(Refusal::Malformed(format!("it has {} bytes", text.len())));
        }
        serde_json::from_str(text).map_err(|e| Refusal::Malformed(e.to_string()))
    }

    /// The request as JSON, in one line; equal requests are equal text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
