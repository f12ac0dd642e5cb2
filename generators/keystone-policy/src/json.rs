//! HuJSON with places: JSON with `//` and `/* */` comments and trailing commas, and nothing else.
//!
//! A parser of our own, as each of the maintained ones differs from the grammar that Headscale reads
//! (github.com/tailscale/hujson, then a strict JSON decoder) in something that decides a verdict: they accept `#`
//! comments, single quotes, missing commas or invalid numbers, or give no places.

/// A value and the byte at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub offset: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    /// As written: policies hardly have numbers, and those they have are compared as text.
    Number(String),
    String(String),
    Array(Vec<Value>),
    /// Members in their order, with the byte at which the name begins.
    Object(Vec<(usize, String, Value)>),
}

impl Kind {
    /// The kind for a message.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Why a text is not HuJSON.
#[derive(Debug)]
pub struct SyntaxError {
    pub offset: usize,
    pub message: String,
}

/// Deeper than any policy; a bound on the stack that a hostile text can take.
const MAX_DEPTH: usize = 200;

/// Reads a whole text.
pub fn parse(text: &str) -> Result<Value, SyntaxError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0 };
    if text.starts_with('\u{feff}') {
        return Err(parser.error("the text begins with a byte order mark; save it without one"));
    }
    parser.space()?;
    let value = parser.value(0)?;
    parser.space()?;
    if parser.at < parser.bytes.len() {
        return Err(parser.error("something follows the end of the document"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { offset: self.at, message: message.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What stands here, for a message.
    fn here(&self) -> String {
        self.text[self.at..]
            .chars()
            .next()
            .map_or("the end".to_owned(), |c| format!("`{}`", c.escape_debug()))
    }

    /// White space and comments.
    fn space(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') => match self.bytes.get(self.at + 1) {
                    Some(b'/') => {
                        let rest = &self.bytes[self.at..];
                        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                    }
                    Some(b'*') => match self.text[self.at + 2..].find("*/") {
                        Some(length) => self.at += length + 4,
                        None => return Err(self.error("a comment has no end; close it with `*/`")),
                    },
                    _ => return Err(self.error("`/` begins nothing here; a comment is `// …` or `/* … */`")),
                },
                Some(b'#') => return Err(self.error("`#` is no comment in HuJSON; write `//`")),
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let offset = self.at;
        if depth > MAX_DEPTH {
            return Err(self.error(format!("values lie inside each other more than {MAX_DEPTH} deep")));
        }
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Kind::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Value { offset, kind })
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let rest = &self.text[self.at..];
        for (word, kind) in [("null", Kind::Null), ("true", Kind::Bool(true)), ("false", Kind::Bool(false))] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.error(format!("{} begins no value; strings stand in double quotes", self.here())))
    }

    fn array(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space()?;
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(Kind::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.space()?;
            self.comma_or(b']')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.space()?;
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(Kind::Object(members));
            }
            if self.peek() != Some(b'"') {
                return Err(self.error(format!("{} is no name; names stand in double quotes", self.here())));
            }
            let offset = self.at;
            let name = self.string()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return Err(self.error(format!("{} follows a name; write `:`", self.here())));
            }
            self.at += 1;
            self.space()?;
            let value = self.value(depth + 1)?;
            members.push((offset, name, value));
            self.space()?;
            self.comma_or(b'}')?;
        }
    }

    /// A comma, which is passed, or the end, which is left: a comma before it is allowed.
    fn comma_or(&mut self, end: u8) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(byte) if byte == end => Ok(()),
            _ => Err(self.error(format!(
                "{} follows a value; write `,` or `{}`",
                self.here(),
                char::from(end)
            ))),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => {
                    return Err(self.error("a control character stands in a string; write it as `\\u00XX`"));
                }
                None => return Err(self.error("a string has no end; close it with `\"`")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let simple = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.error("`\\` begins no escape that JSON knows")),
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let wrong = "`\\u` is followed by no character; write four hexadecimal digits, or two such pairs";
        let unit = |parser: &Self, at: usize| -> Option<u32> {
            let digits = parser.text.get(at..at + 6)?.strip_prefix("\\u")?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
        };
        let Some(high) = unit(self, self.at) else { return Err(self.error(wrong)) };
        let (code, length) = match high {
            0xd800..=0xdbff => match unit(self, self.at + 6) {
                Some(low @ 0xdc00..=0xdfff) => (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12),
                _ => return Err(self.error(wrong)),
            },
            other => (other, 6),
        };
        let Some(c) = char::from_u32(code) else { return Err(self.error(wrong)) };
        self.at += length;
        Ok(c)
    }

    fn number(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let digits = |parser: &mut Self| {
            let begin = parser.at;
            while parser.peek().is_some_and(|b| b.is_ascii_digit()) {
                parser.at += 1;
            }
            parser.at - begin
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = digits(self);
        let mut valid = whole > 0 && !(leading_zero && whole > 1);
        if self.peek() == Some(b'.') {
            self.at += 1;
            valid &= digits(self) > 0;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            valid &= digits(self) > 0;
        }
        if !valid {
            self.at = start;
            return Err(self.error("this is no number of JSON"));
        }
        Ok(self.text[start..self.at].to_owned())
    }
}
