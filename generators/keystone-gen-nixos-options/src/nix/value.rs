//! Values of the schema (defaults, examples) as Nix expressions.

use serde_json::Value;
use thiserror::Error;

use super::expression::{Binding, Expr};
use super::text::{name, quoted};

/// A number that Nix does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the number {0} does not fit into an integer of Nix (64 bits with sign)")]
pub struct ValueError(String);

/// A JSON value as a Nix expression.
///
/// # Errors
/// When a number is too large.
pub fn value(json: &Value) -> Result<Expr, ValueError> {
    Ok(match json {
        Value::Null => Expr::Atom("null".to_owned()),
        Value::Bool(truth) => Expr::Atom(truth.to_string()),
        Value::Number(number) if number.is_u64() && number.as_i64().is_none() => {
            return Err(ValueError(number.to_string()));
        }
        Value::Number(number) => Expr::Atom(number.to_string()),
        Value::String(text) => Expr::Atom(quoted(text)),
        Value::Array(items) => Expr::List(items.iter().map(value).collect::<Result<_, _>>()?),
        Value::Object(fields) => Expr::Set(
            fields
                .iter()
                .map(|(key, item)| Ok(Binding::new(name(key), value(item)?)))
                .collect::<Result<_, ValueError>>()?,
        ),
    })
}
