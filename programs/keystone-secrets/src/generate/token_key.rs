//! What signs tokens of service accounts: keys in PEM, of which the first signs.

use rand_core::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::memory::Plain;

/// A new key, and its public half in PEM.
pub struct TokenKey {
    /// The private half in PEM.
    pub private: Zeroizing<String>,
    /// The public half in PEM.
    pub public: String,
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("cannot make a key that signs tokens: {error}"))
}

/// Makes a key.
///
/// # Errors
/// When that is not possible.
pub fn token_key() -> Result<TokenKey, Error> {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).map_err(|error| failed(&error))?;
    let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(&error))?;
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|error| failed(&error))?;
    Ok(TokenKey { private, public })
}

/// The public half of a key, in PEM.
///
/// # Errors
/// When it is no private key of RSA.
pub fn public_half(private: &str) -> Result<String, Error> {
    let key = RsaPrivateKey::from_pkcs8_pem(private).map_err(|_| {
        Error::Refused("oidc-signing holds something that is no private key of RSA".to_owned())
    })?;
    key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|error| failed(&error))
}

/// Every key of a secret, each with its lines.
///
/// # Errors
/// When there is none.
pub fn blocks(plain: &Plain) -> Result<Vec<Zeroizing<String>>, Error> {
    let wrong = || Error::Refused("oidc-signing holds no private key in PEM".to_owned());
    let text = std::str::from_utf8(plain.bytes()).map_err(|_| wrong())?;
    let end = "-----END PRIVATE KEY-----\n";
    let whole = Zeroizing::new(format!("{}\n", text.trim_end()));
    let blocks: Vec<Zeroizing<String>> =
        whole.split_inclusive(end).map(|block| Zeroizing::new(block.to_owned())).collect();
    if blocks.iter().any(|block| !block.contains("-----BEGIN ") || !block.ends_with(end)) {
        return Err(wrong());
    }
    Ok(blocks)
}
