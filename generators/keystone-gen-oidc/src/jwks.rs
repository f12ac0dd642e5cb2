//! The key set that relying parties verify tokens with.
//!
//! # Rotation
//! Every key of the trust folder is in the set, whatever its state, as relying parties need it before its first token
//! and until after its last one:
//!
//! 1. **`published`** for at least 3,600 s before it signs. That is how long relying parties may cache the set; a
//!    token of a key that they do not know yet is refused.
//! 2. **`signing`**: one key at a time.
//! 3. **`retiring`** for at least 86,400 s, the longest life of a token (the default of the pod-identity webhook).
//!
//! Sessions that AWS has given for a token outlive both, up to 12 hours: after the theft of a key the roles also need
//! a deny on `aws:TokenIssueTime`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keystone_model::{KeyState, ServiceAccountKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key::{KeyError, PublicKey};
use crate::schema;

/// Most RSA keys that AWS accepts in a set.
pub const MAX_KEYS: usize = 100;

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// The keys, the signing one first.
    pub keys: Vec<Jwk>,
}

/// One RSA key, with the fields of kube-apiserver in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Always `RSA`.
    pub kty: String,
    /// The key's id, as in the header of tokens: [`PublicKey::key_id`].
    pub kid: String,
    /// Always `RS256`.
    pub alg: String,
    /// The modulus, base64url without padding.
    pub n: String,
    /// The exponent, base64url without padding.
    pub e: String,
}

/// Why there is no key set, or a wrong one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JwksError {
    /// A key that cannot be in the set.
    #[error("the token key `{name}` {source}")]
    Key {
        /// The key's name, or its id in a rendered set.
        name: String,
        /// Why.
        source: KeyError,
    },
    /// The same key under two names.
    #[error("the token keys `{first}` and `{second}` are the same key; make a new one for each rotation")]
    Same {
        /// A name.
        first: String,
        /// Another.
        second: String,
    },
    /// None, or several, sign.
    #[error("{count} token keys are `signing`; exactly one signs")]
    Signing {
        /// How many.
        count: usize,
    },
    /// More keys than AWS accepts.
    #[error(
        "{count} token keys are more than AWS accepts in one set ({MAX_KEYS}); take out those that are `retiring` for a day"
    )]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A rendered set has the wrong form.
    #[error("{0}")]
    Form(String),
    /// A rendered key has another id than its numbers give.
    #[error("the key `{found}` has the id `{right}` by its numbers")]
    Id {
        /// The id in the set.
        found: String,
        /// The id that kube-apiserver computes.
        right: String,
    },
}

impl Jwk {
    /// The key in JSON.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self {
            usage: "sig".to_owned(),
            kty: "RSA".to_owned(),
            kid: key.key_id().to_owned(),
            alg: "RS256".to_owned(),
            n: URL_SAFE_NO_PAD.encode(key.modulus()),
            e: URL_SAFE_NO_PAD.encode(key.exponent()),
        }
    }

    fn key(&self) -> Result<PublicKey, JwksError> {
        let number = |text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|error| JwksError::Form(format!("the key `{}`: {error}", self.kid)))
        };
        PublicKey::from_numbers(&number(&self.n)?, &number(&self.e)?)
            .map_err(|source| JwksError::Key { name: self.kid.clone(), source })
    }
}

impl Jwks {
    /// The set of these keys, the signing one first, then those that will sign, then those that did; by name within a
    /// state.
    ///
    /// # Errors
    /// When a key is unfit, listed twice, or not exactly one signs.
    pub fn of(keys: &[ServiceAccountKey]) -> Result<Self, JwksError> {
        let mut sorted: Vec<_> = keys.iter().collect();
        sorted.sort_by(|a, b| (a.state, &a.name).cmp(&(b.state, &b.name)));
        let count = sorted.iter().filter(|key| key.state == KeyState::Signing).count();
        if count != 1 {
            return Err(JwksError::Signing { count });
        }
        if sorted.len() > MAX_KEYS {
            return Err(JwksError::TooMany { count: sorted.len() });
        }
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        let mut set = Vec::with_capacity(sorted.len());
        for key in sorted {
            let public = PublicKey::from_pem(&key.pem)
                .map_err(|source| JwksError::Key { name: key.name.clone(), source })?;
            if let Some(first) = seen.insert(public.key_id().to_owned(), &key.name) {
                return Err(JwksError::Same { first: first.to_owned(), second: key.name.clone() });
            }
            set.push(Jwk::of(&public));
        }
        Ok(Self { keys: set })
    }
}

/// Reads a key set as a relying party does, and computes every id from the key's numbers.
///
/// # Errors
/// When its form is wrong, a key is weak, or an id is not the one that tokens carry.
pub fn read(text: &str) -> Result<Jwks, JwksError> {
    schema::check(schema::JWKS, text).map_err(JwksError::Form)?;
    let set: Jwks = serde_json::from_str(text).map_err(|error| JwksError::Form(error.to_string()))?;
    for jwk in &set.keys {
        let right = Jwk::of(&jwk.key()?);
        if right.kid != jwk.kid {
            return Err(JwksError::Id { found: jwk.kid.clone(), right: right.kid });
        }
        if right != *jwk {
            return Err(JwksError::Form(format!("the key `{}` has leading zeros in `n` or `e`", jwk.kid)));
        }
    }
    Ok(set)
}
