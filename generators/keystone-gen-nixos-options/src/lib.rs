//! NixOS options, JSON Schema and reference pages, all from the schema of `keystone-model`.
//!
//! What Nix accepts, what an editor underlines and what the reference says cannot drift apart from what the
//! generators read, as none of it is written by hand. A keyword of the schema that has no counterpart among the option
//! types is an error, never left out.

pub mod nix;
pub mod options;
pub mod pattern;
pub mod reference;
pub mod schema;
pub mod shape;
pub mod tables;
mod verify;

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Trust};
use thiserror::Error;

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct NixosOptions;

/// Why there are no options, or wrong ones.
#[derive(Debug, Error)]
pub enum Error {
    /// The schema says something that options cannot say.
    #[error(transparent)]
    Shape(#[from] shape::ShapeError),
    /// A pattern, a value or a table does not fit into Nix.
    #[error(transparent)]
    Options(#[from] options::OptionsError),
    /// The schema is not one.
    #[error("`{path}`: {0}", path = schema::SCHEMA)]
    Schema(#[from] schema::SchemaError),
    /// A page does not read as it was meant.
    #[error("`{path}`: {source}")]
    Page {
        /// Its path below the output folder.
        path: &'static str,
        /// What is wrong.
        source: reference::PageError,
    },
    /// A file that Nix would refuse or misread.
    #[error("`{path}`: {source}")]
    Nix {
        /// Its path below the output folder.
        path: String,
        /// What is wrong.
        source: nix::ReadError,
    },
    /// Files that do not belong together.
    #[error("`{path}`: {reason}")]
    Apart {
        /// The path below the output folder.
        path: String,
        /// What does not match.
        reason: String,
    },
}

impl Generator for NixosOptions {
    const NAME: &'static str = "keystone-gen-nixos-options";
    const ABOUT: &'static str =
        "Renders the NixOS options of the inventory, its JSON Schema and its reference pages";
    type Error = Error;

    fn render(&self, cluster: &Cluster, _: &Trust) -> Result<Vec<Artifact>, Error> {
        let schema = keystone_model::schema::value();
        let root = shape::read(&schema)?;
        let page = |path| move |source| Error::Page { path, source };
        let inventory = reference::inventory(&root, &schema).map_err(page(reference::INVENTORY))?;
        let services = reference::services(cluster, &schema).map_err(page(reference::SERVICES))?;
        let mut artifacts = options::render(&root)?;
        artifacts.push(Artifact::new(schema::SCHEMA, keystone_model::schema::json_schema()));
        artifacts.push(Artifact::new(reference::INVENTORY, inventory));
        artifacts.push(Artifact::new(reference::SERVICES, services));
        artifacts.extend(tables::render(&keystone_model::service::services(cluster)));
        artifacts.sort();
        Ok(artifacts)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        verify::verify(artifacts)
    }
}
