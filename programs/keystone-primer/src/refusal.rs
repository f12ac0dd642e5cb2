//! Why something was not done: what, on which object, and what to do next. It crosses the control socket and the wire,
//! so it is text, and it never holds a secret.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use keystone_protector::ProtectorError;
use serde::{Deserialize, Serialize};

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What failed, and on which object.
    pub message: String,
    /// What to do next, often a command.
    pub fix: Option<String>,
}

impl Refusal {
    /// Without advice, where there is none.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), fix: None }
    }

    /// With advice.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("cannot {verb} `{}`: {error}", path.display()))
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.fix {
            Some(fix) => write!(f, "\n  next: {fix}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<ProtectorError> for Refusal {
    fn from(error: ProtectorError) -> Self {
        Self::new(error.to_string())
    }
}
