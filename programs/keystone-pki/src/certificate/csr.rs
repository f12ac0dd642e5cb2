//! Requests to sign (PKCS #10). Only the key is taken from one. What else it asks for is compared with what is right, and
//! never copied.

use std::collections::BTreeSet;

use der::{Decode as _, DecodePem as _, Encode as _, EncodePem as _};
use rcgen::{CertificateParams, KeyIdMethod, PublicKeyData, SignatureAlgorithm, SigningKey};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::request::{CertReq, ExtensionReq};

use super::contents::{alt_name, subject};
use super::{AltName, CertificateError, PrivateKey, PublicKey, Subject};

const WHAT: &str = "request to sign";

/// A request whose signature proves that the requester has the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    der: Vec<u8>,
    key: PublicKey,
    subject: Option<Subject>,
    alt_names: BTreeSet<AltName>,
    authority: bool,
}

impl SigningRequest {
    /// Reads a request, in PEM or DER.
    ///
    /// # Errors
    /// When it is none, its key is of another kind, its signature does not verify, or it asks for an extension that no
    /// certificate of this cluster has.
    pub fn read(bytes: &[u8]) -> Result<Self, CertificateError> {
        super::bounded(bytes)?;
        let malformed = |e: der::Error| CertificateError::malformed(WHAT, &e);
        let read = if bytes.starts_with(b"-----BEGIN") {
            CertReq::from_pem(bytes.trim_ascii_end()).map_err(malformed)?
        } else {
            CertReq::from_der(bytes).map_err(malformed)?
        };
        let key = PublicKey::from_info(&read.info.public_key)?;
        let info = read.info.to_der().map_err(malformed)?;
        if !key.verify(&info, read.signature.as_bytes().unwrap_or_default()) {
            let reason = "its signature does not verify, so nobody knows whether the requester has the key";
            return Err(CertificateError::malformed(WHAT, &reason));
        }
        let mut request = Self {
            der: read.to_der().map_err(malformed)?,
            key,
            subject: None,
            alt_names: BTreeSet::new(),
            authority: false,
        };
        if !read.info.subject.is_empty() {
            request.subject = Some(subject(&read.info.subject)?);
        }
        for attribute in read.info.attributes.iter() {
            if attribute.oid.to_string() != "1.2.840.113549.1.9.14" {
                let found = format!("the attribute {}", attribute.oid);
                return Err(CertificateError::Foreign { what: WHAT, found });
            }
            for value in attribute.values.iter() {
                let extensions =
                    ExtensionReq::from_der(&value.to_der().map_err(malformed)?).map_err(malformed)?;
                request.extensions(extensions)?;
            }
        }
        Ok(request)
    }

    fn extensions(&mut self, extensions: ExtensionReq) -> Result<(), CertificateError> {
        let malformed = |e: der::Error| CertificateError::malformed(WHAT, &e);
        for extension in extensions.0 {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id.to_string().as_str() {
                "2.5.29.19" => self.authority |= BasicConstraints::from_der(value).map_err(malformed)?.ca,
                "2.5.29.17" => {
                    for name in SubjectAltName::from_der(value).map_err(malformed)?.0 {
                        self.alt_names.insert(alt_name(&name)?);
                    }
                }
                "2.5.29.15" => {
                    let usage = KeyUsage::from_der(value).map_err(malformed)?;
                    self.authority |= usage.key_cert_sign() || usage.crl_sign();
                }
                // Usages come from the profile; openssl's defaults ask for some, and they are not obeyed.
                "2.5.29.37" => {
                    ExtendedKeyUsage::from_der(value).map_err(malformed)?;
                }
                "2.5.29.14" => {}
                other => {
                    let found = format!("the extension {other}");
                    return Err(CertificateError::Foreign { what: WHAT, found });
                }
            }
        }
        Ok(())
    }

    /// A request for `subject` with the key.
    ///
    /// # Errors
    /// When the names cannot stand in a certificate.
    pub fn new(
        key: &PrivateKey,
        subject: &Subject,
        alt_names: &BTreeSet<AltName>,
    ) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.distinguished_name()?;
        params.subject_alt_names = alt_names.iter().map(AltName::general_name).collect::<Result<_, _>>()?;
        params.key_identifier_method = KeyIdMethod::PreSpecified(key.public().id().to_vec());
        let public = key.public();
        let written = params
            .serialize_request(&Requester { key, public: &public })
            .map_err(|e| CertificateError::Write(e.to_string()))?;
        Self::read(written.der())
    }

    /// The request in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        CertReq::from_der(&self.der)
            .ok()
            .and_then(|r| r.to_pem(der::pem::LineEnding::LF).ok())
            .unwrap_or_default()
    }

    /// The key, which the requester has proven to hold.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The subject that it asks for, if any.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// The names that it asks for.
    #[must_use]
    pub const fn alt_names(&self) -> &BTreeSet<AltName> {
        &self.alt_names
    }

    /// Whether it asks to be an authority.
    #[must_use]
    pub const fn asks_for_authority(&self) -> bool {
        self.authority
    }
}

struct Requester<'k> {
    key: &'k PrivateKey,
    public: &'k PublicKey,
}

impl PublicKeyData for Requester<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl SigningKey for Requester<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message))
    }
}
