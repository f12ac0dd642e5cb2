//! Names and strings of Nix.

/// Words that cannot stand as a bare attribute name. `or` could, but no reader should have to know that.
const KEYWORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];

/// An attribute name, in quotes only where Nix needs them.
#[must_use]
pub fn name(name: &str) -> String {
    let mut bytes = name.bytes();
    let bare = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\''))
        && !KEYWORDS.contains(&name);
    if bare { name.to_owned() } else { quoted(name) }
}

/// A string on one line: `"…"`.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if rest.peek() == Some(&'{') => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A string over several lines: `''…''`, its lines two columns further in than `column`. It ends with a line break.
#[must_use]
pub fn block(lines: &[String], column: usize) -> String {
    let mut out = String::from("''\n");
    for line in lines {
        if !line.is_empty() {
            out.push_str(&" ".repeat(column + 2));
            out.push_str(&in_block(line));
        }
        out.push('\n');
    }
    out.push_str(&" ".repeat(column));
    out.push_str("''");
    out
}

fn in_block(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let quotes = rest.len() - rest.trim_start_matches('\'').len();
            rest = &rest[quotes..];
            out.push_str(&"'''".repeat(quotes / 2));
            if quotes % 2 == 1 {
                // Before `''${` a bare quote would make it `'''` and an interpolation.
                out.push_str(if rest.starts_with("${") { "''\\'" } else { "'" });
            }
        } else if rest.starts_with("${") {
            out.push_str("''${");
            rest = &rest[2..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Lays Markdown out in lines of at most `width` columns. Paragraphs and items of `-` lists are filled; code and tables
/// stay as they are.
#[must_use]
pub fn fill(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut fenced = false;
    // Indentation of the paragraph that the next line goes on with.
    let mut open: Option<usize> = None;
    for line in text.trim().lines() {
        let line = line.trim_end();
        let fence = line.trim_start().starts_with("```");
        let item = line.starts_with("- ");
        if fenced || fence || line.is_empty() || (!item && stands_alone(line)) {
            fenced ^= fence;
            out.push(line.to_owned());
            open = None;
            continue;
        }
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        if item {
            out.extend(words.next().map(str::to_owned));
            open = Some(2);
        }
        for word in words {
            let indent = open.unwrap_or(0);
            match out.last_mut().filter(|_| open.is_some()) {
                // A word that would start a list or a heading must not come first in a line.
                Some(last)
                    if last.chars().count() + 1 + word.chars().count() <= width
                        || last == "-"
                        || stands_alone(word) =>
                {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => out.push(format!("{}{word}", " ".repeat(indent))),
            }
            open = Some(indent);
        }
    }
    out
}

/// Whether a line means something by how it starts: a list, a heading, a quotation, code, a table.
fn stands_alone(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    let digits = first.trim_end_matches(['.', ')']);
    first.is_empty()
        || matches!(first, "-" | "*" | "+")
        || first.starts_with(['#', '>', '|'])
        || (digits.len() < first.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
