//! Condition operators: how a key's value is compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A condition operator, such as `ForAllValues:StringEqualsIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operator {
    /// How the values of a key that has several are taken together.
    pub quantifier: Option<Quantifier>,
    /// The comparison.
    pub test: Test,
    /// Whether a request without the key passes.
    pub if_exists: bool,
}

/// How the values of a key that has several are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantifier {
    /// Every value of the request must match. Holds for a request without any.
    ForAllValues,
    /// One value of the request must match.
    ForAnyValue,
}

/// Not a condition operator of IAM.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no condition operator")]
pub struct OperatorError(String);

macro_rules! tests {
    ($($name:ident: $kind:literal),+ $(,)?) => {
        /// A comparison, under IAM's own name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names are IAM's, and nothing could be added to them")]
        pub enum Test { $($name),+ }

        impl Test {
            /// The name in a document.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The type of the keys it compares, as the Service Authorization Reference names types; `Null` is for
            /// all.
            #[must_use]
            pub const fn key_type(self) -> &'static str {
                match self { $(Self::$name => $kind),+ }
            }

            fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

tests! {
    ArnEquals: "ARN",
    ArnLike: "ARN",
    ArnNotEquals: "ARN",
    ArnNotLike: "ARN",
    Bool: "Bool",
    DateGreaterThan: "Date",
    DateLessThan: "Date",
    IpAddress: "IPAddress",
    NotIpAddress: "IPAddress",
    Null: "",
    NumericEquals: "Numeric",
    NumericGreaterThan: "Numeric",
    NumericGreaterThanEquals: "Numeric",
    NumericLessThan: "Numeric",
    NumericLessThanEquals: "Numeric",
    StringEquals: "String",
    StringLike: "String",
    StringNotEquals: "String",
    StringNotLike: "String",
}

impl Operator {
    /// The plain comparison.
    #[must_use]
    pub const fn plain(test: Test) -> Self {
        Self { quantifier: None, test, if_exists: false }
    }

    /// The comparison, passed by a request without the key.
    #[must_use]
    pub const fn if_exists(test: Test) -> Self {
        Self { quantifier: None, test, if_exists: true }
    }

    /// The comparison of every value of the request.
    #[must_use]
    pub const fn for_all(test: Test) -> Self {
        Self { quantifier: Some(Quantifier::ForAllValues), test, if_exists: false }
    }

    /// The comparison of which one value of the request must pass.
    #[must_use]
    pub const fn for_any(test: Test) -> Self {
        Self { quantifier: Some(Quantifier::ForAnyValue), test, if_exists: false }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            Some(Quantifier::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(Quantifier::ForAnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        f.write_str(self.test.as_str())?;
        if self.if_exists { f.write_str("IfExists") } else { Ok(()) }
    }
}

impl FromStr for Operator {
    type Err = OperatorError;

    fn from_str(written: &str) -> Result<Self, OperatorError> {
        let refuse = || OperatorError(written.to_owned());
        let (quantifier, rest) = match written.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Quantifier::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::ForAnyValue), rest),
            Some(_) => return Err(refuse()),
            None => (None, written),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        // `NullIfExists` asks whether a key is absent if it is there; IAM has no such operator.
        match Test::named(name) {
            Some(Test::Null) if if_exists => Err(refuse()),
            Some(test) => Ok(Self { quantifier, test, if_exists }),
            None => Err(refuse()),
        }
    }
}

impl TryFrom<String> for Operator {
    type Error = OperatorError;

    fn try_from(text: String) -> Result<Self, OperatorError> {
        text.parse()
    }
}

impl From<Operator> for String {
    fn from(operator: Operator) -> Self {
        operator.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back() {
        for text in
            ["StringEquals", "Null", "BoolIfExists", "ForAllValues:StringLike", "ForAnyValue:ArnLikeIfExists"]
        {
            assert_eq!(text.parse::<Operator>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_else_is_an_operator() {
        for text in [
            "",
            "stringEquals",
            "StringEqual",
            "IfExists",
            "NullIfExists",
            "ForSome:StringEquals",
            "ForAllValues:",
        ] {
            assert_eq!(
                text.parse::<Operator>().unwrap_err().to_string(),
                format!("`{text}` is no condition operator")
            );
        }
    }
}
