//! What a certificate says, read from its bytes. Whatever is not understood is refused: a summary that leaves something
//! out would be a lie to the person who approves.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use der::{Decode, Encode as _};
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{self, KeyUsages};
use x509_cert::name::Name;

use super::{
    AltName, CertificateError, Constraints, PublicKey, Range, Serial, Subject, Time, Usage, Validity,
};

const WHAT: &str = "certificate";
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const ALT_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It signs certificates and lists.
    Authority {
        /// How many authorities may stand between it and a leaf.
        path_length: u8,
        /// What may stand below it.
        constraints: Constraints,
    },
    /// It proves who somebody is.
    Leaf {
        /// In which part of TLS.
        usages: BTreeSet<Usage>,
    },
}

/// Everything that a certificate says. Its `Display` is the summary that people approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Serial number.
    pub serial: Serial,
    /// Who signs.
    pub issuer: Subject,
    /// Whose it is.
    pub subject: Subject,
    /// From when until when.
    pub validity: Validity,
    /// The key that it is about.
    pub key: PublicKey,
    /// What it is for.
    pub kind: Kind,
    /// Further names.
    pub alt_names: BTreeSet<AltName>,
    /// Identifier of the key.
    pub subject_key_id: [u8; 20],
    /// Identifier of the issuer's key.
    pub authority_key_id: [u8; 20],
}

fn foreign(found: impl Into<String>) -> CertificateError {
    CertificateError::Foreign { what: WHAT, found: found.into() }
}

/// The extensions as they come, and what they say together.
#[derive(Default)]
struct Extensions {
    basic: Option<pkix::BasicConstraints>,
    usage: Option<pkix::KeyUsage>,
    purposes: BTreeSet<Usage>,
    alt_names: BTreeSet<AltName>,
    constraints: Constraints,
    subject_key_id: Option<[u8; 20]>,
    authority_key_id: Option<[u8; 20]>,
}

