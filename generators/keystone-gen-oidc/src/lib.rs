//! The cluster as an issuer of tokens: discovery document and keys, and what AWS needs to trust it.
//!
//! The API server of Kubernetes signs tokens of service accounts. Whoever is to accept them fetches two public documents
//! from the issuer's URL. AWS then exchanges such a token for short-lived credentials of a role, so that the cluster
//! keeps no credentials of AWS at all.
//!
//! The core is pure and independent of the inventory: [`render`] turns an [`Input`] into files, [`verify`] reads them
//! again as their consumers would. [`Oidc`] joins both to the inventory.

mod arn;
mod aws;
mod discovery;
mod documents;
mod error;
pub mod iam;
mod input;
mod inventory;
mod issuer;
mod jwks;
mod key;
mod limits;
pub mod lint;
pub mod policy;
mod render;
mod role;
mod rotation;
mod schema;
mod verify;

pub use aws::{Aws, AwsError, Partition, Pools};
pub use discovery::{DISCOVERY_PATH, Discovery, DiscoveryError, JWKS_PATH};
pub use documents::{
    CLUSTER_TAG, CSI_TAG, ProviderDocument, ProviderTag, bucket_policy, permissions, provider_arn,
    trust_policy,
};
pub use error::Error;
pub use input::{DEFAULT_AUDIENCE, Input, InputError};
pub use issuer::{Issuer, IssuerError};
pub use jwks::{Jwk, Jwks, JwksError};
pub use key::{KeyError, MIN_BITS, RsaKey, TokenKey};
pub use limits::{BUCKET_POLICY, LimitError, MANAGED_POLICY, POLICIES_OF_A_ROLE, TRUST_POLICY, size, split};
pub use render::{BUCKET_FILE, DISCOVERY_FILE, JWKS_FILE, PROVIDER_FILE, render};
pub use role::{Role, ServiceAccount};
pub use rotation::{KEEP_AFTER, KeyState, MAX_KEYS, PUBLISH_AHEAD, RotationError, order};
pub use verify::verify;

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Trust};

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oidc;

impl Generator for Oidc {
    const NAME: &'static str = "keystone-gen-oidc";
    const ABOUT: &'static str =
        "Renders discovery document and keys of the token issuer, and what AWS needs to trust it";
    type Error = Error;

    fn render(&self, cluster: &Cluster, trust: &Trust) -> Result<Vec<Artifact>, Error> {
        render(&Input::try_from((cluster, trust))?)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        verify(artifacts)
    }
}
