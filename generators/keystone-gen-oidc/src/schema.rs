//! Shapes of the documents, as JSON Schema.

use serde_json::Value;

use crate::error::Error;

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Discovery,
    Jwks,
    Provider,
    TrustPolicy,
    RolePolicy,
    BucketPolicy,
}

impl Shape {
    const fn text(self) -> &'static str {
        match self {
            Self::Discovery => include_str!("../schemas/discovery.json"),
            Self::Jwks => include_str!("../schemas/jwks.json"),
            Self::Provider => include_str!("../schemas/oidc-provider.json"),
            Self::TrustPolicy => include_str!("../schemas/trust-policy.json"),
            Self::RolePolicy => include_str!("../schemas/role-policy.json"),
            Self::BucketPolicy => include_str!("../schemas/bucket-policy.json"),
        }
    }

    /// Checks a document.
    ///
    /// # Errors
    /// The first place at which it has another shape.
    pub(crate) fn check(self, path: &str, document: &Value) -> Result<(), Error> {
        let unusable = |reason: String| Error::Unreadable { path: path.to_owned(), reason };
        let schema: Value = serde_json::from_str(self.text()).map_err(|error| unusable(error.to_string()))?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| unusable(error.to_string()))?;
        match validator.iter_errors(document).next() {
            Some(error) => Err(Error::Shape {
                path: path.to_owned(),
                pointer: error.instance_path().to_string(),
                reason: error.to_string(),
            }),
            None => Ok(()),
        }
    }
}
