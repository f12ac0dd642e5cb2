//! A key on a sheet of paper: text that a person can type again, and that tells which line was mistyped.
//!
//! 32 bytes are 52 letters of Crockford's base 32 (which reads O as 0 and I and L as 1), in four lines of thirteen,
//! each with two letters that check the line and its place. A whole line that is missing, doubled or of another sheet
//! is found like a wrong letter.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::ProtectorError;
use crate::identity::ShareIdentity;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LINES: usize = 4;
const PER_LINE: usize = 13;
const CHECK: usize = 2;

/// What is written on the sheet. It opens a slot, so it is as secret as the key itself.
pub struct Paper(Zeroizing<String>);

impl Paper {
    /// The sheet of a key. `sheet` is public, and makes lines of different sheets differ in their check.
    pub(crate) fn of(key: &ShareIdentity, sheet: &str) -> Result<Self, ProtectorError> {
        let bytes = key.bytes()?;
        let letters = encode(&bytes);
        let mut text = Zeroizing::new(String::with_capacity(128));
        for (n, line) in letters.chunks(PER_LINE).enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}  ", n + 1);
            for (at, letter) in line.iter().chain(&check(line, n, sheet)).enumerate() {
                if matches!(at, 5 | 10) {
                    text.push(' ');
                }
                if at == PER_LINE {
                    text.push('-');
                }
                text.push(char::from(*letter));
            }
            text.push('\n');
        }
        Ok(Self(text))
    }

    /// The sheet as a person typed it.
    #[must_use]
    pub fn typed(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text to print.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn key(&self, sheet: &str) -> Result<ShareIdentity, ProtectorError> {
        let refuse = |line: usize, reason: &str| ProtectorError::Paper { line, reason: reason.to_owned() };
        let mut letters = Zeroizing::new(Vec::with_capacity(LINES * PER_LINE));
        let mut count = 0;
        for (n, line) in self.0.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            let place = n + 1;
            count = place;
            if n >= LINES {
                return Err(refuse(place, "is one too many; a sheet has four"));
            }
            // The number in front may be typed or left out.
            let line = line.trim_start();
            let line = line.strip_prefix(&format!("{place} ")).unwrap_or(line);
            let mut read = Zeroizing::new(Vec::with_capacity(PER_LINE + CHECK));
            for letter in line.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'\t' | b'\r')) {
                read.push(canonical(letter).ok_or_else(|| refuse(place, "has a sign that is on no sheet"))?);
            }
            if read.len() != PER_LINE + CHECK {
                let reason = format!("has {} letters instead of {}", read.len(), PER_LINE + CHECK);
                return Err(ProtectorError::Paper { line: place, reason });
            }
            let (line, given) = read.split_at(PER_LINE);
            if given != check(line, n, sheet) {
                return Err(refuse(place, "was mistyped, or is of another sheet"));
            }
            letters.extend_from_slice(line);
        }
        if count < LINES {
            return Err(refuse(count + 1, "is missing; a sheet has four"));
        }
        decode(&letters)
            .and_then(|bytes| ShareIdentity::from_bytes(&bytes))
            .ok_or_else(|| refuse(LINES, "does not end a key"))
    }
}

fn canonical(letter: u8) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.contains(&letter).then_some(letter)
}

fn check(line: &[u8], n: usize, sheet: &str) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    hash.update(b"keystone paper\0");
    hash.update(sheet.as_bytes());
    hash.update([0, u8::try_from(n).unwrap_or(u8::MAX)]);
    hash.update(line);
    let digest = hash.finalize();
    [ALPHABET[usize::from(digest[0] & 31)], ALPHABET[usize::from(digest[1] & 31)]]
}

fn encode(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut letters = Zeroizing::new(Vec::with_capacity(LINES * PER_LINE));
    let (mut held, mut bits) = (0u16, 0u32);
    for byte in bytes {
        held = (held << 8) | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            letters.push(ALPHABET[usize::from((held >> bits) & 31)]);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        letters.push(ALPHABET[usize::from((held << (5 - bits)) & 31)]);
    }
    letters
}

fn decode(letters: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    let (mut held, mut bits) = (0u16, 0u32);
    for letter in letters {
        let value = u16::try_from(ALPHABET.iter().position(|known| known == letter)?).ok()?;
        held = (held << 5) | value;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    // What is left over was nothing when it was written.
    (held == 0 && bytes.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Paper {
        Paper::typed(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn is_read_as_it_was_printed_and_as_people_type() {
        for _ in 0..50 {
            let key = ShareIdentity::generate();
            let paper = Paper::of(&key, "sheet").unwrap();
            assert_eq!(paper.text().lines().count(), LINES);
            assert_eq!(paper.key("sheet").unwrap().recipient(), key.recipient());
            let sloppy = paper.text().to_lowercase().replace("  ", " ").replace(['-'], " ");
            assert_eq!(typed(&sloppy).key("sheet").unwrap().recipient(), key.recipient());
            let lines: Vec<&str> = paper.text().lines().map(|line| &line[3..]).collect();
            let numberless = lines.join("\n\n");
            assert_eq!(typed(&numberless).key("sheet").unwrap().recipient(), key.recipient());
        }
    }

    #[test]
    fn a_mistake_is_named_by_its_line() {
        let paper = Paper::of(&ShareIdentity::generate(), "sheet").unwrap();
        let lines: Vec<&str> = paper.text().lines().collect();
        let mut wrong = lines[2].as_bytes().to_vec();
        wrong[4] = if wrong[4] == b'7' { b'8' } else { b'7' };
        let wrong = String::from_utf8(wrong).unwrap();
        let cases = [
            (
                [lines[0], lines[1], &wrong, lines[3]].join("\n"),
                "line 3 of the paper was mistyped, or is of another sheet",
            ),
            ([lines[1], lines[0], lines[2], lines[3]].join("\n"), "line 1 of the paper "),
            (lines[..3].join("\n"), "line 4 of the paper is missing; a sheet has four"),
            (
                [lines[0], lines[1], lines[2], lines[3], lines[3]].join("\n"),
                "line 5 of the paper is one too many; a sheet has four",
            ),
            (
                lines.join("\n").replace(' ', "").replace('-', "!"),
                "line 1 of the paper has a sign that is on no sheet",
            ),
            ("1 abc".to_owned(), "line 1 of the paper has 3 letters instead of 15"),
        ];
        for (text, expected) in cases {
            let error = typed(&text).key("sheet").err().unwrap().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = paper.key("other").err().unwrap().to_string();
        assert_eq!(error, "line 1 of the paper was mistyped, or is of another sheet");
    }
}
