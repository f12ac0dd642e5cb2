//! Judges policy documents by the table of actions: whether each statement can ever apply as it reads.
//!
//! IAM takes almost any document. No request carries a condition key that its action does not know, so a condition on
//! one is decided before anybody asks: `StringEquals` never holds, and the statement grants or forbids nothing;
//! `StringNotEquals` and everything with `IfExists` always holds, and the statement is wider than it looks.

mod coverage;
mod permission;
mod trust;

use std::fmt;

use thiserror::Error;

pub use coverage::of_role;
pub use permission::{attached_to_bucket, attached_to_role};
pub use trust::trust;

use crate::policy::Operator;

/// Everything that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, violation) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Something that is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{statement}: {problem}")]
pub struct Violation {
    /// The statement, by name or number.
    pub statement: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// An action that no service has.
    #[error("`{action}` is no action in the table; {hint}")]
    NoAction {
        /// The action.
        action: String,
        /// What the table has instead.
        hint: String,
    },
    /// An action with a `*` where it is not judged.
    #[error("`{0}` names actions by a pattern; name each one, so that it can be judged")]
    Pattern(String),
    /// A condition on a key that the action does not know.
    #[error("{}", unknown_key(.action, .key, .on, .there, .elsewhere))]
    Key {
        /// The action.
        action: String,
        /// The condition key.
        key: String,
        /// The resource types on which it is unknown; none if the action has no resources.
        on: Vec<String>,
        /// The keys that the action knows on all of those.
        there: Vec<String>,
        /// Other resource types on which the action knows the key.
        elsewhere: Vec<String>,
    },
    /// An operator for values of another type.
    #[error("`{operator}` cannot compare `{key}`, which is of the type {kind}")]
    Type {
        /// The operator.
        operator: Operator,
        /// The condition key.
        key: String,
        /// The key's type.
        kind: String,
    },
    /// A key with several values, compared as if it had one; or the reverse.
    #[error("`{key}` has {values}, so the operator `{operator}` must be written {right}")]
    Set {
        /// The operator.
        operator: Operator,
        /// The condition key.
        key: String,
        /// How many values it has.
        values: &'static str,
        /// How to write it.
        right: &'static str,
    },
    /// A condition without values, which nothing meets.
    #[error("`{key}` is compared with nothing; give at least one value")]
    NoValue {
        /// The condition key.
        key: String,
    },
    /// A resource that the action is not about.
    #[error("`{action}` is not about `{resource}`; it is about {types}")]
    Resource {
        /// The action.
        action: String,
        /// The resource.
        resource: String,
        /// The types of its resources.
        types: String,
    },
    /// An action that is allowed and can never be taken.
    #[error(
        "`{action}` is allowed, but on no {missing}, and every request is about those too: it is always denied"
    )]
    InVain {
        /// The action.
        action: String,
        /// The resource types on which nothing allows it.
        missing: String,
    },
    /// Tags of existing things, given away.
    #[error(
        "`{0}` without a condition on `ec2:CreateAction` or `aws:ResourceTag/…` also tags what exists already, and so \
         moves it into the reach of every statement that goes by tags"
    )]
    Tagging(String),
    /// A statement without a name, actions, or resources.
    #[error("has no {0}")]
    Lacks(&'static str),
    /// Two statements of one name, which IAM refuses.
    #[error("an earlier statement has this name already")]
    SameName,
    /// A statement that says who it is about where the role says it already, or not where nothing else does.
    #[error("{0}")]
    Principal(&'static str),
    /// A trust policy that lets in more than one service account.
    #[error("{0}")]
    Trust(String),
    /// A document in another version of the policy language.
    #[error("the version is `{0}`; it must be `2012-10-17`")]
    Version(String),
}

fn unknown_key(action: &str, key: &str, on: &[String], there: &[String], elsewhere: &[String]) -> String {
    let place = if on.is_empty() { String::new() } else { format!(" on {}", on.join(", ")) };
    let there = if there.is_empty() { "only global keys".to_owned() } else { there.join(", ") };
    let mut text = format!(
        "`{action}` knows no condition key `{key}`{place}, which therefore no request carries; it knows {}{there}",
        if on.is_empty() { "" } else { "there " },
    );
    if !elsewhere.is_empty() {
        text = format!("{text}; `{key}` it knows on {}", elsewhere.join(", "));
    }
    text
}
