//! The rules that a well-typed inventory must obey, one file per subject.
//!
//! Each rule reports every violation with its place; none stops at the first.

mod access;
mod addresses;
mod areas;
mod cloud;
mod machines;
pub mod mesh;
mod names;
mod people;

use crate::problem::{At, Problem};
use crate::tables::Cluster;

/// Every violation of every rule, in no particular order.
#[must_use]
pub fn validate(cluster: &Cluster) -> Vec<Problem> {
    let mut problems = Vec::new();
    if cluster.schema != 1 {
        problems.push(Problem::error(
            At::table("schema"),
            format!("`schema = {}` is a format that this version does not know", cluster.schema),
            "write `schema = 1`",
        ));
    }
    names::check(cluster, &mut problems);
    people::check(cluster, &mut problems);
    machines::check(cluster, &mut problems);
    mesh::check(cluster, &mut problems);
    addresses::check(cluster, &mut problems);
    access::check(cluster, &mut problems);
    cloud::check(cluster, &mut problems);
    areas::check(cluster, &mut problems);
    problems
}

/// `a`, `b` and `c`, each in backticks.
fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = items.into_iter().map(|item| format!("`{}`", item.to_string())).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
