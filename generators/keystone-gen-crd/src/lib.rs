//! The Kubernetes types of this system, and the manifests that teach them to a cluster.
//!
//! API group `keystone.systems`, version `v1alpha1`:
//!
//! - [`nodepool::NodePool`]: a set of interchangeable nodes. Cluster-scoped, short name `ksnp` (the plain
//!   words belong to Karpenter).
//! - [`blobstore::BlobStore`]: a bucket and who may use it. Cluster-scoped, short name `ksbs`.
//!
//! The types are the only definition: [`render`] makes the manifests from them, [`reference`](reference())
//! the reference page, and the operator reads and writes objects with them. [`verify`](verify()) reads
//! the manifests again with the rules of the API server, from the text alone.

pub mod blobstore;
pub mod conditions;
pub mod duration;
pub mod nodepool;
pub mod patterns;
mod reference;
mod render;
pub mod schema;
mod verify;

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Trust};
use schema::Problem;
use schemars::{Schema, SchemaGenerator, json_schema};
use thiserror::Error;

pub use reference::reference;
pub use render::definitions;

/// The API group.
pub const GROUP: &str = "keystone.systems";
/// The one version of every kind.
pub const VERSION: &str = "v1alpha1";
/// The folder of the manifests below the output folder.
pub const FOLDER: &str = "crds";

/// The generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crd;

/// Why there is no manifest, or a wrong one.
#[derive(Debug, Error)]
pub enum Error {
    /// A type has no form in JSON.
    #[error("a definition has no form in JSON: {source}")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// A definition has no form in YAML.
    #[error("a definition has no form in YAML: {source}")]
    Yaml {
        /// Why.
        source: Box<serde_saphyr::ser::Error>,
    },
    /// The reference page has a mistake in its template.
    #[error("the reference page cannot be written: {source}")]
    Reference {
        /// Why.
        source: minijinja::Error,
    },
    /// A cluster would refuse a manifest.
    #[error("`{path}` would be refused:\n{}", list(problems))]
    Refused {
        /// The manifest's path below the output folder.
        path: String,
        /// What is wrong, ordered by place.
        problems: Vec<Problem>,
    },
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// The manifests, ordered by path: `crds/blobstores.keystone.systems.yaml`, `crds/nodepools.keystone.systems.yaml`.
/// They depend on nothing but this crate.
///
/// # Errors
/// When a type has no form in JSON or YAML, which is a mistake in this crate.
pub fn render() -> Result<Vec<Artifact>, Error> {
    definitions()?
        .iter()
        .map(|definition| {
            let name = definition["metadata"]["name"].as_str().unwrap_or_default();
            Ok(Artifact::new(format!("{FOLDER}/{name}.yaml"), render::yaml(definition)?))
        })
        .collect()
}

/// Reads manifests again, as the API server would.
///
/// # Errors
/// [`Error::Refused`] with every problem of the first manifest that has one.
pub fn verify(artifacts: &[Artifact]) -> Result<(), Error> {
    for artifact in artifacts {
        let problems = verify::manifest(&artifact.contents);
        if !problems.is_empty() {
            return Err(Error::Refused { path: artifact.path.clone(), problems });
        }
    }
    Ok(())
}

impl Generator for Crd {
    const NAME: &'static str = "keystone-gen-crd";
    const ABOUT: &'static str = "Renders the CRDs of the API group keystone.systems (NodePool, BlobStore); they are the same for every cluster";
    type Error = Error;

    fn render(&self, _: &Cluster, _: &Trust) -> Result<Vec<Artifact>, Error> {
        render()
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        verify(artifacts)
    }
}

/// The schema of a point in time; k8s-openapi has one only with all its other schemas.
pub(crate) fn time_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}
