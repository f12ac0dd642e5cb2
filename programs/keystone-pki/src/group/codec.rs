//! The envelope of everything that is serialised here: what it is, for which purpose, in which version, and no byte more.

use thiserror::Error;

use super::Purpose;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Longer than such a thing ever is.
    #[error("{what} has {length} bytes, and never has more than {max}")]
    TooLarge {
        /// What was read.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The most that are read.
        max: usize,
    },
    /// Shorter than the envelope, or without its mark.
    #[error("these bytes are no {0} of Keystone")]
    NotOurs(&'static str),
    /// Written by another version.
    #[error(
        "{what} is of version {version}, and this program reads {}; use the program that wrote it",
        VERSION
    )]
    Version {
        /// What was read.
        what: &'static str,
        /// The version found.
        version: u8,
    },
    /// Something else of ours.
    #[error("these bytes are {found}, and {what} was expected")]
    OtherKind {
        /// What was to be read.
        what: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Of a group with another purpose.
    #[error("{what} belongs to a group for another purpose than {purpose}")]
    OtherPurpose {
        /// What was read.
        what: &'static str,
        /// The purpose that was expected.
        purpose: &'static str,
    },
    /// The inside does not parse.
    #[error("{0} is damaged")]
    Malformed(&'static str),
    /// It parses, and would be written otherwise: trailing bytes, or two spellings of one value.
    #[error("{0} is not written in the one way in which it may be")]
    NotCanonical(&'static str),
}

const MAGIC: &[u8; 4] = b"KSPK";
const VERSION: u8 = 1;
const HEADER: usize = MAGIC.len() + 3;
/// The largest thing is the state of a member between the rounds of a key generation with 15 members.
const MAX: usize = 64 * 1024;

/// What is in an envelope. Public only because a public trait names it; nobody outside can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Group = 1,
    Share = 2,
    GenerationRound1 = 3,
    GenerationRound2 = 4,
    RefreshRound1 = 5,
    RefreshRound2 = 6,
    Commitment = 7,
    PartialSignature = 8,
    RepairDelta = 9,
    RepairSigma = 10,
    PartialDecryption = 11,
    GenerationStateOne = 12,
    GenerationStateTwo = 13,
    RefreshStateOne = 14,
    RefreshStateTwo = 15,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Group,
        Self::Share,
        Self::GenerationRound1,
        Self::GenerationRound2,
        Self::RefreshRound1,
        Self::RefreshRound2,
        Self::Commitment,
        Self::PartialSignature,
        Self::RepairDelta,
        Self::RepairSigma,
        Self::PartialDecryption,
        Self::GenerationStateOne,
        Self::GenerationStateTwo,
        Self::RefreshStateOne,
        Self::RefreshStateTwo,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Group => "the description of a group",
            Self::Share => "a share",
            Self::GenerationRound1 => "a first package of a key generation",
            Self::GenerationRound2 => "a second package of a key generation",
            Self::RefreshRound1 => "a first package of a refresh",
            Self::RefreshRound2 => "a second package of a refresh",
            Self::Commitment => "a commitment to nonces",
            Self::PartialSignature => "a partial signature",
            Self::RepairDelta => "a delta of a repair",
            Self::RepairSigma => "a sigma of a repair",
            Self::PartialDecryption => "a partial decryption",
            Self::GenerationStateOne => "a state after the first round of a key generation",
            Self::GenerationStateTwo => "a state after the second round of a key generation",
            Self::RefreshStateOne => "a state after the first round of a refresh",
            Self::RefreshStateTwo => "a state after the second round of a refresh",
        }
    }

    const fn byte(self) -> u8 {
        self as u8
    }
}

/// `payload` in its envelope. The caller erases both if they are secret.
pub(crate) fn seal<P: Purpose>(kind: Kind, payload: &[u8]) -> Vec<u8> {
    // Exactly as long as needed: growing would leave a copy of a secret behind.
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[VERSION, kind.byte(), P::TAG]);
    bytes.extend_from_slice(payload);
    bytes
}

/// What is in an envelope of that kind.
pub(crate) fn open<P: Purpose>(kind: Kind, bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let what = kind.name();
    if bytes.len() > MAX {
        return Err(DecodeError::TooLarge { what, length: bytes.len(), max: MAX });
    }
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        return Err(DecodeError::NotOurs(what));
    };
    let Some([version, found, purpose]) = header.strip_prefix(MAGIC) else {
        return Err(DecodeError::NotOurs(what));
    };
    if *version != VERSION {
        return Err(DecodeError::Version { what, version: *version });
    }
    if *found != kind.byte() {
        let found = Kind::ALL.into_iter().find(|k| k.byte() == *found);
        return Err(
            found.map_or(DecodeError::NotOurs(what), |k| DecodeError::OtherKind { what, found: k.name() })
        );
    }
    if *purpose != P::TAG {
        return Err(DecodeError::OtherPurpose { what, purpose: P::NAME });
    }
    Ok(payload)
}

/// Reads with `read`, and refuses what `write` would have written otherwise. `postcard`, in which FROST writes, leaves
/// trailing bytes unread.
pub(crate) fn canonical<P: Purpose, T>(
    kind: Kind,
    bytes: &[u8],
    read: impl FnOnce(&[u8]) -> Option<T>,
    write: impl FnOnce(&T) -> Option<zeroize::Zeroizing<Vec<u8>>>,
) -> Result<T, DecodeError> {
    let payload = open::<P>(kind, bytes)?;
    let value = read(payload).ok_or(DecodeError::Malformed(kind.name()))?;
    match write(&value) {
        Some(again) if again.as_slice() == payload => Ok(value),
        _ => Err(DecodeError::NotCanonical(kind.name())),
    }
}
