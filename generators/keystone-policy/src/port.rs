//! Ports and protocols, as Headscale reads them.

use std::fmt;

use serde::Serialize;

/// Ports from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The lowest. 0 only in the range of all ports and where a range is written so.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl PortRange {
    /// `*`
    pub const ANY: Self = Self { first: 0, last: u16::MAX };

    /// Reads a list of ports: `*`, or `22`, `80-90` and the like, separated by commas.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        if text == "*" {
            return Ok(vec![Self::ANY]);
        }
        text.split(',').map(Self::parse).collect()
    }

    fn parse(part: &str) -> Result<Self, String> {
        if !part.contains('-') {
            let only = number(part)?;
            if only == 0 {
                return Err("port 0 does not exist; write `*` for every port".to_owned());
            }
            return Ok(Self { first: only, last: only });
        }
        // Headscale drops empty parts, so that `80--90` is a range too.
        let ends: Vec<&str> = part.split('-').filter(|end| !end.is_empty()).collect();
        let [first, last] = ends.as_slice() else {
            return Err(format!("`{part}` is no range of ports; write `80-90`"));
        };
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("the range `{part}` ends before it begins; write the lower port first"));
        }
        Ok(Self { first, last })
    }

    /// Sorts ranges and joins those that touch.
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

/// A decimal number as Go's `strconv.Atoi` reads it: with a sign and leading zeros if one likes.
fn number(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`{text}` is no port; write a number from 1 to 65535, without spaces"));
    }
    digits.parse().map_err(|_| format!("port {text} is higher than 65535"))
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ANY => f.write_str("*"),
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.first, self.last].serialize(serializer)
    }
}

/// A protocol of IP, or the set that a rule without one means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// None written: tcp, udp and ICMP of both versions of IP.
    #[default]
    Unset,
    /// By its number at IANA.
    Number(u8),
}

/// Names that Headscale knows. The first of a number is how it writes that number itself.
const NAMES: [(&str, u8); 14] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipv4", 4),
    ("ip-in-ip", 4),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("sctp", 132),
    ("fc", 133),
];

impl Protocol {
    /// Transmission Control.
    pub const TCP: Self = Self::Number(6);
    /// User Datagram.
    pub const UDP: Self = Self::Number(17);
    /// Stream Control Transmission.
    pub const SCTP: Self = Self::Number(132);

    /// Reads a name or a number. `lower` folds the case of names first, as rules do and grants do not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, lower: bool) -> Result<Self, String> {
        let folded = if lower { text.to_lowercase() } else { text.to_owned() };
        if folded.is_empty() {
            return Ok(Self::Unset);
        }
        if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == folded) {
            return Ok(Self::Number(*number));
        }
        if folded == "*" {
            return Err("`*` is no protocol; leave `proto` out for tcp, udp and ICMP".to_owned());
        }
        let unknown = || {
            format!(
                "`{text}` is no protocol; write a name such as `tcp`, `udp`, `icmp`, or a number from 1 to 255"
            )
        };
        // In rules Headscale turns a number that has a name into that name before it looks at leading zeros, so `06`
        // is tcp there. In grants it is refused.
        let (digits, signed) = folded.strip_prefix('+').map_or((folded.as_str(), false), |rest| (rest, true));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unknown());
        }
        let value = digits.parse::<u8>().ok();
        let has_name = value.is_some_and(|value| NAMES.iter().any(|(_, number)| *number == value));
        match value {
            Some(value) if lower && has_name => Ok(Self::Number(value)),
            _ if !signed && folded.starts_with('0') => {
                Err(format!("`{text}` begins with a zero, which no protocol number does"))
            }
            Some(value) => Ok(Self::Number(value)),
            None => Err(format!("protocol {text} is higher than 255")),
        }
    }

    /// Whether rules for it may name ports.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Unset | Self::TCP | Self::UDP | Self::SCTP)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => Ok(()),
            Self::Number(number) => match NAMES.iter().find(|(_, n)| n == number) {
                Some((name, _)) => f.write_str(name),
                None => number.fmt(f),
            },
        }
    }
}
