//! Reader of structural schemas: the dialect of `OpenAPI` v3 in which Kubernetes describes custom objects.
//!
//! It works on the rendered JSON and knows nothing of the Rust types, so that it judges what a cluster
//! would be given. [`check`] applies the rules of the API server (apiextensions v1) and some of our own:
//! every field is described, every CEL rule has a message, and whatever CEL walks over is bounded.

mod cel;
mod defaults;
mod keywords;
mod lists;
mod prune;
mod structural;

use std::fmt;

use serde_json::Value;

pub use prune::{Pruned, prune, without_nulls};

/// Something in a manifest that a cluster would refuse, or that we do not want.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, as the API server writes it: `spec.names.plural`, `openAPIV3Schema.properties[spec].type`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.message)
    }
}

/// Judges a schema (`openAPIV3Schema`) by every rule; the problems are ordered by path.
#[must_use]
pub fn check(schema: &Value, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    structural::check(schema, path, &mut problems);
    lists::check(schema, path, &mut problems);
    defaults::check(schema, path, &mut problems);
    cel::check(schema, path, &mut problems);
    problems.sort();
    problems.dedup();
    problems
}

/// One step down from a node to a node that describes a part of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A named property.
    Property(&'a str),
    /// The elements of a list.
    Items,
    /// The values of a map.
    Values,
}

/// The nodes right below a node, without those in `allOf`, `anyOf`, `oneOf` and `not`.
pub(crate) fn children(node: &Value) -> impl Iterator<Item = (Step<'_>, &Value)> {
    let properties = node["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, child)| (Step::Property(name), child))
        .chain(node.get("items").map(|child| (Step::Items, child)))
        .chain(
            node.get("additionalProperties")
                .filter(|child| child.is_object())
                .map(|child| (Step::Values, child)),
        )
}

/// The path of a child as the API server writes it.
pub(crate) fn child_path(path: &str, step: Step<'_>) -> String {
    match step {
        Step::Property(name) => format!("{path}.properties[{name}]"),
        Step::Items => format!("{path}.items"),
        Step::Values => format!("{path}.additionalProperties"),
    }
}

/// Calls `visit` for a node and every node below it.
pub(crate) fn walk<'a>(node: &'a Value, path: &str, visit: &mut impl FnMut(&'a Value, &str)) {
    visit(node, path);
    for (step, child) in children(node) {
        walk(child, &child_path(path, step), visit);
    }
}

/// Whether a flag such as `x-kubernetes-int-or-string` is set.
pub(crate) fn flag(node: &Value, name: &str) -> bool {
    node.get(name) == Some(&Value::Bool(true))
}
