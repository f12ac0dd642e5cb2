//! Lengths of time and amounts of storage, written with their unit.

use std::fmt;
use std::str::FromStr;

use super::text::{ParseError, text_type};

/// A length of time, written with one unit: `90s`, `15m`, `12h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    seconds: u64,
}

impl Duration {
    /// So many seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.seconds
    }
}

const TIME_UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl FromStr for Duration {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = TIME_UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(unit)?;
            (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                .then(|| number.parse::<u64>().ok()?.checked_mul(*seconds))?
        });
        parsed.map(Self::from_seconds).ok_or_else(|| {
            ParseError::new(text, "is not a length of time", "write one like `90s`, `15m`, `12h` or `7d`")
        })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = TIME_UNITS
            .iter()
            .find(|(_, length)| self.seconds >= *length && self.seconds.is_multiple_of(*length))
            .unwrap_or(&("s", 1));
        write!(f, "{}{unit}", self.seconds / length)
    }
}

text_type!(Duration, pattern: "^[0-9]+[smhd]$", example: "12h");

/// An amount of storage in binary units: `100GiB`, `4TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    bytes: u64,
}

impl Size {
    /// So many GiB.
    #[must_use]
    pub const fn from_gib(gib: u64) -> Self {
        Self { bytes: gib << 30 }
    }

    /// The amount in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// The amount in GiB, rounded up.
    #[must_use]
    pub const fn gib(self) -> u64 {
        self.bytes.div_ceil(1 << 30)
    }
}

const SIZE_UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl FromStr for Size {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = SIZE_UNITS.iter().find_map(|(unit, shift)| {
            let number = text.strip_suffix(unit)?;
            (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                .then(|| number.parse::<u64>().ok()?.checked_mul(1 << shift))?
        });
        parsed.filter(|bytes| *bytes > 0).map(|bytes| Self { bytes }).ok_or_else(|| {
            ParseError::new(text, "is not a size", "write one like `512MiB`, `100GiB` or `4TiB`")
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) = SIZE_UNITS
            .iter()
            .find(|(_, shift)| self.bytes.is_multiple_of(1 << shift))
            .unwrap_or(&("KiB", 10));
        write!(f, "{}{unit}", self.bytes >> shift)
    }
}

text_type!(Size, pattern: "^[0-9]+[KMGT]iB$", example: "100GiB");
