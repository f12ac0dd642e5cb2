//! Who lied: a member shows the second package that it got, and everybody can see whether it fits the first one.
//!
//! The package is secret while the generation lasts, and worthless once it is aborted, which a complaint always means.
//! That the package came from the accused is proven by the accused's signature on it, which the caller checks.

use super::dkg::Generation;
use super::rounds::{Round1Package, Round2Package};
use super::{Member, Purpose};

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The accused sent something else than it promised.
    Accused,
    /// The package is right: the complaint is false.
    Accuser,
}

/// Judges the complaint of `accuser` about the second package that it got, whose sender's first package is `promise`.
#[must_use]
pub fn judge<P: Purpose>(
    accuser: Member,
    shown: &Round2Package<P, Generation>,
    promise: &Round1Package<P, Generation>,
) -> Verdict {
    if shown.fits(promise, accuser) { Verdict::Accuser } else { Verdict::Accused }
}
