//! Mistakes in an inventory: where they are, what is wrong, and what would be right.

use std::fmt;

use crate::redact::shown;

/// A step on the way from the top of the inventory to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// A place in an array, from 0.
    Index(usize),
}

/// The way from the top of the inventory to a value: `nodes.worker-1.roles[0]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(Vec<Step>);

impl At {
    /// The place of a top-level table.
    #[must_use]
    pub fn table(name: &str) -> Self {
        Self::default().key(name)
    }

    /// One key further in.
    #[must_use]
    pub fn key(mut self, key: impl fmt::Display) -> Self {
        self.0.push(Step::Key(key.to_string()));
        self
    }

    /// One array element further in.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this place is `other` or lies inside it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let is_bare = !key.is_empty()
                        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                    let dot = if n == 0 { "" } else { "." };
                    if is_bare {
                        write!(f, "{dot}{key}")?;
                    } else {
                        // As TOML has it: labels hold dots and slashes.
                        write!(f, "{dot}\"{}\"", shown(key))?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is rendered.
    Error,
    /// Everything is rendered, and the finding is shown.
    Warning,
}

/// A mistake, or something that looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub at: At,
    /// What is wrong, with the value.
    pub message: String,
    /// What would be right.
    pub fix: String,
    /// Tables that the finding rests on. Where one of them could not be read whole, the finding is dropped.
    pub(crate) rests_on: &'static [&'static str],
    /// Whether the key at the place is meant, and not its value.
    pub(crate) is_about_key: bool,
}

impl Problem {
    /// A mistake.
    pub fn error(at: At, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            at,
            message: message.into(),
            fix: fix.into(),
            rests_on: &[],
            is_about_key: false,
        }
    }

    /// Something that looks like a mistake.
    pub fn warning(at: At, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, message, fix) }
    }

    /// Says that the key is meant, and not its value.
    pub(crate) fn about_key(mut self) -> Self {
        self.is_about_key = true;
        self
    }

    /// Names the tables that the finding rests on.
    pub(crate) fn resting_on(mut self, tables: &'static [&'static str]) -> Self {
        self.rests_on = tables;
        self
    }
}
