//! Lists of revoked certificates, for those who read one (see [`CONSUMERS`](crate::profile::CONSUMERS)).
//!
//! A list that has expired is worse than none: whoever reads it refuses everybody. So each has a next update, and
//! `verify-handoff` counts it into the autonomy horizon.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use der::{Decode as _, Encode as _};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber,
};
use serde::{Deserialize, Serialize};
use x509_cert::crl::CertificateList;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::ext::pkix::{CrlNumber, CrlReason};

use crate::certificate::{
    Capture, CertificateError, Contents, Intermediate, Kind, PublicKey, Replay, Serial, Subject, Time,
    bounded, rcgen_time,
};

const WHAT: &str = "list of revoked certificates";

/// Why a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nobody says.
    Unspecified,
    /// Its key may be known to others.
    KeyCompromise,
    /// There is a newer one.
    Superseded,
    /// The machine or person is gone.
    CessationOfOperation,
}

impl Reason {
    const fn code(self) -> Option<RevocationReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(RevocationReason::KeyCompromise),
            Self::Superseded => Some(RevocationReason::Superseded),
            Self::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "no reason given",
            Self::KeyCompromise => "the key may be known to others",
            Self::Superseded => "there is a newer one",
            Self::CessationOfOperation => "the machine or person is gone",
        })
    }
}

/// When and why a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Time,
    /// Why.
    pub reason: Reason,
}

/// What a list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListContents {
    /// Its number; a later list has a higher one.
    pub number: u64,
    /// From when it is good.
    pub this_update: Time,
    /// Until when; whoever reads it refuses everybody afterwards.
    pub next_update: Time,
    /// What is revoked.
    pub revoked: BTreeMap<Serial, Revoked>,
}

impl fmt::Display for ListContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "list of revoked certificates, number {}\n  good:    {} to {}\n  revoked: {}",
            self.number,
            self.this_update,
            self.next_update,
            self.revoked.len()
        )?;
        self.revoked
            .iter()
            .try_for_each(|(serial, revoked)| write!(f, "\n    {serial}  {}  {}", revoked.at, revoked.reason))
    }
}

/// The exact bytes of a list that are to be signed.
pub struct ListToBeSigned {
    params: CertificateRevocationListParams,
    issuer: CertificateParams,
    issuer_key: PublicKey,
    issuer_subject: Subject,
    bytes: Vec<u8>,
}

/// A signed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
}

