//! JSON Schemas of the rendered documents. They say the form; the modules say what the values must be.

/// Schema of the discovery document.
pub(crate) const DISCOVERY: &str = include_str!("../schemas/discovery.json");
/// Schema of the key set.
pub(crate) const JWKS: &str = include_str!("../schemas/jwks.json");
/// Schema of an IAM policy.
pub(crate) const POLICY: &str = include_str!("../schemas/policy.json");
/// Schema of the input of `aws iam create-open-id-connect-provider`.
pub(crate) const PROVIDER: &str = include_str!("../schemas/oidc-provider.json");

/// Whether `text` is JSON of that schema; if not, the first place that is wrong.
pub(crate) fn check(schema: &str, text: &str) -> Result<(), String> {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).map_err(|e| e.to_string());
    let value = parse(text)?;
    let validator = jsonschema::validator_for(&parse(schema)?).map_err(|error| error.to_string())?;
    validator.validate(&value).map_err(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        place => format!("{place}: {error}"),
    })
}
