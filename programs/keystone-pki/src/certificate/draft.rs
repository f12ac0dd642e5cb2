//! From what a certificate is to say to the bytes that are signed.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SerialNumber};

use super::{
    AltName, Capture, Certificate, CertificateError, Contents, Kind, PrivateKey, PublicKey, Replay, Serial,
    Subject, Validity, rcgen_time,
};

/// What a certificate is to say. Only this crate makes one: from a profile, or as an authority.
pub(crate) struct Draft {
    pub(crate) subject: Subject,
    pub(crate) key: PublicKey,
    pub(crate) kind: Kind,
    pub(crate) alt_names: BTreeSet<AltName>,
    pub(crate) validity: Validity,
    pub(crate) serial: Serial,
    pub(crate) issuer: Subject,
    pub(crate) issuer_key: PublicKey,
}

/// The exact bytes of a certificate that are to be signed, and what they say.
#[derive(Clone)]
pub struct ToBeSigned {
    params: CertificateParams,
    issuer: CertificateParams,
    issuer_key: PublicKey,
    bytes: Vec<u8>,
    contents: Contents,
}

impl ToBeSigned {
    pub(crate) fn new(draft: &Draft) -> Result<Self, CertificateError> {
        let params = params(draft)?;
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = draft.issuer.distinguished_name()?;
        issuer.key_identifier_method = KeyIdMethod::PreSpecified(draft.issuer_key.id().to_vec());
        let capture = Capture { key: &draft.issuer_key, seen: RefCell::default() };
        params
            .signed_by(&draft.key, &Issuer::from_params(&issuer, &capture))
            .map_err(|e| CertificateError::Write(e.to_string()))?;
        let bytes = capture.seen.take();
        let contents = Contents::from_tbs(&bytes)?;
        // Written by one library, read by another: it says what it should.
        if !contents.differences(&draft.contents()).is_empty() {
            return Err(CertificateError::Write("it would say something else than it should".to_owned()));
        }
        Ok(Self { params, issuer, issuer_key: draft.issuer_key, bytes, contents })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What they say, read from them.
    #[must_use]
    pub const fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The certificate with this signature: DER for P-256, 64 bytes for Ed25519.
    ///
    /// # Errors
    /// When the signature is not one of these bytes by the issuer.
    pub fn complete(&self, signature: &[u8]) -> Result<Certificate, CertificateError> {
        if !self.issuer_key.verify(&self.bytes, signature) {
            let (subject, issuer) = (self.contents.subject.clone(), self.contents.issuer.clone());
            return Err(CertificateError::Signature { subject, issuer });
        }
        let replay = Replay { key: &self.issuer_key, message: &self.bytes, signature };
        let certificate = self
            .params
            .signed_by(&self.contents.key, &Issuer::from_params(&self.issuer, &replay))
            .map_err(|e| CertificateError::Write(e.to_string()))?;
        Certificate::from_der(certificate.der())
    }

    pub(crate) fn sign(&self, key: &PrivateKey) -> Result<Certificate, CertificateError> {
        self.complete(&key.sign(&self.bytes))
    }
}

impl Draft {
    fn contents(&self) -> Contents {
        Contents {
            serial: self.serial,
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            validity: self.validity,
            key: self.key,
            kind: self.kind.clone(),
            alt_names: self.alt_names.clone(),
            subject_key_id: self.key.id(),
            authority_key_id: self.issuer_key.id(),
        }
    }
}

fn params(draft: &Draft) -> Result<CertificateParams, CertificateError> {
    // Everything is set here: what the defaults are is a number from the key, 1975 to 4096, and neither key usage nor
    // authority key identifier (rcgen 0.14.10).
    let mut params = CertificateParams::default();
    params.not_before = rcgen_time(draft.validity.not_before);
    params.not_after = rcgen_time(draft.validity.not_after);
    params.serial_number = Some(SerialNumber::from_slice(draft.serial.as_bytes()));
    params.subject_alt_names = draft.alt_names.iter().map(AltName::general_name).collect::<Result<_, _>>()?;
    params.distinguished_name = draft.subject.distinguished_name()?;
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::PreSpecified(draft.key.id().to_vec());
    match &draft.kind {
        Kind::Authority { path_length, constraints } => {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(*path_length));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.name_constraints = constraints.extension();
        }
        Kind::Leaf { usages } => {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = usages.iter().map(|usage| usage.purpose()).collect();
        }
    }
    Ok(params)
}