impl ListToBeSigned {
    /// A list of `issuer`, which must be an authority.
    ///
    /// # Errors
    /// When `issuer` is none, or the list would end before it begins.
    pub fn new(list: &ListContents, issuer: &Contents) -> Result<Self, CertificateError> {
        if !matches!(issuer.kind, Kind::Authority { .. }) {
            return Err(CertificateError::NoAuthority(issuer.subject.clone()));
        }
        let id = || KeyIdMethod::PreSpecified(issuer.key.id().to_vec());
        let mut above = CertificateParams::default();
        above.distinguished_name = issuer.subject.distinguished_name()?;
        above.key_identifier_method = id();
        above.key_usages = vec![KeyUsagePurpose::CrlSign];
        let params = CertificateRevocationListParams {
            this_update: rcgen_time(list.this_update),
            next_update: rcgen_time(list.next_update),
            crl_number: SerialNumber::from(list.number),
            issuing_distribution_point: None,
            revoked_certs: list
                .revoked
                .iter()
                .map(|(serial, revoked)| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(serial.as_bytes()),
                    revocation_time: rcgen_time(revoked.at),
                    reason_code: revoked.reason.code(),
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: id(),
        };
        let capture = Capture { key: &issuer.key, seen: RefCell::default() };
        params
            .signed_by(&Issuer::from_params(&above, &capture))
            .map_err(|e| CertificateError::Write(e.to_string()))?;
        let bytes = capture.seen.take();
        Ok(Self {
            params,
            issuer: above,
            issuer_key: issuer.key,
            issuer_subject: issuer.subject.clone(),
            bytes,
        })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The list with this signature.
    ///
    /// # Errors
    /// When the signature is not one of these bytes by the issuer.
    pub fn complete(&self, signature: &[u8]) -> Result<RevocationList, CertificateError> {
        if !self.issuer_key.verify(&self.bytes, signature) {
            let issuer = self.issuer_subject.clone();
            return Err(CertificateError::Signature { subject: Subject::named(WHAT), issuer });
        }
        let replay = Replay { key: &self.issuer_key, message: &self.bytes, signature };
        let list = self
            .params
            .signed_by(&Issuer::from_params(&self.issuer, &replay))
            .map_err(|e| CertificateError::Write(e.to_string()))?;
        RevocationList::from_der(list.der())
    }
}

impl RevocationList {
    /// The list of an intermediate whose key is here.
    ///
    /// # Errors
    /// When the list would end before it begins.
    pub fn issue(list: &ListContents, issuer: &Intermediate) -> Result<Self, CertificateError> {
        let unsigned = ListToBeSigned::new(list, issuer.certificate().contents())?;
        unsigned.complete(&issuer.key().sign(unsigned.bytes()))
    }

    /// Reads a list in DER. Its signature is not checked, see [`RevocationList::verify`].
    ///
    /// # Errors
    /// When the bytes are no list.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CertificateError> {
        let read =
            CertificateList::from_der(bounded(bytes)?).map_err(|e| CertificateError::malformed(WHAT, &e))?;
        match read.to_der() {
            Ok(again) if again == bytes => Ok(Self { der: again }),
            _ => Err(CertificateError::malformed(WHAT, &"it is not written in DER")),
        }
    }

    /// Reads a list in DER or, by how it begins, in PEM.
    ///
    /// # Errors
    /// As [`RevocationList::from_der`].
    pub fn read_any(bytes: &[u8]) -> Result<Self, CertificateError> {
        if !bytes.starts_with(b"-----BEGIN") {
            return Self::from_der(bytes);
        }
        match der::pem::decode_vec(bounded(bytes)?) {
            Ok(("X509 CRL", der)) => Self::from_der(&der),
            Ok((label, _)) => Err(CertificateError::malformed(WHAT, &format!("it is a `{label}`"))),
            Err(error) => Err(CertificateError::malformed(WHAT, &error)),
        }
    }

    /// The list in DER, which is what etcd reads.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list in PEM, with a final line break.
    #[must_use]
    pub fn pem(&self) -> String {
        der::pem::encode_string("X509 CRL", der::pem::LineEnding::LF, &self.der).unwrap_or_default()
    }

    fn read(&self) -> Option<CertificateList> {
        CertificateList::from_der(&self.der).ok()
    }

    /// Until when it is good.
    #[must_use]
    pub fn next_update(&self) -> Option<Time> {
        let time = self.read()?.tbs_cert_list.next_update?;
        Some(Time::from_unix(i64::try_from(time.to_unix_duration().as_secs()).ok()?))
    }

    /// What it says; none where it has no number, no end, or a serial number that this crate would not have given.
    #[must_use]
    pub fn contents(&self) -> Option<ListContents> {
        let list = self.read()?.tbs_cert_list;
        let extensions = list.crl_extensions.unwrap_or_default();
        let number = extensions.iter().find(|one| one.extn_id == CrlNumber::OID)?;
        let number = CrlNumber::from_der(number.extn_value.as_bytes()).ok()?;
        let number = number
            .0
            .as_bytes()
            .iter()
            .try_fold(0_u64, |sum, byte| sum.checked_mul(256).map(|sum| sum + u64::from(*byte)))?;
        let time = |time: x509_cert::time::Time| {
            Some(Time::from_unix(i64::try_from(time.to_unix_duration().as_secs()).ok()?))
        };
        let mut revoked = BTreeMap::new();
        for entry in list.revoked_certificates.into_iter().flatten() {
            let serial = Serial::from_bytes(entry.serial_number.as_bytes())?;
            let extensions = entry.crl_entry_extensions.unwrap_or_default();
            let code = extensions.iter().find(|one| one.extn_id == CrlReason::OID);
            let code = code.and_then(|one| CrlReason::from_der(one.extn_value.as_bytes()).ok());
            let reason = match code {
                Some(CrlReason::KeyCompromise) => Reason::KeyCompromise,
                Some(CrlReason::Superseded) => Reason::Superseded,
                Some(CrlReason::CessationOfOperation) => Reason::CessationOfOperation,
                _ => Reason::Unspecified,
            };
            revoked.insert(serial, Revoked { at: time(entry.revocation_date)?, reason });
        }
        Some(ListContents {
            number,
            this_update: time(list.this_update)?,
            next_update: time(list.next_update?)?,
            revoked,
        })
    }

    /// Whether a certificate of the list's issuer is revoked.
    #[must_use]
    pub fn has(&self, serial: &Serial) -> bool {
        let revoked = self.read().and_then(|list| list.tbs_cert_list.revoked_certificates);
        revoked.into_iter().flatten().any(|entry| entry.serial_number.as_bytes() == serial.as_bytes())
    }

    /// Checks that `issuer` signed it.
    ///
    /// # Errors
    /// When it did not.
    pub fn verify(&self, issuer: &Contents) -> Result<(), CertificateError> {
        let signed = self.read().and_then(|list| {
            let tbs = list.tbs_cert_list.to_der().ok()?;
            Some(issuer.key.verify(&tbs, list.signature.as_bytes()?))
        });
        if signed == Some(true) {
            return Ok(());
        }
        Err(CertificateError::Signature { subject: Subject::named(WHAT), issuer: issuer.subject.clone() })
    }
}
