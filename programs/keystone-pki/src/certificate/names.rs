//! What stands in certificates: subjects, alternative names, usages, serial numbers, constraints.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use rand_core::{CryptoRng, RngCore};
use rcgen::{
    CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, SanType,
};
use sha2::{Digest as _, Sha256};

use super::CertificateError;

/// A subject: an organisation, which Kubernetes reads as a group, and a common name, which it reads as the user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// `O`.
    pub organisation: Option<String>,
    /// `CN`.
    pub common_name: String,
}

impl Subject {
    /// A subject with a common name only.
    #[must_use]
    pub fn named(common_name: impl Into<String>) -> Self {
        Self { organisation: None, common_name: common_name.into() }
    }

    pub(crate) fn distinguished_name(&self) -> Result<DistinguishedName, CertificateError> {
        let mut name = DistinguishedName::new();
        let parts = self.organisation.iter().map(|o| (DnType::OrganizationName, o));
        for (kind, value) in parts.chain([(DnType::CommonName, &self.common_name)]) {
            // RFC 5280, appendix A: ub-common-name and ub-organization-name.
            if value.is_empty() || value.chars().count() > 64 || value.chars().any(char::is_control) {
                let reason = "a name has 1 to 64 printable characters";
                return Err(CertificateError::Value { value: value.clone(), reason });
            }
            name.push(kind, value.as_str());
        }
        Ok(name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(organisation) = &self.organisation {
            write!(f, "O={organisation}, ")?;
        }
        write!(f, "CN={}", self.common_name)
    }
}

/// An alternative name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AltName {
    /// A host name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A mail address.
    Email(String),
}

impl AltName {
    pub(super) fn general_name(&self) -> Result<SanType, CertificateError> {
        let text = |value: &String| {
            rcgen::string::Ia5String::try_from(value.as_str()).map_err(|_| CertificateError::Value {
                value: value.clone(),
                reason: "alternative names are ASCII",
            })
        };
        Ok(match self {
            Self::Dns(name) => SanType::DnsName(text(name)?),
            Self::Ip(address) => SanType::IpAddress(*address),
            Self::Email(address) => SanType::Rfc822Name(text(address)?),
        })
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
            Self::Email(address) => write!(f, "email:{address}"),
        }
    }
}

/// What a leaf's key may do in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Usage {
    /// Serve.
    Server,
    /// Ask.
    Client,
}

impl Usage {
    pub(super) const fn purpose(self) -> ExtendedKeyUsagePurpose {
        match self {
            Self::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Self::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// A serial number: 16 bytes, positive, and always of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 16]);

impl Serial {
    /// A random one, with 126 bits that nobody can foresee.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self::positive(bytes)
    }

    /// The one that follows from `parts`, so that everybody who has them comes to the same number.
    pub(crate) fn derived(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"keystone serial number v1");
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::positive(bytes)
    }

    /// The first bit is the sign, and a first byte of nothing would be left out.
    const fn positive(mut bytes: [u8; 16]) -> Self {
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Self(bytes)
    }

    /// From its bytes as they stand in a certificate; numbers that are not ours are refused.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        (Self::positive(bytes).0 == bytes).then_some(Self(bytes))
    }

    /// As it is shown, in hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).ok());
        let bytes: Option<Vec<u8>> = digits.map(|two| u8::from_str_radix(two?, 16).ok()).collect();
        Self::from_bytes(&bytes?)
    }

    /// Its 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// Its first address.
    pub address: IpAddr,
    /// How many leading bits are fixed.
    pub prefix: u8,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// What certificates below an authority may be for. An empty set of one kind permits all of that kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Host names, and all below them, that are permitted.
    pub permitted_dns: BTreeSet<String>,
    /// Addresses that are permitted.
    pub permitted_ip: BTreeSet<Range>,
    /// Host names, and all below them, that are excluded.
    pub excluded_dns: BTreeSet<String>,
}

impl Constraints {
    /// Whether nothing is constrained.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permitted_dns.is_empty() && self.permitted_ip.is_empty() && self.excluded_dns.is_empty()
    }

    pub(super) fn extension(&self) -> Option<NameConstraints> {
        let dns =
            |names: &BTreeSet<String>| names.iter().cloned().map(GeneralSubtree::DnsName).collect::<Vec<_>>();
        let mut permitted = dns(&self.permitted_dns);
        permitted.extend(self.permitted_ip.iter().map(|range| GeneralSubtree::IpAddress(subnet(*range))));
        (!self.is_empty()).then(|| NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: dns(&self.excluded_dns),
        })
    }
}

/// `CidrSubnet::from_addr_prefix` gives no mask at all for a prefix of the whole length (a shift by all bits).
fn subnet(range: Range) -> CidrSubnet {
    match range.address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(range.prefix.min(32))).unwrap_or(0);
            CidrSubnet::V4(address.octets(), mask.to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(range.prefix.min(128))).unwrap_or(0);
            CidrSubnet::V6(address.octets(), mask.to_be_bytes())
        }
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permitted = self
            .permitted_dns
            .iter()
            .map(|name| format!("DNS:{name}"))
            .chain(self.permitted_ip.iter().map(|range| format!("IP:{range}")))
            .collect::<Vec<_>>();
        let excluded = self.excluded_dns.iter().map(|name| format!("DNS:{name}")).collect::<Vec<_>>();
        let mut parts = Vec::new();
        if !permitted.is_empty() {
            parts.push(format!("only {}", permitted.join(", ")));
        }
        if !excluded.is_empty() {
            parts.push(format!("never {}", excluded.join(", ")));
        }
        f.write_str(if parts.is_empty() { "anything" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}
