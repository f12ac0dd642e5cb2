//! Certificates: written by `rcgen`, read again by `x509-cert` before anything is signed, so that what people see comes
//! from the bytes and not from what somebody meant to write.
//!
//! | type | what it is |
//! |---|---|
//! | [`Contents`] | everything that a certificate says, read from its bytes; unknown extensions are refused |
//! | [`ToBeSigned`] | the exact bytes that are to be signed, with their contents |
//! | [`Certificate`] | such bytes with a signature |
//! | [`Intermediate`] | a certificate authority whose key is here |
//! | [`MachineTrust`] | how our own programs believe a machine |

mod contents;
mod csr;
mod difference;
mod draft;
mod issue;
mod key;
mod machine;
mod names;
mod signer;
mod time;

pub use contents::{Contents, Kind};
pub use csr::SigningRequest;
pub use difference::Difference;
pub(crate) use draft::Draft;
pub use draft::ToBeSigned;
pub use issue::Intermediate;
pub use key::{PrivateKey, PublicKey};
pub use machine::{MachineError, MachineTrust};
pub use names::{AltName, Constraints, Range, Serial, Subject, Usage};
pub(crate) use signer::{Capture, Replay, rcgen_time};
pub use time::{DAY, Time, Validity};

use std::fmt;

use der::{Decode as _, DecodePem as _, Encode as _, EncodePem as _};
use thiserror::Error;

/// The most bytes that are read of a certificate, a request or a list.
pub const MAX_BYTES: usize = 256 * 1024;

/// Why a certificate cannot be read, made or believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// More bytes than are read.
    #[error("{0} bytes are more than are read of a certificate, a request or a list ({MAX_BYTES})")]
    TooLarge(usize),
    /// Not DER, or not PEM, of what was expected.
    #[error("this is no {what}: {reason}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What the reader said.
        reason: String,
    },
    /// Something that certificates of this cluster never have.
    #[error("the {what} has {found}, which those of this cluster never have")]
    Foreign {
        /// What was read.
        what: &'static str,
        /// What it has.
        found: String,
    },
    /// A key that is neither P-256 nor Ed25519.
    #[error(
        "the key is neither P-256 nor Ed25519; make one with `openssl genpkey -algorithm EC -pkeyopt \
         ec_paramgen_curve:P-256`"
    )]
    Key,
    /// A private key of another pair than the certificate's.
    #[error("the private key does not belong to the certificate `{0}`")]
    OtherKey(Subject),
    /// A certificate that may not sign others.
    #[error("`{0}` is no certificate authority")]
    NoAuthority(Subject),
    /// A signature that does not verify.
    #[error("the signature of `{subject}` does not verify under the key of `{issuer}`")]
    Signature {
        /// Whose certificate.
        subject: Subject,
        /// Who should have signed it.
        issuer: Subject,
    },
    /// A value that certificates cannot hold.
    #[error("`{value}` cannot stand in a certificate: {reason}")]
    Value {
        /// The value.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A validity that ends before it starts, or lies outside that of the issuer.
    #[error(
        "a validity of {validity} does not lie within that of `{issuer}`, {outer}; renew `{issuer}` first"
    )]
    Outlives {
        /// The validity asked for.
        validity: Validity,
        /// The issuer.
        issuer: Subject,
        /// The issuer's validity.
        outer: Validity,
    },
    /// The writer refuses.
    #[error("the certificate cannot be written: {0}")]
    Write(String),
}

impl CertificateError {
    pub(crate) fn malformed(what: &'static str, reason: &impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }
}

pub(crate) fn bounded(bytes: &[u8]) -> Result<&[u8], CertificateError> {
    if bytes.len() <= MAX_BYTES { Ok(bytes) } else { Err(CertificateError::TooLarge(bytes.len())) }
}

/// A certificate of this cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    signature: Vec<u8>,
    contents: Contents,
}

impl Certificate {
    /// Reads a certificate in DER. Its signature is not checked, see [`Certificate::verify`].
    ///
    /// # Errors
    /// When the bytes are no certificate, or say something that certificates of this cluster never say.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CertificateError> {
        let read = x509_cert::Certificate::from_der(bounded(bytes)?)
            .map_err(|e| CertificateError::malformed("certificate", &e))?;
        Self::from_parsed(&read, bytes)
    }

    fn from_parsed(read: &x509_cert::Certificate, der: &[u8]) -> Result<Self, CertificateError> {
        let tbs =
            read.tbs_certificate.to_der().map_err(|e| CertificateError::malformed("certificate", &e))?;
        if read.signature_algorithm != read.tbs_certificate.signature {
            let found = "two different signature algorithms".to_owned();
            return Err(CertificateError::Foreign { what: "certificate", found });
        }
        let signature = read.signature.as_bytes().unwrap_or_default().to_vec();
        let contents = Contents::from_tbs(&tbs)?;
        let certificate = Self { der: der.to_vec(), tbs, signature, contents };
        // What was parsed is what would be written: no second spelling of the same certificate.
        match read.to_der() {
            Ok(again) if again == der => Ok(certificate),
            _ => Err(CertificateError::malformed("certificate", &"it is not written in DER")),
        }
    }

    /// Reads a certificate in PEM.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        bounded(text.as_bytes())?;
        let read = x509_cert::Certificate::from_pem(text.trim_end())
            .map_err(|e| CertificateError::malformed("certificate in PEM", &e))?;
        let der = read.to_der().map_err(|e| CertificateError::malformed("certificate", &e))?;
        Self::from_parsed(&read, &der)
    }

    /// Reads a bundle of certificates in PEM, in its order.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`], for any of them, and when there is none.
    pub fn bundle(text: &str) -> Result<Vec<Self>, CertificateError> {
        const END: &str = "-----END CERTIFICATE-----";
        bounded(text.as_bytes())?;
        let certificates = text
            .split_inclusive(END)
            .filter(|block| block.contains(END))
            .map(|block| Self::from_pem(block.trim_start()))
            .collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(CertificateError::malformed("bundle of certificates", &"it has none"));
        }
        Ok(certificates)
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM, with a final line break.
    #[must_use]
    pub fn pem(&self) -> String {
        x509_cert::Certificate::from_der(&self.der)
            .ok()
            .and_then(|c| c.to_pem(der::pem::LineEnding::LF).ok())
            .unwrap_or_default()
    }

    /// What was signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// What it says.
    #[must_use]
    pub const fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Checks that `issuer` signed it and may sign such certificates: its name, its key identifier, its signature, and
    /// that it is an authority. Times, path lengths and name constraints are for those who verify whole chains.
    ///
    /// # Errors
    /// When any of this does not hold.
    pub fn verify(&self, issuer: &Self) -> Result<(), CertificateError> {
        let (own, above) = (&self.contents, &issuer.contents);
        if !matches!(above.kind, Kind::Authority { .. }) {
            return Err(CertificateError::NoAuthority(above.subject.clone()));
        }
        let named = own.issuer == above.subject && own.authority_key_id == above.subject_key_id;
        if named && above.key.verify(&self.tbs, &self.signature) {
            return Ok(());
        }
        Err(CertificateError::Signature { subject: own.subject.clone(), issuer: above.subject.clone() })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.contents.subject.to_string()).finish()
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.contents.fmt(f)
    }
}
