//! Names of things: nodes, people, pools, groups, labels.

use std::fmt;
use std::str::FromStr;

use super::text::{ParseError, text_type};

/// A DNS label that starts with a letter: `worker-1`. Nodes, people, pools and groups are named so, as the same
/// name becomes a host name, a mesh tag or a certificate's subject. At most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// A name known at compile time; a test proves that each of them parses.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fix = "a name has 1 to 63 lower-case letters, digits and hyphens, starts with a letter and ends \
                   with a letter or digit";
        let reason = match (text.chars().next(), text.chars().last()) {
            (None, _) => Some("is empty"),
            (Some(first), _) if !first.is_ascii_lowercase() => {
                Some("does not start with a lower-case letter")
            }
            (_, Some('-')) => Some("ends with a hyphen"),
            _ if text.len() > 63 => Some("is longer than 63 characters"),
            _ if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) => {
                Some("has a character that no host name may have")
            }
            _ => None,
        };
        reason.map_or_else(|| Ok(Self(text.to_owned())), |r| Err(ParseError::new(text, r, fix)))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_type!(Name, pattern: "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", example: "worker-1");

/// The key of a Kubernetes label or taint: an optional DNS prefix, a slash, and a name of at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (prefix, name) = text.split_once('/').map_or((None, text), |(p, n)| (Some(p), n));
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name_fits = name.len() <= 63
            && edge(name.chars().next())
            && edge(name.chars().last())
            && name.chars().all(inner);
        let prefix_fits = prefix.is_none_or(|p| p.parse::<super::Domain>().is_ok());
        if name_fits && prefix_fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                text,
                "is not a label key of Kubernetes",
                "write `name` or `prefix.example/name`, the name with at most 63 letters, digits, `-`, `_`, `.`",
            ))
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(
    Label,
    pattern: "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$",
    example: "topology.kubernetes.io/zone"
);

/// A region of AWS: `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsRegion(String);

impl AwsRegion {
    /// The region as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AwsRegion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parts: Vec<&str> = text.split('-').collect();
        let lower = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase());
        let fits = matches!(parts.as_slice(), [area, .., n]
            if parts.len() >= 3 && area.len() == 2
            && parts[..parts.len() - 1].iter().all(|p| lower(p))
            && n.len() <= 2 && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(text, "is not a region of AWS", "write one like `eu-central-1`"))
        }
    }
}

impl fmt::Display for AwsRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(AwsRegion, pattern: "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$", example: "eu-central-1");
