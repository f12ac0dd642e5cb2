//! Why there are no documents, or wrong ones.

use thiserror::Error;

use crate::discovery::DiscoveryError;
use crate::input::InputError;
use crate::issuer::IssuerError;
use crate::jwks::JwksError;
use crate::limits::LimitError;
use crate::lint::Violations;

/// Why there are no documents, or wrong ones.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The issuer's URL.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// Anything else of the input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A document that AWS would refuse as too long.
    #[error("`{path}` {reason}")]
    TooLong {
        /// The file.
        path: String,
        /// How long it is.
        reason: LimitError,
    },
    /// A document that cannot be written as text.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A document that does not read back.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A document of another shape.
    #[error("`{path}` has another shape{}: {reason}", place(.pointer))]
    Shape {
        /// The file.
        path: String,
        /// Where, as a JSON pointer.
        pointer: String,
        /// What is wrong there.
        reason: String,
    },
    /// A file that no consumer asks for.
    #[error("`{0}` is none of the files of this generator")]
    Unknown(String),
    /// A file that is not there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// The discovery document.
    #[error("`{path}`: {reason}")]
    Discovery {
        /// The file.
        path: String,
        /// What is wrong.
        reason: DiscoveryError,
    },
    /// The keys.
    #[error("`{path}`: {reason}")]
    Jwks {
        /// The file.
        path: String,
        /// What is wrong.
        reason: JwksError,
    },
    /// A policy with statements that cannot mean what they say.
    #[error("`{path}`:\n{violations}")]
    Policy {
        /// The file.
        path: String,
        /// What is wrong.
        violations: Violations,
    },
    /// Two documents that must agree and do not.
    #[error("`{path}` names {what} `{found}`; it must be `{right}`")]
    Differs {
        /// The file.
        path: String,
        /// What it names.
        what: &'static str,
        /// What it says.
        found: String,
        /// What the other document says.
        right: String,
    },
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at `{pointer}`") }
}
