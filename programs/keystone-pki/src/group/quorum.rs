//! How many members there are, and how many of them must agree.

use std::fmt;

use thiserror::Error;

/// `needed` of `members`: an odd number of members from 3 to 15, more than half of whom must agree, but not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quorum {
    members: u16,
    needed: u16,
}

/// Why such a quorum is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuorumError {
    /// Fewer than three: with two, `k` would be one or all.
    #[error("{0} members cannot share a key so that one may be lost and none can act alone; take at least 3")]
    TooFew(u16),
    /// More than anybody brings together.
    #[error("{0} members are more than a ceremony can bring together; take at most {max}", max = Quorum::MAX_MEMBERS)]
    TooMany(u16),
    /// An even number.
    #[error(
        "{0} members are an even number, which survives no more losses than one less; take an odd number"
    )]
    Even(u16),
    /// One member alone.
    #[error("a quorum of {needed} is none: one of {members} members would hold the whole key; take at least {least}", least = members / 2 + 1)]
    Alone {
        /// How many would have to agree.
        needed: u16,
        /// How many there are.
        members: u16,
    },
    /// Half or less.
    #[error(
        "with {needed} of {members}, two groups could act at the same time without knowing of each other, and their \
         records would contradict; take at least {least}", least = members / 2 + 1
    )]
    Half {
        /// How many would have to agree.
        needed: u16,
        /// How many there are.
        members: u16,
    },
    /// All, or more.
    #[error("with {needed} of {members}, the loss of one member loses the key for ever; take at most {most}", most = members - 1)]
    All {
        /// How many would have to agree.
        needed: u16,
        /// How many there are.
        members: u16,
    },
}

impl Quorum {
    /// Fewest members.
    pub const MIN_MEMBERS: u16 = 3;
    /// Most members.
    pub const MAX_MEMBERS: u16 = 15;

    /// A quorum of `needed` out of `members`.
    ///
    /// # Errors
    /// When `members` is even, below 3 or above 15, or `needed` is not more than half and fewer than all.
    pub const fn new(needed: u16, members: u16) -> Result<Self, QuorumError> {
        if members < Self::MIN_MEMBERS {
            return Err(QuorumError::TooFew(members));
        }
        if members > Self::MAX_MEMBERS {
            return Err(QuorumError::TooMany(members));
        }
        if members.is_multiple_of(2) {
            return Err(QuorumError::Even(members));
        }
        if needed < 2 {
            return Err(QuorumError::Alone { needed, members });
        }
        if needed <= members / 2 {
            return Err(QuorumError::Half { needed, members });
        }
        if needed >= members {
            return Err(QuorumError::All { needed, members });
        }
        Ok(Self { members, needed })
    }

    /// How many members there are.
    #[must_use]
    pub const fn members(self) -> u16 {
        self.members
    }

    /// How many must agree.
    #[must_use]
    pub const fn needed(self) -> u16 {
        self.needed
    }

    /// Every member.
    pub fn all(self) -> impl Iterator<Item = super::Member> {
        super::Member::first(self.members)
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.needed, self.members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_odd_numbers_of_which_more_than_half_but_not_all_agree() {
        for members in 0..40 {
            for needed in 0..40 {
                let right = members % 2 == 1
                    && (3..=15).contains(&members)
                    && needed > members / 2
                    && needed < members;
                assert_eq!(Quorum::new(needed, members).is_ok(), right, "{needed} of {members}");
            }
        }
    }

    #[test]
    fn a_refusal_says_why_and_what_would_be_right() {
        let text = |needed, members| Quorum::new(needed, members).unwrap_err().to_string();
        assert_eq!(
            text(1, 3),
            "a quorum of 1 is none: one of 3 members would hold the whole key; take at least 2"
        );
        assert!(text(2, 5).contains("two groups could act at the same time"));
        assert!(text(3, 3).contains("the loss of one member loses the key for ever; take at most 2"));
        assert!(text(2, 4).contains("even number"));
        assert!(text(9, 17).contains("at most 15"));
        assert!(text(1, 1).contains("at least 3"));
    }
}
