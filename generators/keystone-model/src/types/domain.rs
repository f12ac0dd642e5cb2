//! Domain names, mail addresses and URLs.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::text::{ParseError, text_type};

/// A domain name in lower case, without a final dot: `keystone.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// A domain known at compile time; a test proves that each of them parses.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// This domain's child `label`.
    #[must_use]
    pub fn child(&self, label: &super::Name) -> Self {
        Self(format!("{label}.{}", self.0))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &str) -> bool {
        self.0 == other || self.0.strip_suffix(other).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl FromStr for Domain {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        let last_is_numeric = text.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if text.len() <= 253 && text.split('.').all(label) && !last_is_numeric {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                text,
                "is not a domain name",
                "write lower-case labels separated by dots, like `keystone.example`",
            ))
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Domain, pattern: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", example: "keystone.example");

/// A mail address, which names a person to Headscale and to Kubernetes. Exactly one `@`; lower case, as Headscale
/// compares addresses byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fits = text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty()
                && local.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'+'))
                && host.contains('.')
                && host.parse::<Domain>().is_ok()
        });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(
                text,
                "is not a mail address that Headscale can match",
                "write one in lower case with exactly one `@`, like `alice@example.com`",
            ))
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(Email, pattern: "^[a-z0-9._+-]+@[a-z0-9.-]+$", example: "alice@example.com");

/// An https URL without user, query or fragment: `https://mesh.keystone.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpsUrl {
    text: String,
    host: Domain,
    port: u16,
    path: String,
}

impl HttpsUrl {
    /// The URL as text, without a final slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host name.
    #[must_use]
    pub fn host(&self) -> &Domain {
        &self.host
    }

    /// The port, 443 where none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path without a final slash: empty, or starting with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for HttpsUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fix = "write one like `https://mesh.keystone.example`";
        let refuse = |reason: &str| Err(ParseError::new(text, reason, fix));
        let Ok(url) = url::Url::parse(text) else { return refuse("is not a URL") };
        if url.scheme() != "https" {
            return refuse("is not an https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            // The value is not repeated: what stands there may be a password.
            return Err(ParseError::new("https://…@…", "carries a user name or password", fix));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("carries a query or a fragment");
        }
        let Some(Ok(host)) = url.domain().map(str::parse::<Domain>) else {
            return refuse("has no host name");
        };
        let path = url.path().trim_end_matches('/').to_owned();
        let port = url.port().unwrap_or(443);
        let written_port = if port == 443 { String::new() } else { format!(":{port}") };
        Ok(Self { text: format!("https://{host}{written_port}{path}"), host, port, path })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_type!(HttpsUrl, pattern: "^https://[^?#@]+$", example: "https://mesh.keystone.example");

/// An address outside the mesh: an IP address, or a name that public DNS knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A fixed address.
    Address(IpAddr),
    /// A name.
    Name(Domain),
}

impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self::Address).or_else(|_| text.parse().map(Self::Name)).map_err(|_| {
            ParseError::new(
                text,
                "is neither an IP address nor a domain name",
                "write one like `203.0.113.11` or `worker-1.keystone.example`, without a port",
            )
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

text_type!(Endpoint, pattern: "^[0-9a-z.:-]+$", example: "203.0.113.11");
