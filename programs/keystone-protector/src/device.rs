//! TPM and token, or, in a build without them, a refusal that says so.

use std::path::Path;

use age::secrecy::SecretString;

use crate::error::ProtectorError;
use crate::identity::ShareIdentity;
use crate::slot::Method;
#[cfg(not(all(feature = "tpm2", feature = "pkcs11")))]
use crate::slot::SlotKind;

/// A key that only the TPM gives back, and how.
pub fn tpm2(pcrs: &[u8]) -> Result<(Method, ShareIdentity), ProtectorError> {
    #[cfg(feature = "tpm2")]
    return crate::tpm2::seal(pcrs);
    #[cfg(not(feature = "tpm2"))]
    absent(SlotKind::Tpm2, pcrs)
}

/// The key, by the TPM.
pub fn by_tpm2(public: &str, private: &str, pcrs: &[u8]) -> Result<ShareIdentity, ProtectorError> {
    #[cfg(feature = "tpm2")]
    return crate::tpm2::unseal(public, private, pcrs);
    #[cfg(not(feature = "tpm2"))]
    absent(SlotKind::Tpm2, (public, private, pcrs))
}

/// A key that only the token gives back, and how.
pub fn pkcs11(
    module: &Path,
    token: &str,
    pin: &SecretString,
    label: &str,
) -> Result<(Method, ShareIdentity), ProtectorError> {
    #[cfg(feature = "pkcs11")]
    return crate::pkcs11::seal(module, token, pin, label);
    #[cfg(not(feature = "pkcs11"))]
    absent(SlotKind::Pkcs11, (module, token, pin, label))
}

/// The key, by the token.
pub fn by_pkcs11(
    module: &Path,
    token: &str,
    label: &str,
    wrapped: &str,
    pin: &SecretString,
) -> Result<ShareIdentity, ProtectorError> {
    #[cfg(feature = "pkcs11")]
    return crate::pkcs11::unseal(module, token, label, wrapped, pin);
    #[cfg(not(feature = "pkcs11"))]
    absent(SlotKind::Pkcs11, (module, token, label, wrapped, pin))
}

#[cfg(not(all(feature = "tpm2", feature = "pkcs11")))]
fn absent<T, U>(kind: SlotKind, _: U) -> Result<T, ProtectorError> {
    Err(ProtectorError::NotBuilt(kind))
}
