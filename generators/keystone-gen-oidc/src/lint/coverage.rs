//! The policies of a role together: whether each action that is allowed can ever be allowed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, Violation, Violations};
use crate::arn;
use crate::iam::Table;
use crate::policy::{Effect, Statement};

/// Judges all statements of a role. A request is authorised once for each of its resources, so an action that is
/// allowed on some of the types that every request is about, and on others not, is always denied: `ec2:RunInstances`
/// without a subnet starts no machine.
///
/// # Errors
/// Every action that is allowed in vain.
pub fn of_role(statements: &[Statement]) -> Result<(), Violations> {
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        for action in &statement.action {
            allowed.entry(action).or_default().extend(statement.resource.iter().map(String::as_str));
        }
    }
    let missing = |name: &str, resources: &BTreeSet<&str>| -> Vec<String> {
        let found = name.split_once(':').and_then(|(prefix, action)| {
            let service = Table::get().service(prefix)?;
            Some((service, service.action(action)?))
        });
        // An action that the table does not know is refused elsewhere.
        let Some((service, action)) = found else { return vec![] };
        let required = action.resources.iter().filter(|(_, of)| of.required).map(|(kind, _)| kind);
        let named = |kind: &String| {
            service.template(kind).is_some_and(|template| {
                resources.iter().any(|resource| *resource == "*" || arn::names(resource, template))
            })
        };
        required.filter(|kind| !named(kind)).cloned().collect()
    };
    let violations: Vec<Violation> = allowed
        .iter()
        .map(|(action, resources)| (*action, missing(action, resources)))
        .filter(|(_, missing)| !missing.is_empty())
        .map(|(action, missing)| Violation {
            statement: "the role".to_owned(),
            problem: Problem::InVain { action: action.to_owned(), missing: missing.join(", ") },
        })
        .collect();
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
