//! The issuer's public documents, and the IAM documents that trust it.
//!
//! Two static files let anyone verify tokens of the cluster's service accounts: the discovery document and the key set.
//! With an account in AWS come the identity provider, and for each role who may take it and what it may do. Every
//! permission is checked against a table of IAM's actions ([`lint`]): IAM itself accepts policies that allow nothing.

pub mod coverage;
pub mod discovery;
pub mod documents;
pub mod iam;
pub mod issuer;
pub mod jwks;
pub mod key;
pub mod lint;
pub mod permissions;
pub mod policy;
mod schema;
pub mod trust_policy;
mod verify;

use keystone_generator::{Artifact, Generator};
use keystone_model::{Aws, Cluster, Trust};
use thiserror::Error;

use crate::discovery::Discovery;
use crate::documents::ProviderDocument;
use crate::jwks::Jwks;
use crate::permissions::Scope;

/// Path of the discovery document. `oidc/` is what lies at the issuer's URL.
pub const DISCOVERY: &str = "oidc/.well-known/openid-configuration";
/// Path of the key set.
pub const JWKS: &str = "oidc/openid/v1/jwks";
/// Path of the identity provider.
pub const PROVIDER: &str = "aws/oidc-provider.json";
/// Path of the backup bucket's policy.
pub const BUCKET_POLICY: &str = "aws/backup-bucket-policy.json";

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oidc;

/// Why there are no documents, or wrong ones.
#[derive(Debug, Error)]
pub enum Error {
    /// A key cannot verify tokens.
    #[error("`{JWKS}`: {0}")]
    Jwks(#[from] jwks::JwksError),
    /// The discovery document is wrong.
    #[error("`{DISCOVERY}`: {0}")]
    Discovery(#[from] discovery::DiscoveryError),
    /// A region of another partition.
    #[error(
        "the region `{region}` is in the partition `{home}`, and the account in `{partition}`; take regions of the account's"
    )]
    Region {
        /// The region.
        region: String,
        /// Where it is.
        home: &'static str,
        /// Where the account is.
        partition: &'static str,
    },
    /// A document would not do what it says, or AWS would refuse it.
    #[error("`{path}`: {reason}")]
    Document {
        /// Its path below the output folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file that must be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The table of IAM's actions that the program carries is broken.
    #[error("the table of IAM's actions cannot be read: {0}")]
    Table(String),
}

impl Generator for Oidc {
    const NAME: &'static str = "keystone-gen-oidc";
    const ABOUT: &'static str = "Renders the issuer's public documents and the IAM documents that trust it";
    type Error = Error;

    fn render(&self, cluster: &Cluster, trust: &Trust) -> Result<Vec<Artifact>, Error> {
        let mut artifacts = vec![
            json(DISCOVERY, &Discovery::of(&cluster.identity.issuer))?,
            json(JWKS, &Jwks::of(&trust.service_account_keys)?)?,
        ];
        if let Some(aws) = &cluster.identity.aws {
            artifacts.extend(account(cluster, aws)?);
        }
        artifacts.sort();
        Ok(artifacts)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        verify::all(artifacts)
    }
}

fn account(cluster: &Cluster, aws: &Aws) -> Result<Vec<Artifact>, Error> {
    if let Some((region, home)) = documents::foreign_region(aws) {
        return Err(Error::Region {
            region: region.to_string(),
            home: home.as_str(),
            partition: aws.partition.as_str(),
        });
    }
    let mut artifacts = vec![json(PROVIDER, &ProviderDocument::of(cluster))?];
    for role in documents::roles(cluster, aws) {
        let folder = format!("aws/{}", role.name);
        artifacts.push(json(&format!("{folder}/trust-policy.json"), &role.trust)?);
        let policies = documents::fit(&role.statements)
            .map_err(|reason| Error::Document { path: format!("{folder}/permissions.json"), reason })?;
        let several = policies.len() > 1;
        for (n, policy) in policies.iter().enumerate() {
            let number = if several { format!("-{}", n + 1) } else { String::new() };
            artifacts.push(json(&format!("{folder}/permissions{number}.json"), policy)?);
        }
    }
    if let Some(bucket) = &aws.backup_bucket {
        let policy = permissions::backup::bucket_policy(&Scope { cluster, aws }, bucket.as_str());
        artifacts.push(json(BUCKET_POLICY, &policy)?);
    }
    Ok(artifacts)
}

fn json<T: serde::Serialize>(path: &str, value: &T) -> Result<Artifact, Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Document { path: path.to_owned(), reason: error.to_string() })?;
    Ok(Artifact::new(path, text + "\n"))
}
