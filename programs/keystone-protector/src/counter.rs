//! A counter in the TPM that only goes up. Who puts an older state folder back cannot put it back too.
//!
//! It is an NV index of the kind «counter» in the owner's range. One that is removed and made again begins above every value
//! that any counter of that TPM ever had (TPM 2.0 Library, part 3, `TPM2_NV_DefineSpace`), so removing it hides nothing.

use crate::error::ProtectorError;

/// Its value; none if this TPM has no such counter yet.
///
/// # Errors
/// When there is no TPM, or this build cannot speak to one.
pub fn read() -> Result<Option<u64>, ProtectorError> {
    #[cfg(feature = "tpm2")]
    return crate::tpm2::counter::read();
    #[cfg(not(feature = "tpm2"))]
    Err(ProtectorError::NotBuilt(crate::slot::SlotKind::Tpm2))
}

/// Makes it, if it is not there; its value.
///
/// # Errors
/// When there is no TPM, it lets nobody make one, or this build cannot speak to one.
pub fn begin() -> Result<u64, ProtectorError> {
    #[cfg(feature = "tpm2")]
    return crate::tpm2::counter::begin();
    #[cfg(not(feature = "tpm2"))]
    Err(ProtectorError::NotBuilt(crate::slot::SlotKind::Tpm2))
}

/// Counts one; its value.
///
/// # Errors
/// When there is no such counter, no TPM, or this build cannot speak to one.
pub fn advance() -> Result<u64, ProtectorError> {
    #[cfg(feature = "tpm2")]
    return crate::tpm2::counter::advance();
    #[cfg(not(feature = "tpm2"))]
    Err(ProtectorError::NotBuilt(crate::slot::SlotKind::Tpm2))
}
