//! Ports and protocols.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{ParseError, text_type};

/// A port from 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct Port(u16);

impl JsonSchema for Port {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535, "examples": [443] })
    }
}

impl Port {
    /// A port that is known at compile time. Zero becomes 1, as no constant of ours is zero.
    #[must_use]
    pub const fn fixed(number: u16) -> Self {
        if number == 0 { Self(1) } else { Self(number) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Port {
    type Error = ParseError;

    fn try_from(number: i64) -> Result<Self, ParseError> {
        u16::try_from(number)
            .ok()
            .filter(|n| *n > 0)
            .map(Self)
            .ok_or_else(|| ParseError::new(&number.to_string(), "is not a port", "ports go from 1 to 65535"))
    }
}

impl From<Port> for u32 {
    fn from(port: Port) -> Self {
        Self::from(port.0)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ports from `first` to `last`, both included: `6800-7568`, or one port: `443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port there is.
    pub const ALL: Self = Self { first: 1, last: u16::MAX };

    /// One port.
    #[must_use]
    pub const fn one(port: Port) -> Self {
        Self { first: port.0, last: port.0 }
    }

    /// A range known at compile time.
    #[must_use]
    pub const fn fixed(first: u16, last: u16) -> Self {
        Self { first: Port::fixed(first).0, last: Port::fixed(last).0 }
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` is one of them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Sorts ranges and joins those that touch, so that equal sets of ports are written alike.
    #[must_use]
    pub fn merge(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut merged: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(open) if u32::from(range.first) <= u32::from(open.last) + 1 => {
                    open.last = open.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        merged
    }
}

impl FromStr for PortRange {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let port = |t: &str| t.parse::<u16>().ok().filter(|n| *n > 0 && !t.starts_with('+'));
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            (Some(_), Some(_)) => Err(ParseError::new(
                text,
                "is a range that ends before it begins",
                "write the lower port first",
            )),
            _ => Err(ParseError::new(
                text,
                "is no port and no range",
                "write `443` or `8000-8100`, 1 to 65535",
            )),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

text_type!(PortRange, pattern: "^[0-9]{1,5}(-[0-9]{1,5})?$", example: "6800-7568");

/// A transport that an access rule opens.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Proto {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// SCTP associations.
    Sctp,
    /// Echo requests, of IPv4 and IPv6 alike; it has no ports.
    Icmp,
}

impl Proto {
    /// The name as it stands in policies and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
        }
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
