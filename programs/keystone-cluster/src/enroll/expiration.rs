//! How long a key may wait for its host.

use std::fmt;
use std::str::FromStr;

/// A number of seconds, minutes, hours or days, as Headscale takes it. Its form is narrow, as it becomes a word of a
/// command that a shell on the coordinator reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiration {
    number: u32,
    unit: char,
}

/// A key that lies about for longer is a key that somebody finds.
const LONGEST: u64 = 7 * 24 * 60 * 60;

impl Expiration {
    pub fn seconds(self) -> u64 {
        let unit = match self.unit {
            'd' => 24 * 60 * 60,
            'h' => 60 * 60,
            'm' => 60,
            _ => 1,
        };
        u64::from(self.number) * unit
    }
}

impl FromStr for Expiration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write a number and a unit, s, m, h or d: `30m`, `12h`".to_owned();
        let unit = text.chars().last().filter(|unit| "smhd".contains(*unit)).ok_or_else(form)?;
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(form());
        }
        let too_long = || "a key waits for its host for at most 7d".to_owned();
        let expiration = Self { number: digits.parse().map_err(|_| too_long())?, unit };
        match expiration.seconds() {
            0 => Err("a key that has expired when it is made opens nothing".to_owned()),
            1..=LONGEST => Ok(expiration),
            _ => Err(too_long()),
        }
    }
}

impl fmt::Display for Expiration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}
