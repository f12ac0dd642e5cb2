//! From the input to files.

use keystone_generator::Artifact;
use serde::Serialize;

use crate::discovery::{DISCOVERY_PATH, Discovery, JWKS_PATH};
use crate::documents::{ProviderDocument, bucket_policy, permissions, trust_policy};
use crate::error::Error;
use crate::input::Input;
use crate::jwks::Jwks;
use crate::limits::{BUCKET_POLICY, LimitError, TRUST_POLICY, fits, split};
use crate::lint;
use crate::role::Role;

/// The discovery document. The folder `oidc` is what the issuer's URL serves.
pub const DISCOVERY_FILE: &str = "oidc/.well-known/openid-configuration";
/// The keys.
pub const JWKS_FILE: &str = "oidc/openid/v1/jwks";
/// The provider.
pub const PROVIDER_FILE: &str = "aws/oidc-provider.json";
/// The policy of the bucket for backups.
pub const BUCKET_FILE: &str = "aws/backup-bucket-policy.json";

/// Renders all documents, ordered by path.
///
/// # Errors
/// When the input is wrong, or a document would be refused as too long or as meaningless.
pub fn render(input: &Input) -> Result<Vec<Artifact>, Error> {
    let keys = input.check()?;
    debug_assert!(DISCOVERY_FILE.ends_with(DISCOVERY_PATH) && JWKS_FILE.ends_with(JWKS_PATH));
    let mut artifacts = vec![
        artifact(DISCOVERY_FILE, &Discovery::of(&input.issuer))?,
        artifact(JWKS_FILE, &Jwks::of(&keys))?,
    ];
    if let Some(aws) = &input.aws {
        artifacts.push(artifact(PROVIDER_FILE, &ProviderDocument::of(input))?);
        if let Some(policy) = bucket_policy(input, aws) {
            lint::attached_to_bucket(&policy).map_err(unfit(BUCKET_FILE))?;
            fits(&policy, BUCKET_POLICY, "").map_err(too_long(BUCKET_FILE))?;
            artifacts.push(artifact(BUCKET_FILE, &policy)?);
        }
        for role in Role::ALL {
            let statements = permissions(input, aws, role);
            if statements.is_empty() {
                continue;
            }
            lint::of_role(&statements).map_err(unfit(&format!("aws/{role}/permissions.json")))?;
            let path = format!("aws/{role}/trust-policy.json");
            let trust = trust_policy(input, aws, role);
            lint::trust(&trust).map_err(unfit(&path))?;
            let hint = "; let fewer service accounts take the role, or shorten the issuer";
            fits(&trust, TRUST_POLICY, hint).map_err(too_long(&path))?;
            artifacts.push(artifact(&path, &trust)?);
            let policies = split(statements).map_err(too_long(&format!("aws/{role}/permissions.json")))?;
            for (n, policy) in policies.iter().enumerate() {
                let path = match policies.len() {
                    1 => format!("aws/{role}/permissions.json"),
                    _ => format!("aws/{role}/permissions-{}.json", n + 1),
                };
                lint::attached_to_role(policy).map_err(unfit(&path))?;
                artifacts.push(artifact(&path, policy)?);
            }
        }
    }
    artifacts.sort();
    Ok(artifacts)
}

fn too_long(path: &str) -> impl Fn(LimitError) -> Error + '_ {
    move |reason| Error::TooLong { path: path.to_owned(), reason }
}

fn unfit(path: &str) -> impl Fn(lint::Violations) -> Error + '_ {
    move |violations| Error::Policy { path: path.to_owned(), violations }
}

fn artifact<T: Serialize>(path: &str, value: &T) -> Result<Artifact, Error> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Write { path: path.to_owned(), reason: error.to_string() })?;
    text.push('\n');
    Ok(Artifact::new(path, text))
}
