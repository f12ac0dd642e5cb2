//! An intermediate whose key is here issues leaves, by profile only.

use rand_core::{CryptoRng, RngCore};

use super::{
    Certificate, CertificateError, Draft, Kind, PrivateKey, PublicKey, Serial, Time, ToBeSigned, Validity,
};
use crate::profile::Identity;

/// An intermediate authority with its key. Erased when dropped.
pub struct Intermediate {
    certificate: Certificate,
    key: PrivateKey,
}

impl Intermediate {
    /// Joins a certificate and its key.
    ///
    /// # Errors
    /// When they do not belong together, or the certificate is not that of an authority.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, CertificateError> {
        let contents = certificate.contents();
        if !matches!(contents.kind, Kind::Authority { .. }) {
            return Err(CertificateError::NoAuthority(contents.subject.clone()));
        }
        if contents.key != key.public() {
            return Err(CertificateError::OtherKey(contents.subject.clone()));
        }
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues the leaf of `identity` for `key`, valid from `not_before` for as long as its profile says, and no longer than
    /// the intermediate itself. Start a little in the past, as clocks differ.
    ///
    /// # Errors
    /// When the profile is that of another authority, or the intermediate is not valid at `not_before`.
    pub fn issue(
        &self,
        identity: &Identity,
        key: &PublicKey,
        not_before: Time,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Certificate, CertificateError> {
        let issuer = self.certificate.contents();
        let named = crate::profile::intermediate_authority(&issuer.subject);
        if named != Some(identity.profile().authority) {
            let reason = "its profile belongs to another authority";
            let value = format!("{} under `{}`", identity.subject(), issuer.subject);
            return Err(CertificateError::Value { value, reason });
        }
        let validity = Validity::days(not_before, identity.profile().days).ending_with(issuer.validity);
        if !validity.is_within(&issuer.validity) {
            let (issuer, outer) = (issuer.subject.clone(), issuer.validity);
            return Err(CertificateError::Outlives { validity, issuer, outer });
        }
        ToBeSigned::new(&Draft {
            subject: identity.subject().clone(),
            key: *key,
            kind: Kind::Leaf { usages: identity.profile().usages.iter().copied().collect() },
            alt_names: identity.alt_names().clone(),
            validity,
            serial: Serial::random(rng),
            issuer: issuer.subject.clone(),
            issuer_key: issuer.key,
        })?
        .sign(&self.key)
    }
}
