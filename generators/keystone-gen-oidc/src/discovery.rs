//! The discovery document, `/.well-known/openid-configuration`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::issuer::Issuer;

/// Path of the keys below the issuer: the one at which kube-apiserver serves them too.
pub const JWKS_PATH: &str = "openid/v1/jwks";
/// Path of the discovery document below the issuer (`OpenID` Connect Discovery 1.0, section 4).
pub const DISCOVERY_PATH: &str = ".well-known/openid-configuration";

/// What relying parties learn of an issuer: the fields that kube-apiserver serves, and two that other libraries ask
/// for and that self-hosted issuers of Kubernetes add by custom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discovery {
    /// The issuer, byte for byte as in tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// A URN that says that nobody logs in here: tokens come out of the Kubernetes API.
    pub authorization_endpoint: String,
    /// `id_token`
    pub response_types_supported: Vec<String>,
    /// `public`
    pub subject_types_supported: Vec<String>,
    /// `RS256`
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// `sub` and `iss`
    pub claims_supported: Vec<String>,
}

/// Why a relying party would not take a discovery document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{field}` is `{found}`; it must be `{right}`")]
pub struct DiscoveryError {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub found: String,
    /// The one value that fits.
    pub right: String,
}

impl Discovery {
    /// The document of `issuer`.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Self {
            issuer: issuer.to_string(),
            jwks_uri: format!("{issuer}/{JWKS_PATH}"),
            authorization_endpoint: "urn:kubernetes:programmatic_authorization".to_owned(),
            response_types_supported: list(&["id_token"]),
            subject_types_supported: list(&["public"]),
            id_token_signing_alg_values_supported: list(&["RS256"]),
            claims_supported: list(&["sub", "iss"]),
        }
    }

    /// Checks the document against the issuer under which it is served.
    ///
    /// # Errors
    /// The first field that differs.
    pub fn check(&self, issuer: &Issuer) -> Result<(), DiscoveryError> {
        let right = Self::of(issuer);
        let fields = [
            ("issuer", self.issuer.clone(), right.issuer),
            ("jwks_uri", self.jwks_uri.clone(), right.jwks_uri),
            ("authorization_endpoint", self.authorization_endpoint.clone(), right.authorization_endpoint),
            (
                "response_types_supported",
                self.response_types_supported.join(", "),
                right.response_types_supported.join(", "),
            ),
            (
                "subject_types_supported",
                self.subject_types_supported.join(", "),
                right.subject_types_supported.join(", "),
            ),
            (
                "id_token_signing_alg_values_supported",
                self.id_token_signing_alg_values_supported.join(", "),
                right.id_token_signing_alg_values_supported.join(", "),
            ),
            ("claims_supported", self.claims_supported.join(", "), right.claims_supported.join(", ")),
        ];
        match fields.into_iter().find(|(_, found, right)| found != right) {
            Some((field, found, right)) => Err(DiscoveryError { field, found, right }),
            None => Ok(()),
        }
    }
}
