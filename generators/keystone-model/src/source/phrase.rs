//! The sentences of serde and of our types, as message and fix.

use crate::problem::{At, Problem, Step};
use crate::redact::{SHOWN, conceal, shown};

pub(super) fn missing_field(message: &str) -> Option<&str> {
    quoted_after(message, "missing field ")
}

pub(super) fn unknown_field(message: &str) -> Option<&str> {
    // A key may hold a backtick itself; what follows it in serde's sentence is known.
    let rest = message.strip_prefix("unknown field `")?;
    rest.rsplit_once("`, expected ").or_else(|| rest.rsplit_once("`, there are no fields")).map(|(f, _)| f)
}

fn quoted_after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// Puts serde's sentence, or that of one of our types, into message and fix.
pub(super) fn problem(at: At, message: &str) -> Problem {
    if let Some(field) = unknown_field(message) {
        let fix = nearest(field, message.rsplit_once("`, expected ").map_or("", |(_, allowed)| allowed));
        return Problem::error(at, format!("`{}` is not a key of this table", shown(field)), fix).about_key();
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (variant, allowed) = rest.split_once("`, expected ").unwrap_or((rest, ""));
        let fix = nearest(variant, allowed);
        return Problem::error(at, format!("`{}` is not a value of this key", shown(variant)), fix);
    }
    if let Some(field) = missing_field(message) {
        let (place, fix) = if at.steps().is_empty() {
            let is_table = field != "schema";
            let fix =
                if is_table { format!("add the table `[{field}]`") } else { "add `schema = 1`".to_owned() };
            ("the inventory".to_owned(), fix)
        } else {
            (format!("`{at}`"), format!("add `{field}`"))
        };
        return Problem::error(at, format!("{place} has no `{field}`"), fix);
    }
    if let Some((_, expected)) =
        message.strip_prefix("invalid length ").and_then(|m| m.split_once(", expected "))
    {
        // A list in place of a table, too short for all of its fields.
        return Problem::error(at, "a list does not belong here", format!("write {}", in_words(expected)));
    }
    let mismatch = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.rsplit_once(", expected "));
    if let Some((found, expected)) = mismatch {
        let fix = match at.steps() {
            [Step::Key(table)] if expected == "a sequence" => format!("write `[[{table}]]` for each"),
            _ => format!("write {}", in_words(expected)),
        };
        return Problem::error(at, format!("{} does not belong here", found_in_words(found)), fix);
    }
    own(at, message)
}

/// Our own types say «`value` is wrong so; write it so», the value in backticks and free of semicolons or not.
fn own(at: At, message: &str) -> Problem {
    let value_ends = message.strip_prefix('`').and_then(|rest| rest.find("` ")).map_or(0, |n| n + 1);
    match message[value_ends..].find("; ") {
        Some(n) => {
            let n = value_ends + n;
            Problem::error(at, &message[..n], &message[n + 2..])
        }
        None => Problem::error(at, message, "see docs/reference/inventory.md for what this key takes"),
    }
}

/// serde names what it expects as Rust does.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i64" | "i32" => "a whole number",
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" | "string or map" | "str" => "text in quotes",
        "a sequence" => "a list: `[…]`",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        // `roles = [{ … }]`: enums are written as one word.
        _ if expected.starts_with("enum ") || expected == "variant identifier" => "one word in quotes",
        _ => expected,
    }
}

/// What serde found, which it names by its own kinds: a string, an integer, a map.
fn found_in_words(found: &str) -> String {
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        "null" => "nothing (`null`)".to_owned(),
        _ => {
            if let Some(text) = found.strip_prefix("string \"").and_then(|t| t.strip_suffix('"')) {
                return format!("the text \"{}\"", cut(text));
            }
            let plain = ["integer ", "boolean ", "floating point "];
            match plain.iter().find_map(|kind| found.strip_prefix(kind)) {
                Some(value) => value.to_owned(),
                None => cut(found),
            }
        }
    }
}

/// What serde has escaped already, of bounded length.
fn cut(text: &str) -> String {
    let text = conceal(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// «did you mean», or all that is allowed. `allowed` is serde's list: «one of `a`, `b`», «`a` or `b`», «`a`».
fn nearest(written: &str, allowed: &str) -> String {
    let allowed: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
    // Likeness is quadratic in length, and no key of ours is long.
    let best = allowed
        .iter()
        .filter(|_| written.len() <= SHOWN)
        .map(|candidate| {
            (strsim::jaro_winkler(&written.to_lowercase(), &candidate.to_lowercase()), *candidate)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, candidate)) if likeness > 0.8 => format!("did you mean `{candidate}`?"),
        _ if allowed.is_empty() => "remove it".to_owned(),
        _ => format!("one of {}", allowed.iter().map(|a| format!("`{a}`")).collect::<Vec<_>>().join(", ")),
    }
}
