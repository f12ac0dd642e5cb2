//! Private keys that somebody pasted by mistake: found, and never repeated.
//!
//! What is read here ends in messages, and messages end in logs and in chat rooms. So whatever looks like a private
//! key is masked wherever a text of ours is made from a text of theirs.

use std::borrow::Cow;
use std::ops::Range;

/// How the private keys start that people have at hand where an inventory is written: those of age, those of
/// Headscale and DERP, and everything in PEM. Compared in lower case, as age takes both.
const AGE: &str = "age-secret-key-";
const MESH: &str = "privkey:";
const PEM_BEGIN: &str = "-----begin ";
const PEM_PRIVATE: &str = "private key";
const PEM_END: &str = "-----end";

/// Whether the text holds something that looks like a private key.
#[must_use]
pub fn holds_private_key(text: &str) -> bool {
    !secrets(text).is_empty()
}

/// The text with each private key masked, byte by byte, so that places in it stay what they are.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    // Line ends stay, so that lines keep their numbers.
    replace(text, |secret, masked| {
        masked.extend(secret.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }));
    })
}

/// The text without its private keys, for a message.
pub(crate) fn conceal(text: &str) -> Cow<'_, str> {
    replace(text, |_, masked| masked.push('…'))
}

/// So many characters of a value are repeated in a message.
pub(crate) const SHOWN: usize = 80;

/// What of somebody's text may stand in a message: no private key, nothing that a terminal would obey, and no more
/// than eighty characters.
pub(crate) fn shown(text: &str) -> String {
    let text = conceal(text);
    let mut shown = String::new();
    for (n, character) in text.chars().enumerate() {
        match character {
            _ if n == SHOWN => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

fn replace(text: &str, write: impl Fn(&str, &mut String)) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        replaced.push_str(&text[done..secret.start]);
        write(&text[secret.clone()], &mut replaced);
        done = secret.end;
    }
    replaced.push_str(&text[done..]);
    Cow::Owned(replaced)
}

/// The private parts, in order and apart from each other. Each begins and ends beside an ASCII character.
fn secrets(text: &str) -> Vec<Range<usize>> {
    type Find = fn(&str, usize) -> Option<(usize, usize)>;
    let kinds: [Find; 3] = [|text, from| word(text, from, AGE), |text, from| word(text, from, MESH), pem];
    let lower = text.to_ascii_lowercase();
    // The next one of each kind, looked for anew only once it is passed: the text is walked through once for each.
    let mut next = kinds.map(|find| find(&lower, 0));
    let mut found = Vec::new();
    while let Some((start, end)) = next.iter().flatten().min().copied() {
        if start < end {
            found.push(start..end);
        }
        for (find, next) in kinds.iter().zip(&mut next) {
            if next.is_some_and(|(begins, _)| begins <= end) {
                *next = find(&lower, end);
            }
        }
    }
    found
}

/// The letters and digits after the next marker.
fn word(lower: &str, from: usize, marker: &str) -> Option<(usize, usize)> {
    let start = from + lower[from..].find(marker)? + marker.len();
    let length = lower[start..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
    Some((start, start + length))
}

/// The body of the next block of PEM that calls itself private; to the end of the text where the block has none.
fn pem(lower: &str, from: usize) -> Option<(usize, usize)> {
    let mut from = from;
    loop {
        let label = from + lower[from..].find(PEM_BEGIN)? + PEM_BEGIN.len();
        let label_ends = label + lower[label..].find("-----")?;
        if lower[label..label_ends].contains(PEM_PRIVATE) {
            let start = label_ends + "-----".len();
            let end = lower[start..].find(PEM_END).map_or(lower.len(), |n| start + n);
            return Some((start, end));
        }
        from = label_ends;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_is_private_and_keeps_every_place() {
        let cases = [
            ("nothing private", "nothing private"),
            ("key = \"AGE-SECRET-KEY-1ABC\" # x", "key = \"AGE-SECRET-KEY-****\" # x"),
            ("age-secret-key-1abc", "age-secret-key-****"),
            ("privkey:00ff, then", "privkey:****, then"),
            (
                "-----BEGIN EC PRIVATE KEY-----\nab\n-----END EC PRIVATE KEY-----\n",
                "-----BEGIN EC PRIVATE KEY-----\n**\n-----END EC PRIVATE KEY-----\n",
            ),
            ("-----BEGIN PRIVATE KEY-----abc", "-----BEGIN PRIVATE KEY-----***"),
            ("-----BEGIN PUBLIC KEY-----\nab\n", "-----BEGIN PUBLIC KEY-----\nab\n"),
            (
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\nä\n-----END PGP",
                "-----BEGIN PGP PRIVATE KEY BLOCK-----\n**\n-----END PGP",
            ),
        ];
        for (text, masked) in cases {
            assert_eq!(redact(text), masked);
            assert_eq!(redact(text).len(), text.len(), "{text}");
            assert_eq!(holds_private_key(text), text != masked, "{text}");
        }
    }

    #[test]
    fn shows_no_more_than_a_message_may() {
        let cases = [
            ("zoë's \"a\\b\"", "zoë's \"a\\b\""),
            ("\u{1b}[2J\n\u{202e}", "\\u{1b}[2J\\n\\u{202e}"),
            ("AGE-SECRET-KEY-1ABC!", "AGE-SECRET-KEY-…!"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"ä".repeat(80)), "ä".repeat(80));
        assert_eq!(shown(&"ä".repeat(81)), "ä".repeat(80) + "…");
    }
}