impl Contents {
    /// Reads the part of a certificate that is signed, in DER.
    ///
    /// # Errors
    /// When the bytes are no certificate, or say something that certificates of this cluster never say.
    pub fn from_tbs(bytes: &[u8]) -> Result<Self, CertificateError> {
        let tbs = TbsCertificate::from_der(super::bounded(bytes)?)
            .map_err(|e| CertificateError::malformed(WHAT, &e))?;
        if !tbs.to_der().is_ok_and(|again| again == bytes) {
            return Err(CertificateError::malformed(WHAT, &"it is not written in DER"));
        }
        if tbs.version != Version::V3 || tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some() {
            return Err(foreign("another version than 3, or a unique identifier"));
        }
        let mut extensions = Extensions::default();
        let mut seen = BTreeSet::new();
        for extension in tbs.extensions.iter().flatten() {
            if !seen.insert(extension.extn_id) {
                return Err(foreign(format!("the extension {} twice", extension.extn_id)));
            }
            extensions.read(extension)?;
        }
        let time = |t: x509_cert::time::Time| {
            Time::from_unix(i64::try_from(t.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
        };
        Ok(Self {
            serial: Serial::from_bytes(tbs.serial_number.as_bytes())
                .ok_or_else(|| foreign(format!("the serial number {}", tbs.serial_number)))?,
            issuer: subject(&tbs.issuer)?,
            subject: subject(&tbs.subject)?,
            validity: Validity {
                not_before: time(tbs.validity.not_before),
                not_after: time(tbs.validity.not_after),
            },
            key: PublicKey::from_info(&tbs.subject_public_key_info)?,
            subject_key_id: extensions.subject_key_id.ok_or_else(|| foreign("no identifier of its key"))?,
            authority_key_id: extensions
                .authority_key_id
                .ok_or_else(|| foreign("no identifier of its issuer's key"))?,
            alt_names: std::mem::take(&mut extensions.alt_names),
            kind: extensions.kind()?,
        })
    }
}

impl Extensions {
    fn read(&mut self, extension: &Extension) -> Result<(), CertificateError> {
        let value = extension.extn_value.as_bytes();
        let critical = match extension.extn_id {
            BASIC_CONSTRAINTS => {
                self.basic = Some(decode(value)?);
                true
            }
            KEY_USAGE => {
                self.usage = Some(decode(value)?);
                true
            }
            EXTENDED_KEY_USAGE => {
                for purpose in decode::<pkix::ExtendedKeyUsage>(value)?.0 {
                    self.purposes.insert(match purpose {
                        SERVER => Usage::Server,
                        CLIENT => Usage::Client,
                        other => return Err(foreign(format!("the purpose {other}"))),
                    });
                }
                false
            }
            ALT_NAMES => {
                for name in decode::<pkix::SubjectAltName>(value)?.0 {
                    self.alt_names.insert(alt_name(&name)?);
                }
                false
            }
            NAME_CONSTRAINTS => {
                self.constraints = constraints(decode(value)?)?;
                true
            }
            SUBJECT_KEY => {
                self.subject_key_id =
                    decode::<pkix::SubjectKeyIdentifier>(value)?.0.as_bytes().try_into().ok();
                false
            }
            AUTHORITY_KEY => {
                let key = decode::<pkix::AuthorityKeyIdentifier>(value)?;
                if key.authority_cert_issuer.is_some() || key.authority_cert_serial_number.is_some() {
                    return Err(foreign("its issuer named by certificate"));
                }
                self.authority_key_id = key.key_identifier.and_then(|id| id.as_bytes().try_into().ok());
                false
            }
            other => return Err(foreign(format!("the extension {other}"))),
        };
        if critical == extension.critical {
            Ok(())
        } else {
            Err(foreign(format!("the extension {} with another weight", extension.extn_id)))
        }
    }

    fn kind(self) -> Result<Kind, CertificateError> {
        let basic = self.basic.ok_or_else(|| foreign("no word on whether it is an authority"))?;
        let usage = self.usage.map(|usage| usage.0).ok_or_else(|| foreign("no key usage"))?;
        if basic.ca {
            let path_length =
                basic.path_len_constraint.ok_or_else(|| foreign("an authority without a path length"))?;
            if usage != (KeyUsages::KeyCertSign | KeyUsages::CRLSign) || !self.purposes.is_empty() {
                return Err(foreign("an authority with other usages than to sign certificates and lists"));
            }
            return Ok(Kind::Authority { path_length, constraints: self.constraints });
        }
        if usage != KeyUsages::DigitalSignature
            || !self.constraints.is_empty()
            || basic.path_len_constraint.is_some()
        {
            return Err(foreign("a leaf with usages or constraints of an authority"));
        }
        if self.purposes.is_empty() {
            return Err(foreign("a leaf that is for nothing in particular"));
        }
        Ok(Kind::Leaf { usages: self.purposes })
    }
}

fn decode<'a, T: Decode<'a>>(value: &'a [u8]) -> Result<T, CertificateError> {
    T::from_der(value).map_err(|e| CertificateError::malformed(WHAT, &e))
}

pub(super) fn subject(name: &Name) -> Result<Subject, CertificateError> {
    let (mut organisation, mut common_name) = (None, None);
    for attributes in &name.0 {
        let [attribute] = attributes.0.as_slice() else { return Err(foreign(format!("the name {name}"))) };
        let text = attribute
            .value
            .decode_as::<Utf8StringRef<'_>>()
            .map(|s| s.as_str().to_owned())
            .or_else(|_| attribute.value.decode_as::<PrintableStringRef<'_>>().map(|s| s.as_str().to_owned()))
            .map_err(|e| CertificateError::malformed("name", &e))?;
        let slot = match attribute.oid {
            // In this order, so that one subject has one spelling.
            ORGANISATION if common_name.is_none() => &mut organisation,
            COMMON_NAME => &mut common_name,
            _ => return Err(foreign(format!("the name {name}"))),
        };
        if slot.replace(text).is_some() {
            return Err(foreign(format!("the name {name}, with one part twice")));
        }
    }
    let common_name = common_name.ok_or_else(|| foreign("a name without CN"))?;
    Ok(Subject { organisation, common_name })
}

pub(super) fn alt_name(name: &GeneralName) -> Result<AltName, CertificateError> {
    Ok(match name {
        GeneralName::DnsName(name) => AltName::Dns(name.to_string()),
        GeneralName::Rfc822Name(address) => AltName::Email(address.to_string()),
        GeneralName::IpAddress(bytes) => AltName::Ip(address(bytes.as_bytes())?),
        _ => return Err(foreign("an alternative name that is neither host, address nor mail")),
    })
}

fn address(bytes: &[u8]) -> Result<IpAddr, CertificateError> {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => Ok(Ipv4Addr::from(four).into()),
        (_, Ok(sixteen)) => Ok(Ipv6Addr::from(sixteen).into()),
        _ => Err(foreign("an address that is none")),
    }
}

fn constraints(read: pkix::NameConstraints) -> Result<Constraints, CertificateError> {
    let mut constraints = Constraints::default();
    for subtree in plain(read.permitted_subtrees)? {
        match subtree {
            GeneralName::DnsName(name) => {
                constraints.permitted_dns.insert(name.to_string());
            }
            GeneralName::IpAddress(bytes) => {
                constraints.permitted_ip.insert(range(bytes.as_bytes())?);
            }
            _ => return Err(foreign("a constraint that is neither of hosts nor of addresses")),
        }
    }
    for subtree in plain(read.excluded_subtrees)? {
        match subtree {
            GeneralName::DnsName(name) => constraints.excluded_dns.insert(name.to_string()),
            _ => return Err(foreign("an exclusion that is not of hosts")),
        };
    }
    Ok(constraints)
}

fn plain(subtrees: Option<Vec<GeneralSubtree>>) -> Result<Vec<GeneralName>, CertificateError> {
    subtrees
        .into_iter()
        .flatten()
        .map(|subtree| {
            if subtree.minimum == 0 && subtree.maximum.is_none() {
                Ok(subtree.base)
            } else {
                Err(foreign("a constraint with a depth"))
            }
        })
        .collect()
}

fn range(bytes: &[u8]) -> Result<Range, CertificateError> {
    let (first, mask) = bytes.split_at(bytes.len() / 2);
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let leading = mask.iter().take_while(|byte| **byte == 0xff).count();
    let contiguous = mask.get(leading).map_or(0, |byte| byte.leading_ones())
        + u32::try_from(leading).unwrap_or(u32::MAX).saturating_mul(8);
    match (u8::try_from(ones), address(first)) {
        (Ok(prefix), Ok(address)) if ones == contiguous && mask.len() == first.len() => {
            Ok(Range { address, prefix })
        }
        _ => Err(foreign("a range of addresses that is none")),
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |names: Vec<String>| names.join(", ");
        match &self.kind {
            Kind::Authority { path_length, constraints } => {
                writeln!(f, "CERTIFICATE AUTHORITY, with {path_length} further ones below it")?;
                writeln!(f, "  may sign for:  {constraints}")?;
            }
            Kind::Leaf { usages } => {
                writeln!(f, "certificate for: {}", join(usages.iter().map(ToString::to_string).collect()))?;
            }
        }
        writeln!(f, "  subject:       {}", self.subject)?;
        if !self.alt_names.is_empty() {
            writeln!(
                f,
                "  names:         {}",
                join(self.alt_names.iter().map(ToString::to_string).collect())
            )?;
        }
        writeln!(f, "  signed by:     {}", self.issuer)?;
        writeln!(f, "  valid:         {}", self.validity)?;
        writeln!(f, "  key:           {}", self.key)?;
        write!(f, "  serial number: {}", self.serial)
    }
}
