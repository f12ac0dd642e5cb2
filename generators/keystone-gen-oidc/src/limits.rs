//! How long documents may be, and how a long one becomes several.

use thiserror::Error;

use crate::policy::{Policy, Statement};

/// Most characters of a managed policy, without white space (IAM quotas).
pub const MANAGED_POLICY: usize = 6_144;
/// Most characters of a trust policy, without white space. AWS raises it on request; we do not count on that.
pub const TRUST_POLICY: usize = 2_048;
/// Most characters of a bucket policy: 20 KB (S3 quotas).
pub const BUCKET_POLICY: usize = 20 * 1_024;
/// Most managed policies of one role, unless AWS raised it.
pub const POLICIES_OF_A_ROLE: usize = 10;

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitError {
    /// A document.
    #[error("has {size} characters without white space; AWS takes at most {limit}{hint}")]
    Document {
        /// Its size.
        size: usize,
        /// What AWS takes.
        limit: usize,
        /// What would help, after a semicolon.
        hint: &'static str,
    },
    /// A statement that does not fit into a document of its own.
    #[error(
        "has a {title} that alone needs {size} characters without white space; AWS takes at most 6144 in a policy"
    )]
    Statement {
        /// The statement.
        title: String,
        /// Size of a document that holds only it.
        size: usize,
    },
    /// More documents than can be attached.
    #[error("needs {0} policies, and AWS attaches at most 10 to a role")]
    Policies(usize),
}

/// Characters of a document as IAM counts them: all but white space.
#[must_use]
pub fn size(policy: &Policy) -> usize {
    // A policy of strings and lists always serialises; if it did not, it would count as too long.
    serde_json::to_string(policy)
        .map_or(usize::MAX, |text| text.chars().filter(|c| !c.is_whitespace()).count())
}

/// Whether a document fits into `limit`.
///
/// # Errors
/// When it is too long; the message ends with `hint`.
pub fn fits(policy: &Policy, limit: usize, hint: &'static str) -> Result<(), LimitError> {
    let size = size(policy);
    if size <= limit { Ok(()) } else { Err(LimitError::Document { size, limit, hint }) }
}

/// The statements, in their order, in as few managed policies as that order allows. All are attached to one role, so
/// it makes no difference in which of them a statement stands.
///
/// # Errors
/// When one statement is too long by itself, or there are more documents than can be attached.
pub fn split(statements: Vec<Statement>) -> Result<Vec<Policy>, LimitError> {
    let mut policies: Vec<Policy> = Vec::new();
    for (index, statement) in statements.into_iter().enumerate() {
        if let Some(last) = policies.last_mut() {
            last.statement.push(statement.clone());
            if size(last) <= MANAGED_POLICY {
                continue;
            }
            last.statement.pop();
        }
        let title = statement.title(index);
        let policy = Policy::new(vec![statement]);
        let size = size(&policy);
        if size > MANAGED_POLICY {
            return Err(LimitError::Statement { title, size });
        }
        policies.push(policy);
    }
    if policies.len() > POLICIES_OF_A_ROLE {
        return Err(LimitError::Policies(policies.len()));
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(n: usize, length: usize) -> Statement {
        Statement::allow(&format!("S{n:02}"), &["s3:GetObject"]).on(["a".repeat(length)])
    }

    #[test]
    fn white_space_does_not_count() {
        let policy = Policy::new(vec![Statement::allow("A", &["s3:GetObject"]).on(["b c"])]);
        let pretty = serde_json::to_string_pretty(&policy).unwrap();
        assert_eq!(size(&policy), pretty.chars().filter(|c| !c.is_whitespace()).count());
    }

    #[test]
    fn a_policy_is_filled_to_the_last_character() {
        let empty = size(&Policy::new(vec![statement(0, 1)])) - 1;
        assert_eq!(split(vec![statement(0, MANAGED_POLICY - empty)]).unwrap().len(), 1);
        let error = split(vec![statement(0, MANAGED_POLICY - empty + 1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "has a statement `S00` that alone needs 6145 characters without white space; AWS takes at most 6144 in a policy"
        );
    }

    #[test]
    fn statements_keep_their_order_and_none_is_lost() {
        let statements: Vec<Statement> = (0..9).map(|n| statement(n, 2_000)).collect();
        let policies = split(statements.clone()).unwrap();
        assert_eq!(policies.len(), 5);
        assert!(policies.iter().all(|policy| size(policy) <= MANAGED_POLICY));
        let back: Vec<Statement> = policies.into_iter().flat_map(|policy| policy.statement).collect();
        assert_eq!(back, statements);
    }

    #[test]
    fn a_role_takes_ten_policies() {
        let of = |n| split((0..n).map(|n| statement(n, 4_000)).collect());
        assert_eq!(of(10).unwrap().len(), 10);
        assert_eq!(
            of(11).unwrap_err().to_string(),
            "needs 11 policies, and AWS attaches at most 10 to a role"
        );
    }
}
