//! A header for another recipient: the same file key, so that everything after the header stays as it is.

use age::Recipient as _;
use age_core::format::write::age_stanza;
use age_core::primitives::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cookie_factory::gen_simple;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::{Header, HeaderError, MAC, VERSION};
use super::unwrap::FileIdentity;

/// What age derives the header's own key with (its specification, «Header MAC»).
const LABEL: &[u8] = b"header";

/// Why there is no new header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RewrapError {
    /// The stanza is another one than the one that was opened.
    #[error("the file was not opened by that stanza")]
    NotOpened,
    /// The header does not fit its key.
    #[error("the header was changed after it was written: its check does not hold")]
    Changed,
    /// The new recipient is none.
    #[error("`{0}` is no recipient `age1…`")]
    Recipient(String),
    /// What was written does not read again.
    #[error("the new header does not read: {0}")]
    Header(#[from] HeaderError),
}

impl Header {
    /// The header with a stanza for `recipient` in the place of the one that `identity` opens. The other stanzas stay, as
    /// they hold the same key.
    ///
    /// # Errors
    /// When the stanza is not the one that was opened, the header was changed, or the recipient is none.
    pub fn rewrap(
        &self,
        stanza: usize,
        identity: &FileIdentity,
        recipient: &str,
    ) -> Result<Self, RewrapError> {
        let place = self.stanzas.get(stanza).filter(|place| identity.opens(place));
        let key = place.and_then(|_| identity.open()).ok_or(RewrapError::NotOpened)?;
        let secret = Zeroizing::new(hkdf(&[], LABEL, age_core::secrecy::ExposeSecret::expose_secret(&key)));
        let check = || Hmac::<Sha256>::new_from_slice(secret.as_slice()).map_err(|_| RewrapError::Changed);
        let (covered, own) = self.parts();
        check()?.chain_update(covered).verify_slice(&own).map_err(|_| RewrapError::Changed)?;

        let none = || RewrapError::Recipient(recipient.to_owned());
        let to: age::x25519::Recipient = recipient.parse().map_err(|_| none())?;
        let (new, _) = to.wrap_file_key(&key).map_err(|_| none())?;
        let mut bytes = VERSION.to_vec();
        let stanzas = self.stanzas[..stanza].iter().chain(&new).chain(&self.stanzas[stanza + 1..]);
        for one in stanzas {
            bytes = gen_simple(age_stanza(&one.tag, &one.args, &one.body), bytes)
                .map_err(|_| HeaderError::NotAge)?;
        }
        bytes.extend_from_slice(MAC);
        let code = check()?.chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(format!(" {}\n", STANDARD_NO_PAD.encode(code)).as_bytes());
        Ok(Self::read(&bytes)?)
    }
}
