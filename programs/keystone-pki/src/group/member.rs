//! Members of a group.

use std::fmt;

use curve25519_dalek::scalar::Scalar;
use frost_ed25519::Identifier;

use super::Quorum;

/// A member of a group: its number from 1. Which primer has which number is the caller's record, fixed for the life of
/// the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(u16);

impl Member {
    /// The member of that number.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 1 && number <= Quorum::MAX_MEMBERS { Some(Self(number)) } else { None }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    pub(crate) fn first(count: u16) -> impl Iterator<Item = Self> {
        (1..=count).filter_map(Self::new)
    }

    pub(crate) fn scalar(self) -> Scalar {
        Scalar::from(self.0)
    }

    pub(crate) fn identifier(self) -> Result<Identifier, frost_ed25519::Error> {
        Identifier::try_from(self.0)
    }

    /// `None` for identifiers that no member of ours has.
    pub(crate) fn of(identifier: &Identifier) -> Option<Self> {
        Self::first(Quorum::MAX_MEMBERS).find(|member| member.identifier().as_ref() == Ok(identifier))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}
