//! The discovery document.

use keystone_model::HttpsUrl;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::schema;

/// Where the keys lie below the issuer, as kube-apiserver publishes them itself.
pub const KEYS: &str = "/openid/v1/jwks";

/// What relying parties learn of the issuer. A superset of what kube-apiserver serves (it lacks the last two), so
/// that a pod-identity webhook and `OpenID` clients that demand them find all they ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discovery {
    /// The issuer; equal to `iss` in tokens, character by character.
    pub issuer: String,
    /// Where the keys are.
    pub jwks_uri: String,
    /// Always `id_token`.
    pub response_types_supported: Vec<String>,
    /// Always `public`.
    pub subject_types_supported: Vec<String>,
    /// Always `RS256`.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Nobody logs in here: Kubernetes issues these tokens.
    pub authorization_endpoint: String,
    /// Claims on which a relying party may rely.
    pub claims_supported: Vec<String>,
}

/// Why a text is no discovery document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiscoveryError {
    /// It has the wrong form.
    #[error("{0}")]
    Form(String),
    /// The issuer is no URL that can be one.
    #[error("the issuer {0}")]
    Issuer(String),
    /// A value does not follow from the issuer.
    #[error("`{field}` is `{found}`, and the issuer demands `{right}`")]
    Differs {
        /// The field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it must hold.
        right: String,
    },
}

impl Discovery {
    /// The document of an issuer.
    #[must_use]
    pub fn of(issuer: &HttpsUrl) -> Self {
        let list = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect();
        Self {
            issuer: issuer.to_string(),
            jwks_uri: format!("{issuer}{KEYS}"),
            response_types_supported: list(&["id_token"]),
            subject_types_supported: list(&["public"]),
            id_token_signing_alg_values_supported: list(&["RS256"]),
            authorization_endpoint: "urn:kubernetes:programmatic_authorization".to_owned(),
            claims_supported: list(&["sub", "iss"]),
        }
    }
}

/// Reads a discovery document as a relying party does, and returns its issuer.
///
/// # Errors
/// When its form is wrong, or its values do not follow from its issuer.
pub fn read(text: &str) -> Result<HttpsUrl, DiscoveryError> {
    schema::check(schema::DISCOVERY, text).map_err(DiscoveryError::Form)?;
    let found: Discovery =
        serde_json::from_str(text).map_err(|error| DiscoveryError::Form(error.to_string()))?;
    let issuer: HttpsUrl =
        found.issuer.parse().map_err(|error| DiscoveryError::Issuer(format!("{error}")))?;
    let right = Discovery::of(&issuer);
    for (field, found, right) in
        [("issuer", &found.issuer, &right.issuer), ("jwks_uri", &found.jwks_uri, &right.jwks_uri)]
    {
        if found != right {
            return Err(DiscoveryError::Differs { field, found: found.clone(), right: right.clone() });
        }
    }
    Ok(issuer)
}
