//! Patterns of JSON Schema (ECMA-262), written so that Nix means the same by them.
//!
//! `builtins.match` takes POSIX extended expressions (C++ `std::regex::extended`), matches whole strings, and counts
//! bytes. So anchors go, their absence becomes `.*`, and what POSIX lacks or means otherwise is refused.

use std::iter::Peekable;
use std::str::Chars;

use thiserror::Error;

/// Why a pattern has no counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the pattern `{pattern}` cannot be written for Nix: {reason}")]
pub struct PatternError {
    /// The pattern as the schema has it.
    pub pattern: String,
    /// What is in the way.
    pub reason: String,
}

/// POSIX lets an implementation stop counting here (`RE_DUP_MAX`).
const MOST_REPEATS: u32 = 255;

/// Digits, for `\d`.
const DIGITS: &str = "0-9";
/// Letters, digits and `_`, for `\w`.
const WORD: &str = "A-Za-z0-9_";

/// The pattern in POSIX extended form, for a match of the whole string.
///
/// # Errors
/// When it uses what POSIX extended expressions lack (lookaround, back references, `\s`, `\b`, Unicode), or what would
/// match other texts there.
pub fn posix(pattern: &str) -> Result<String, PatternError> {
    let refuse = |reason: String| PatternError { pattern: pattern.to_owned(), reason };
    let start = pattern.starts_with('^');
    let end = ends_with_anchor(pattern);
    let body = pattern.strip_prefix('^').unwrap_or(pattern);
    let body = if end { body.strip_suffix('$').unwrap_or(body) } else { body };
    let mut reader = Reader { rest: body.chars().peekable(), depth: 0, branches: false };
    let mut text = reader.alternatives().map_err(refuse)?;
    if reader.rest.peek().is_some() {
        return Err(refuse("a `)` closes no group".to_owned()));
    }
    if reader.branches && start != end {
        let reason = "its anchor holds for one branch only; write `^(a|b)$`";
        return Err(refuse(reason.to_owned()));
    }
    if reader.branches && start {
        let reason = "`^` and `$` hold for the outer branches only; write `^(a|b)$`";
        return Err(refuse(reason.to_owned()));
    }
    if reader.branches {
        text = format!("({text})");
    }
    if !start {
        text.insert_str(0, ".*");
    }
    if !end {
        text.push_str(".*");
    }
    Ok(text)
}

/// Whether the final `$` is an anchor and no escaped dollar.
fn ends_with_anchor(pattern: &str) -> bool {
    pattern.strip_suffix('$').is_some_and(|before| {
        let backslashes = before.chars().rev().take_while(|c| *c == '\\').count();
        backslashes.is_multiple_of(2)
    })
}

/// One thing that a quantifier may follow.
struct Atom {
    text: String,
    /// Whether it matches characters beyond ASCII, which Nix counts as several.
    wide: bool,
}

