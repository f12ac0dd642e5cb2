//! The access policy of the mesh.
//!
//! Servers are tags, people are groups of users; every rule names action, protocol, sources and destinations; what
//! the cluster itself needs comes from the service table. The rendered text is read back by `keystone-policy`, which
//! knows nothing of the inventory, and the reachability it finds must be the one that the inventory means
//! ([`prove`]).

mod document;
mod proof;
mod reachability;

pub use document::{Acl, Document, NodeAttr, SshRule, Test};
pub use proof::{Mismatch, Pair, prove};
pub use reachability::{Class, Entry, Matrix, classes};

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Trust};
use thiserror::Error;

/// Path of the policy below the output folder.
pub const POLICY: &str = "mesh/policy.json";
/// Path of the policy with its own tests. Headscale refuses a test whose source has no machine yet, so this file is
/// for `headscale policy check` on a cluster that is complete.
pub const POLICY_WITH_TESTS: &str = "mesh/policy-with-tests.json";
/// Path of the reachability matrix.
pub const REACHABILITY: &str = "reachability.json";

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessPolicy;

/// Why there is no policy.
#[derive(Debug, Error)]
pub enum Error {
    /// Without a rule Headscale opens everything to everybody.
    #[error("no rule is left; Headscale takes a policy without rules for one that allows everything")]
    Empty,
    /// Headscale would refuse the text, or read it otherwise than it was meant.
    #[error("`{path}` line {line}: {message} (at {pointer})")]
    Refused {
        /// The file.
        path: String,
        /// Line from 1.
        line: usize,
        /// JSON pointer.
        pointer: String,
        /// What Headscale would not accept.
        message: String,
    },
    /// The policy opens something else than the inventory means.
    #[error("the policy does not do what the inventory means: {0}")]
    Proof(#[from] Mismatch),
    /// A file cannot be written as text.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl Generator for AccessPolicy {
    const NAME: &'static str = "keystone-gen-acl";
    const ABOUT: &'static str =
        "Renders the access policy of the mesh, and proves that it opens what the inventory intends";
    type Error = Error;

    fn render(&self, cluster: &Cluster, _: &Trust) -> Result<Vec<Artifact>, Error> {
        let mut document = Document::of(cluster);
        if document.acls.is_empty() {
            return Err(Error::Empty);
        }
        let policy = pretty(POLICY, &document)?;
        let intended = Matrix::intended(cluster);
        prove(cluster, &intended, &policy)?;
        document.tests = Test::of(cluster, &document);
        Ok(vec![
            Artifact::new(POLICY_WITH_TESTS, pretty(POLICY_WITH_TESTS, &document)?),
            Artifact::new(POLICY, policy),
            Artifact::new(REACHABILITY, intended.to_json()),
        ])
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        for artifact in artifacts.iter().filter(|a| a.path != REACHABILITY) {
            // What Headscale loads although it opens everything or matches nothing must not be in a policy of ours.
            let report = keystone_policy::check(&artifact.contents).strict();
            if let Some(finding) = report.errors.into_iter().next() {
                return Err(Error::Refused {
                    path: artifact.path.clone(),
                    line: finding.line,
                    pointer: finding.pointer,
                    message: finding.message,
                });
            }
        }
        Ok(())
    }
}

fn pretty<T: serde::Serialize>(path: &'static str, value: &T) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| Error::Write { path, source })?;
    text.push('\n');
    Ok(text)
}
