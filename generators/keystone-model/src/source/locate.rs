//! From a place in the inventory to a place in its text.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Finding;
use super::recover::MOST_ERRORS;
use crate::problem::{At, Problem, Step};
use crate::redact::shown;

/// Walks through a text once and tells lines and columns, both from 1 and in characters, of ascending offsets: a file
/// of ten thousand nodes may have as many warnings.
pub(super) struct Cursor<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    /// Line and column of the byte at `offset`, which is not before the one that was asked for last.
    pub(super) fn place(&mut self, offset: usize) -> (usize, usize) {
        for character in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        (self.line, self.column)
    }
}

/// What the parser says of a text that is not TOML, in the order of the text.
pub(super) fn syntax(text: &str, errors: &[toml::de::Error]) -> Vec<Finding> {
    let mut cursor = Cursor::new(text);
    let mut located: Vec<(Range<usize>, &toml::de::Error)> =
        errors.iter().map(|error| (error.span().unwrap_or_default(), error)).collect();
    located.sort_by_key(|(span, _)| span.start);
    located
        .into_iter()
        .take(MOST_ERRORS)
        .map(|(span, error)| {
            let key = match error.message() {
                "duplicate key" => text.get(span.clone()).map(|key| format!(" `{}`", shown(key))),
                _ => None,
            };
            let problem = Problem::error(
                At::default(),
                format!("the text is not TOML: {}{}", error.message(), key.unwrap_or_default()),
                "see https://toml.io for the syntax",
            );
            Finding::of(&problem, cursor.place(span.start), Some(span))
        })
        .collect()
}

/// The places of problems, in the order of the text.
pub(super) fn findings(text: &str, table: &DeTable<'_>, problems: Vec<Problem>) -> Vec<Finding> {
    let mut cursor = Cursor::new(text);
    let mut located: Vec<(Option<Range<usize>>, Problem)> =
        problems.into_iter().map(|problem| (span(table, &problem), problem)).collect();
    let start = |span: &Option<Range<usize>>| span.as_ref().map_or(0, |span| span.start);
    located.sort_by(|(a, p), (b, q)| (start(a), &p.at).cmp(&(start(b), &q.at)));
    located
        .into_iter()
        .map(|(span, problem)| Finding::of(&problem, cursor.place(start(&span)), span))
        .collect()
}

/// The bytes of the value at the end of the steps, or of the nearest place on the way there that exists. Of a table
/// it is the key, as the value may be spread over the file.
fn span(table: &DeTable<'_>, problem: &Problem) -> Option<Range<usize>> {
    let (first, rest) = problem.at.steps().split_first()?;
    let Step::Key(name) = first else { return None };
    let (key, mut value) = table.get_key_value(name.as_str())?;
    let mut key_span = key.span();
    let mut is_element_of_array = false;
    for step in rest {
        let next = match (step, value.get_ref()) {
            (Step::Key(name), DeValue::Table(inner)) => {
                inner.get_key_value(name.as_str()).map(|(key, value)| {
                    key_span = key.span();
                    value
                })
            }
            (Step::Index(n), DeValue::Array(items)) => items.get(*n),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
        is_element_of_array = matches!(step, Step::Index(_));
    }
    match value.get_ref() {
        _ if problem.is_about_key => Some(key_span),
        DeValue::Table(_) if !is_element_of_array => Some(key_span),
        DeValue::Array(items) if items.iter().any(|i| matches!(i.get_ref(), DeValue::Table(_))) => {
            Some(key_span)
        }
        _ => Some(value.span()),
    }
}

/// The same data as JSON, which the types are read from in both languages.
pub(super) fn to_json(table: &DeTable<'_>) -> Value {
    Value::Object(object(table))
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value))).collect()
}

fn json(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.as_str().to_owned()), |n| Value::Number(n.into())),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map_or_else(|| Value::String(number.as_str().to_owned()), Value::Number),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        // No field of ours is a date: as text it meets the error of the field's own type.
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(json).collect()),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}
