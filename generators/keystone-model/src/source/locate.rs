//! From a place in the inventory to a place in its text.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Finding;
use crate::problem::{Problem, Step};

/// Line and column, both from 1, of the byte at `offset`.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start_of_line = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[start_of_line..].chars().count() + 1)
}

pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Finding {
    let span = error.span();
    let (line, column) = line_and_column(text, span.as_ref().map_or(0, |s| s.start));
    Finding {
        path: String::new(),
        line,
        column,
        message: format!("the text is not TOML: {}", error.message()),
        fix: "see https://toml.io for the syntax".to_owned(),
        span,
    }
}

pub(super) fn finding(text: &str, table: &DeTable<'_>, problem: Problem) -> Finding {
    let span = span(table, problem.at.steps());
    let (line, column) = line_and_column(text, span.as_ref().map_or(0, |s| s.start));
    Finding { path: problem.at.to_string(), line, column, message: problem.message, fix: problem.fix, span }
}

/// The bytes of the value at the end of the steps, or of the nearest place on the way there that exists. Of a table
/// it is the key, as the value may be spread over the file.
fn span(table: &DeTable<'_>, steps: &[Step]) -> Option<Range<usize>> {
    let (first, rest) = steps.split_first()?;
    let Step::Key(name) = first else { return None };
    let (key, mut value) = table.get_key_value(name.as_str())?;
    let mut key_span = key.span();
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
    }
    let is_element_of_array = matches!(steps.last(), Some(Step::Index(_)));
    match value.get_ref() {
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
