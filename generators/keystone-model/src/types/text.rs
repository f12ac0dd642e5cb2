//! What all text-shaped types share: parsing from a string, schema by pattern, one error.

use thiserror::Error;

use crate::redact::shown;

/// Why a text is not a value of its type: the value, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{value}` {reason}; {fix}")]
pub struct ParseError {
    value: String,
    reason: String,
    fix: String,
}

impl ParseError {
    /// `value` as it was read (cut to 80 characters, private keys masked), what is wrong with it, and what would be right.
    pub fn new(value: &str, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { value: shown(value), reason: reason.into(), fix: fix.into() }
    }
}

/// Gives a type that implements `FromStr<Err = ParseError>` and `Display` its serde and schemars forms: one
/// string, described by a pattern (a regular expression of JSON Schema) and an example.
macro_rules! text_type {
    ($type:ident, pattern: $pattern:expr, example: $example:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}

pub(crate) use text_type;
