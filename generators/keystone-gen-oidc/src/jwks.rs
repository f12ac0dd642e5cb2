//! The published keys, in the form that kube-apiserver serves at `/openid/v1/jwks`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key::{KeyError, RsaKey, TokenKey};
use crate::rotation::MAX_KEYS;

/// A JSON Web Key Set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// The keys, the signing one first.
    pub keys: Vec<Jwk>,
}

/// A JSON Web Key, with the fields that kube-apiserver writes, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// What the key is for: `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Its kind: `RSA`.
    pub kty: String,
    /// Its name in tokens.
    pub kid: String,
    /// The algorithm: `RS256`.
    pub alg: String,
    /// The modulus, base64url without padding.
    pub n: String,
    /// The exponent, likewise.
    pub e: String,
}

/// Why a relying party would not take a key set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JwksError {
    /// STS takes 1 to 100 keys.
    #[error("holds {0} keys; STS reads 1 to 100")]
    Count(usize),
    /// A field with another value than kube-apiserver's.
    #[error("key `{kid}` has the {field} `{found}`; it must be `{right}`")]
    Field {
        /// The key.
        kid: String,
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// The one value that fits.
        right: &'static str,
    },
    /// A number that is not written as RFC 7518 wants it.
    #[error("key `{kid}`: `{field}` is not a number in base64url without padding and leading zeros")]
    Number {
        /// The key.
        kid: String,
        /// The field.
        field: &'static str,
    },
    /// A number that makes no key.
    #[error("key `{kid}` {reason}")]
    Key {
        /// The key.
        kid: String,
        /// What is wrong.
        reason: KeyError,
    },
    /// A name that does not follow from the key.
    #[error("key `{found}` should be named `{right}`, which is what kube-apiserver writes into its tokens")]
    Kid {
        /// The name it has.
        found: String,
        /// The name that follows from modulus and exponent.
        right: String,
    },
    /// Two keys of one name.
    #[error("key `{0}` is there twice")]
    Twice(String),
}

impl Jwks {
    /// The set of `keys`, in their order.
    #[must_use]
    pub fn of(keys: &[TokenKey]) -> Self {
        Self { keys: keys.iter().map(|key| Jwk::of(&key.key)).collect() }
    }

    /// Checks the set as a relying party would: builds each key from its numbers and names it anew.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), JwksError> {
        if !(1..=MAX_KEYS).contains(&self.keys.len()) {
            return Err(JwksError::Count(self.keys.len()));
        }
        for (n, jwk) in self.keys.iter().enumerate() {
            jwk.check()?;
            if self.keys[..n].iter().any(|other| other.kid == jwk.kid) {
                return Err(JwksError::Twice(jwk.kid.clone()));
            }
        }
        Ok(())
    }
}

impl Jwk {
    /// The published form of `key`.
    #[must_use]
    pub fn of(key: &RsaKey) -> Self {
        Self {
            usage: "sig".to_owned(),
            kty: "RSA".to_owned(),
            kid: key.kid().to_owned(),
            alg: "RS256".to_owned(),
            n: URL_SAFE_NO_PAD.encode(key.modulus()),
            e: URL_SAFE_NO_PAD.encode(key.exponent()),
        }
    }

    fn check(&self) -> Result<(), JwksError> {
        let kid = || self.kid.clone();
        for (field, found, right) in
            [("use", &self.usage, "sig"), ("kty", &self.kty, "RSA"), ("alg", &self.alg, "RS256")]
        {
            if found != right {
                return Err(JwksError::Field { kid: kid(), field, found: found.clone(), right });
            }
        }
        let number = |field, text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok();
            let bytes = bytes.filter(|bytes| bytes.first().is_some_and(|first| *first != 0));
            bytes.ok_or_else(|| JwksError::Number { kid: kid(), field })
        };
        let key = RsaKey::new(&number("n", &self.n)?, &number("e", &self.e)?)
            .map_err(|reason| JwksError::Key { kid: kid(), reason })?;
        if key.kid() != self.kid {
            return Err(JwksError::Kid { found: kid(), right: key.kid().to_owned() });
        }
        Ok(())
    }
}
