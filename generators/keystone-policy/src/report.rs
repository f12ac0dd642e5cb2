//! The verdict on a policy.

use serde::Serialize;

/// Something that Headscale refuses, or accepts although it hardly means what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong, with the value, and what would be right.
    pub message: String,
    /// The place as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The verdict on a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether Headscale would load it.
    pub accepted: bool,
    /// Why it would not.
    pub errors: Vec<Finding>,
    /// What it loads although it opens everything or matches nothing.
    pub warnings: Vec<Finding>,
}

impl Report {
    /// The same with every warning as an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.errors.append(&mut self.warnings);
        self.errors.sort_by_key(|finding| (finding.line, finding.column));
        self.accepted = self.errors.is_empty();
        self
    }
}
