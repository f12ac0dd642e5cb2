//! The header of an age file, and the points in it.

use age_core::format::{AgeStanza, Stanza, read::age_stanza};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::IsIdentity as _;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub(super) const VERSION: &[u8] = b"age-encryption.org/v1\n";
pub(super) const MAC: &[u8] = b"---";

/// Why a header or a stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The file has no end of a header in the first bytes.
    #[error("this is no header of an age file, or one of more than {max} bytes", max = Header::MAX_BYTES)]
    NotAge,
    /// An age file in armor.
    #[error("this is an age file in armor; take the armor off first (`age` reads both)")]
    Armored,
    /// No such stanza.
    #[error("the header has {count} stanzas, and none with the number {asked}")]
    NoStanza {
        /// How many there are.
        count: usize,
        /// The number asked for, from 0.
        asked: usize,
    },
    /// A stanza for another kind of recipient.
    #[error("stanza {0} is not for a recipient `age1…`")]
    OtherKind(usize),
    /// A stanza that is damaged.
    #[error("stanza {0} is damaged")]
    Damaged(usize),
    /// The ephemeral value is on the twist of the curve.
    #[error(
        "the value in stanza {0} is no point of the curve but of its twist; whoever wrote it wants to learn something about shares"
    )]
    Twist(usize),
    /// The ephemeral value is of small order, or has a part that is.
    #[error(
        "the value in stanza {0} is not of prime order; whoever wrote it wants to learn something about shares"
    )]
    SmallOrder(usize),
}

/// The header of an age file: for whom it is encrypted, not what it holds. Who wrote it is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    bytes: Vec<u8>,
    pub(super) stanzas: Vec<Stanza>,
    check: [u8; 32],
}

/// The ephemeral point of one stanza, of prime order.
#[derive(Clone, PartialEq, Eq)]
pub struct Point {
    pub(super) lifted: EdwardsPoint,
    pub(super) share: [u8; 32],
    pub(super) body: Vec<u8>,
}

impl Header {
    /// The most bytes that are read of a header.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads the header at the beginning of an age file; what comes after it is not looked at.
    ///
    /// # Errors
    /// When there is none, or it is longer than [`Header::MAX_BYTES`].
    pub fn read(file: &[u8]) -> Result<Self, HeaderError> {
        let file = file.get(..Self::MAX_BYTES).unwrap_or(file);
        if file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            return Err(HeaderError::Armored);
        }
        let mut rest = file.strip_prefix(VERSION).ok_or(HeaderError::NotAge)?;
        let mut stanzas = Vec::new();
        while !rest.starts_with(MAC) {
            let (after, stanza): (&[u8], AgeStanza<'_>) =
                age_stanza(rest).map_err(|_| HeaderError::NotAge)?;
            stanzas.push(stanza.into());
            rest = after;
        }
        // «--- » and 32 bytes in base64 without padding.
        let line = rest.strip_prefix(b"--- ").ok_or(HeaderError::NotAge)?;
        let end = line.iter().position(|byte| *byte == b'\n').ok_or(HeaderError::NotAge)?;
        let check = line.get(..end).and_then(|text| STANDARD_NO_PAD.decode(text).ok()?.try_into().ok());
        let check = check.filter(|_| !stanzas.is_empty()).ok_or(HeaderError::NotAge)?;
        let length = file.len() - line.len() + end + 1;
        Ok(Self { bytes: file[..length].to_vec(), stanzas, check })
    }

    /// The header's own bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes that the header's check covers, and the check.
    pub(super) fn parts(&self) -> (&[u8], [u8; 32]) {
        // « » and the check in base64 without padding, and the end of the line.
        const REST: usize = 1 + 43 + 1;
        (&self.bytes[..self.bytes.len() - REST], self.check)
    }

    /// SHA-256 of the header, for the record.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// How many stanzas it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stanzas.len()
    }

    /// Never: a header has at least one stanza.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stanzas.is_empty()
    }

    /// Numbers, from 0, of the stanzas for recipients `age1…`. They do not say for which one; each may be tried.
    pub fn candidates(&self) -> impl Iterator<Item = usize> + '_ {
        self.stanzas.iter().enumerate().filter(|(_, stanza)| stanza.tag == "X25519").map(|(n, _)| n)
    }

    /// The point of one stanza.
    ///
    /// # Errors
    /// When there is no such stanza, it is for another kind of recipient, or its value is not a point of prime order.
    pub fn point(&self, stanza: usize) -> Result<Point, HeaderError> {
        let missing = HeaderError::NoStanza { count: self.stanzas.len(), asked: stanza };
        let found = self.stanzas.get(stanza).ok_or(missing)?;
        if found.tag != "X25519" {
            return Err(HeaderError::OtherKind(stanza));
        }
        let damaged = HeaderError::Damaged(stanza);
        let [share] = found.args.as_slice() else { return Err(damaged) };
        let share: [u8; 32] = STANDARD_NO_PAD
            .decode(share)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| damaged.clone())?;
        // A wrapped file key: 16 bytes and the tag.
        if found.body.len() != 32 {
            return Err(damaged);
        }
        let lifted = prime_order(share).map_err(|twist| {
            if twist { HeaderError::Twist(stanza) } else { HeaderError::SmallOrder(stanza) }
        })?;
        Ok(Point { lifted, share, body: found.body.clone() })
    }
}

/// The point of that u-coordinate; of the two, either would do, as their multiples have the same u-coordinate. The error says
/// whether it lies on the twist.
fn prime_order(share: [u8; 32]) -> Result<EdwardsPoint, bool> {
    let montgomery = MontgomeryPoint(share);
    let point = montgomery.to_edwards(0).ok_or(true)?;
    // X25519 ignores the highest bit and reduces; one point, one spelling.
    let canonical = point.to_montgomery().0 == share;
    if point.is_identity() || point.is_small_order() || !point.is_torsion_free() || !canonical {
        return Err(false);
    }
    Ok(point)
}
