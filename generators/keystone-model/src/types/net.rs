//! Address ranges and hardware addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::text::{ParseError, text_type};

/// An address range without host bits, as Kubernetes requires since 1.36 (`StrictIPCIDRValidation`):
/// `10.244.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// An IPv4 range known at compile time.
    #[must_use]
    pub const fn fixed_v4(address: Ipv4Addr, prefix: u8) -> Self {
        Self(IpNet::V4(Ipv4Net::new_assert(address, prefix)))
    }

    /// An IPv6 range known at compile time.
    #[must_use]
    pub const fn fixed_v6(address: Ipv6Addr, prefix: u8) -> Self {
        Self(IpNet::V6(Ipv6Net::new_assert(address, prefix)))
    }

    /// The range.
    #[must_use]
    pub fn net(&self) -> IpNet {
        self.0
    }

    /// Whether the two ranges share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// Whether `address` lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the whole of `other` lies in the range.
    #[must_use]
    pub fn encloses(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for Cidr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let net: IpNet = text.parse().map_err(|_| {
            ParseError::new(text, "is not an address range", "write one like `10.244.0.0/16`")
        })?;
        if net.trunc() == net {
            Ok(Self(net))
        } else {
            let fix = format!("write `{}`", net.trunc());
            Err(ParseError::new(text, "has bits set behind its prefix", fix))
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(Cidr, pattern: "^[0-9a-fA-F.:]+/[0-9]{1,3}$", example: "10.244.0.0/16");

/// A hardware address: `52:54:00:12:34:56`, in lower case with colons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(String);

impl FromStr for MacAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let pairs: Vec<&str> = text.split(':').collect();
        let pair = |p: &&str| p.len() == 2 && p.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if pairs.len() == 6 && pairs.iter().all(pair) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new(text, "is not a hardware address", "write one like `52:54:00:12:34:56`"))
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(MacAddress, pattern: "^([0-9a-f]{2}:){5}[0-9a-f]{2}$", example: "52:54:00:12:34:56");
