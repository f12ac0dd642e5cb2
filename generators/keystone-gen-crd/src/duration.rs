//! Lengths of time as people write them in a manifest.

use std::{fmt, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::patterns;

/// A length of time such as `15m` or `1h30m`.
///
/// It keeps the text it was read from: a field that a controller writes back as `900s` where the user
/// wrote `15m` would change owner under server-side apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration {
    text: String,
    length: time::Duration,
}

/// A text is no length of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("duration {text:?} is not whole hours, minutes and seconds in this order, such as 15m or 1h30m")]
pub struct ParseError {
    text: String,
}

impl Duration {
    /// A whole number of minutes.
    #[must_use]
    pub fn minutes(count: u32) -> Self {
        Self { text: format!("{count}m"), length: time::Duration::from_secs(u64::from(count) * 60) }
    }

    /// The length itself.
    #[must_use]
    pub fn length(&self) -> time::Duration {
        self.length
    }
}

impl TryFrom<String> for Duration {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let mut seconds = 0_u64;
        let mut rest = text.as_str();
        for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
            let Some((count, tail)) = rest.split_once(unit) else { continue };
            if count.is_empty() || count.len() > 6 || !count.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ParseError { text });
            }
            let Ok(count) = count.parse::<u64>() else { return Err(ParseError { text }) };
            seconds += count * factor;
            rest = tail;
        }
        if text.is_empty() || !rest.is_empty() {
            return Err(ParseError { text });
        }
        Ok(Self { length: time::Duration::from_secs(seconds), text })
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.text
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Not `format: duration`: that one also takes `1 minute`, which Go's parser refuses.
        json_schema!({"type": "string", "pattern": patterns::DURATION, "minLength": 2, "maxLength": 21})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_kept() {
        let duration = Duration::try_from("1h30m".to_owned()).unwrap();
        assert_eq!(duration.length(), time::Duration::from_secs(5400));
        assert_eq!(serde_json::to_value(&duration).unwrap(), "1h30m");
    }

    #[test]
    fn mistakes_are_named() {
        for text in ["", "15", "30m1h", "1.5h", "-5m", "m", "15m ", "1h1h"] {
            let error = Duration::try_from(text.to_owned()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("duration {text:?} is not")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn parser_pattern_and_go_agree(text in "[0-9hms.]{0,8}") {
            let ours = Duration::try_from(text.clone());
            let pattern = regex::Regex::new(patterns::DURATION).unwrap();
            prop_assert_eq!(ours.is_ok(), text.len() >= 2 && pattern.is_match(&text));
            if let Ok(ours) = ours {
                let theirs: kube::core::Duration = text.parse().unwrap();
                prop_assert_eq!(ours.length(), time::Duration::from(theirs));
            }
        }
    }
}
