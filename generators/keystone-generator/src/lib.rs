//! What all generators share.
//!
//! A generator is a pure function from inventory and public trust material to artifacts ([`Generator::render`]), and
//! a reader of those artifacts that applies the rules of the program they are for ([`Generator::verify`]). This
//! crate gives it a command line ([`run`]) that reads the input, verifies what was rendered, and writes, checks or
//! prints it.

mod artifact;
mod command;
mod input;
mod picture;

pub use artifact::{Artifact, Difference, WriteError, compare, write_all};
pub use command::{Common, Generate, Mode, document, execute, run};
pub use input::{Input, InputError, Loaded};
pub use picture::show_findings;

use keystone_model::{Cluster, Trust};

/// A generator.
pub trait Generator {
    /// Name of its program: `keystone-gen-acl`.
    const NAME: &'static str;
    /// What it renders, in one sentence, for `--help`.
    const ABOUT: &'static str;
    /// What can go wrong.
    type Error: std::error::Error;

    /// Renders all artifacts, ordered by path. The same input always gives the same bytes.
    ///
    /// # Errors
    /// When something that the inventory allows cannot be rendered.
    fn render(&self, cluster: &Cluster, trust: &Trust) -> Result<Vec<Artifact>, Self::Error>;

    /// Reads rendered artifacts again, as the program that they are for would.
    ///
    /// # Errors
    /// When that program would refuse one of them.
    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Self::Error>;
}
