//! Whether a role may do an action on all that the action needs.
//!
//! IAM decides for every resource of a request on its own, and one denial denies the request. `AttachVolume` allowed on
//! volumes alone attaches nothing, as it needs a machine too. Statements of one role add up, whichever document they are
//! in.

use std::collections::{BTreeMap, BTreeSet};

use crate::iam::Table;
use crate::policy::{Effect, Policy, Texts};

/// What is missing: a line for each action that lacks a type of resource without which no request exists.
#[must_use]
pub fn gaps(policies: &[&Policy], table: &Table) -> Vec<String> {
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let statements = policies.iter().flat_map(|policy| &policy.statement);
    for statement in statements.filter(|statement| statement.effect == Effect::Allow) {
        for name in statement.action.iter() {
            let Some((service, action)) = table.action(name) else { continue };
            let kinds = allowed.entry(name).or_default();
            for arn in statement.resource.iter().flat_map(Texts::iter) {
                kinds.extend(service.types_of(action, arn));
            }
        }
    }
    let mut found = Vec::new();
    for (name, kinds) in allowed {
        let Some((_, action)) = table.action(name) else { continue };
        let lacking: Vec<_> = action
            .resources
            .iter()
            .filter(|(kind, used)| used.required && !kinds.contains(kind.as_str()))
            .map(|(kind, _)| kind.as_str())
            .collect();
        if !lacking.is_empty() {
            found.push(format!(
                "`{name}` needs {} in every request, and no statement of the role allows it there",
                lacking.join(", ")
            ));
        }
    }
    found
}