struct Reader<'p> {
    rest: Peekable<Chars<'p>>,
    depth: usize,
    /// Whether there is a `|` outside every group.
    branches: bool,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Result<String, String> {
        let mut out = String::new();
        loop {
            let branch = self.sequence()?;
            if branch.is_empty() && (self.depth > 0 || self.rest.peek() == Some(&'|') || !out.is_empty()) {
                return Err("a group or a branch is empty, which POSIX leaves open".to_owned());
            }
            out.push_str(&branch);
            if self.rest.next_if_eq(&'|').is_none() {
                return Ok(out);
            }
            self.branches |= self.depth == 0;
            out.push('|');
        }
    }

    fn sequence(&mut self) -> Result<String, String> {
        let mut out = String::new();
        while let Some(next) = self.rest.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let atom = self.atom()?;
            let times = self.quantifier()?;
            if atom.wide && !matches!(times.as_str(), "*" | "+") {
                return Err("Nix counts bytes, so what matches any character needs `*` or `+`".to_owned());
            }
            out.push_str(&atom.text);
            out.push_str(&times);
        }
        Ok(out)
    }

    fn atom(&mut self) -> Result<Atom, String> {
        let narrow = |text: String| Atom { text, wide: false };
        match self.rest.next() {
            Some('(') => self.group().map(narrow),
            Some('[') => self.class(),
            Some('.') => Ok(Atom { text: "[^\n\r]".to_owned(), wide: true }),
            Some('\\') => self.escape(),
            Some(c @ ('^' | '$')) => Err(format!("`{c}` stands inside the pattern")),
            Some(c @ ('*' | '+' | '?' | '{')) => Err(format!("`{c}` follows nothing that it could repeat")),
            Some(c @ ('}' | ']')) => Err(format!("`{c}` closes nothing")),
            Some(c) => literal(c).map(narrow),
            None => Err("it ends early".to_owned()),
        }
    }

    fn group(&mut self) -> Result<String, String> {
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                // Nix hands out groups, but options only ask whether there was a match.
                Some(':') => {}
                Some('=' | '!') => return Err("POSIX has no lookahead".to_owned()),
                Some('<') => return Err("POSIX has no lookbehind and no named groups".to_owned()),
                _ => return Err("POSIX has no groups that start with `(?`".to_owned()),
            }
        }
        self.depth += 1;
        let inner = self.alternatives()?;
        self.depth -= 1;
        if self.rest.next_if_eq(&')').is_none() {
            return Err("a group is not closed".to_owned());
        }
        Ok(format!("({inner})"))
    }

    fn escape(&mut self) -> Result<Atom, String> {
        let class = |set: &str, wide: bool| {
            Ok(Atom { text: format!("[{}{set}]", if wide { "^" } else { "" }), wide })
        };
        match self.rest.next() {
            Some('d') => class(DIGITS, false),
            Some('D') => class(DIGITS, true),
            Some('w') => class(WORD, false),
            Some('W') => class(WORD, true),
            Some(c) => Ok(Atom { text: literal(escaped(c)?)?, wide: false }),
            None => Err("it ends in a backslash".to_owned()),
        }
    }

    fn quantifier(&mut self) -> Result<String, String> {
        let times = match self.rest.peek() {
            Some(c @ ('*' | '+' | '?')) => c.to_string(),
            Some('{') => self.counted()?,
            _ => return Ok(String::new()),
        };
        self.rest.next();
        // A lazy quantifier finds another match, but matches the same whole texts.
        self.rest.next_if_eq(&'?');
        Ok(times)
    }

    /// `{3}`, `{3,}` or `{3,5}` up to the closing brace, which is left.
    fn counted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != '}') {
            text.push(c);
        }
        let inner = text.get(1..).unwrap_or_default();
        let numbers: Vec<&str> = inner.split(',').collect();
        let number = |t: &str| t.parse::<u32>().ok().filter(|n| *n <= MOST_REPEATS);
        let fits = match numbers.as_slice() {
            [n] | [n, ""] => number(n).is_some(),
            [n, m] => number(n).zip(number(m)).is_some_and(|(n, m)| n <= m),
            _ => false,
        };
        if fits && self.rest.peek() == Some(&'}') {
            Ok(format!("{{{inner}}}"))
        } else {
            Err(format!("`{text}}}` is no number of repeats up to {MOST_REPEATS}"))
        }
    }

    fn class(&mut self) -> Result<Atom, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut plain = String::new();
        // These four mean themselves only in some places of a POSIX class.
        let (mut close, mut open, mut caret, mut hyphen) = (false, false, false, false);
        loop {
            let first = match self.class_item()? {
                Item::End => break,
                Item::Set(set) => {
                    plain.push_str(set);
                    continue;
                }
                Item::One(c) => c,
            };
            if let Some(last) = self.range_end()? {
                if first > last || "[]^-".contains([first, last]) {
                    return Err(format!("the range `{first}-{last}` of a class reads otherwise there"));
                }
                plain.extend([first, '-', last]);
                continue;
            }
            match first {
                ']' => close = true,
                '[' => open = true,
                '^' => caret = true,
                '-' => hyphen = true,
                c => plain.push(c),
            }
        }
        let mut set = String::new();
        for (there, c) in [(close, "]"), (true, plain.as_str()), (open, "["), (caret, "^"), (hyphen, "-")] {
            if there {
                set.push_str(c);
            }
        }
        let text = match (set.as_str(), negated) {
            ("", _) => return Err("a class is empty".to_owned()),
            ("^", false) => "\\^".to_owned(),
            ("^-", false) => "[-^]".to_owned(),
            (_, true) => format!("[^{set}]"),
            (_, false) => format!("[{set}]"),
        };
        Ok(Atom { text, wide: negated })
    }

    /// The end of a range, if the class goes on with `-` and something other than its end.
    fn range_end(&mut self) -> Result<Option<char>, String> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || ahead.peek() == Some(&']') {
            return Ok(None);
        }
        self.rest.next();
        match self.class_item()? {
            Item::One(c) => Ok(Some(c)),
            Item::Set(_) | Item::End => Err("a range of a class has no end".to_owned()),
        }
    }

    fn class_item(&mut self) -> Result<Item, String> {
        let c = match self.rest.next() {
            None => return Err("a class is not closed".to_owned()),
            Some(']') => return Ok(Item::End),
            Some('\\') => match self.rest.next() {
                Some('d') => return Ok(Item::Set(DIGITS)),
                Some('w') => return Ok(Item::Set(WORD)),
                Some(c) => escaped(c)?,
                None => return Err("a class is not closed".to_owned()),
            },
            Some(c) => c,
        };
        match c {
            '\\' => Err("a backslash in a class reads otherwise there".to_owned()),
            c if c.is_ascii() => Ok(Item::One(c)),
            c => Err(beyond(c)),
        }
    }
}

enum Item {
    One(char),
    Set(&'static str),
    End,
}

/// What a character after a backslash stands for.
fn escaped(c: char) -> Result<char, String> {
    match c {
        't' => Ok('\t'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        c if c.is_ascii_alphanumeric() => Err(format!("POSIX has no `\\{c}`")),
        c => Ok(c),
    }
}

/// A character that stands for itself. `}` and `]` do so bare, and C++ refuses them behind a backslash.
fn literal(c: char) -> Result<String, String> {
    match c {
        '.' | '[' | '(' | ')' | '*' | '+' | '?' | '{' | '|' | '^' | '$' | '\\' => Ok(format!("\\{c}")),
        c if c.is_ascii() => Ok(c.to_string()),
        c => Err(beyond(c)),
    }
}

fn beyond(c: char) -> String {
    format!("`{c}` is not ASCII, and Nix counts bytes")
}
