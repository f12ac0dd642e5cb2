//! What a group is for. A share of one purpose is not accepted for the other: whoever can make a custodian multiply a
//! point by its share of the signing key must not be able to call that a decryption.

mod sealed {
    pub trait Sealed {}
}

/// What a group is for.
pub trait Purpose: sealed::Sealed + Copy + Eq + std::fmt::Debug + Send + Sync + 'static {
    /// The byte that tells the purposes apart in serialised form.
    #[doc(hidden)]
    const TAG: u8;
    /// The name, for messages.
    const NAME: &'static str;
}

/// The group signs: it is a root certificate authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signing;

/// The group opens age files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decryption;

impl sealed::Sealed for Signing {}
impl sealed::Sealed for Decryption {}

impl Purpose for Signing {
    const TAG: u8 = 1;
    const NAME: &'static str = "signing";
}

impl Purpose for Decryption {
    const TAG: u8 = 2;
    const NAME: &'static str = "decryption";
}
