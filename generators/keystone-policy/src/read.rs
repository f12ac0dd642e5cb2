//! From a value to the typed policy. Whatever does not fit is reported, and reading goes on.

mod fields;
mod go_duration;
mod rules;
mod tables;

pub use tables::tag_name;

use fields::{Fields, items};

use crate::json::{Kind, Value};
use crate::place::{Place, Problems};
use crate::policy::{AutoApprovers, Policy};

/// Reads a document. Headscale takes `null` for a policy without anything, which allows everything.
pub fn policy(value: &Value, problems: &mut Problems) -> Policy {
    let top = Place { offset: value.offset, pointer: String::new() };
    let mut policy = Policy::default();
    if value.kind == Kind::Null {
        duplicates(value, &top, problems);
        return policy;
    }
    duplicates(value, &top, problems);
    let Some(mut fields) = Fields::of(value, &top, problems) else { return policy };
    if let Some((value, place)) = fields.take("groups", problems) {
        policy.groups = tables::groups(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("hosts", problems) {
        policy.hosts = tables::hosts(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("tagOwners", problems) {
        policy.tag_owners = tables::tag_owners(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("acls", problems) {
        policy.acls = items(value, &place, problems)
            .map(|list| list.into_iter().map(|(v, p)| rules::acl(v, p, problems)).collect());
    }
    if let Some((value, place)) = fields.take("grants", problems) {
        policy.grants = items(value, &place, problems)
            .map(|list| list.into_iter().map(|(v, p)| rules::grant(v, p, problems)).collect());
    }
    if let Some((value, place)) = fields.take("nodeAttrs", problems) {
        let list = items(value, &place, problems).unwrap_or_default();
        policy.node_attrs = list.into_iter().map(|(v, p)| rules::node_attr(v, &p, problems)).collect();
    }
    if let Some((value, place)) = fields.take("autoApprovers", problems) {
        policy.auto_approvers = auto_approvers(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("ssh", problems) {
        let list = items(value, &place, problems).unwrap_or_default();
        policy.ssh = list.into_iter().map(|(v, p)| rules::ssh(v, p, problems)).collect();
    }
    if let Some((value, place)) = fields.take("tests", problems) {
        let list = items(value, &place, problems).unwrap_or_default();
        policy.tests = list.into_iter().map(|(v, p)| rules::test(v, p, problems)).collect();
    }
    if let Some((value, place)) = fields.take("sshTests", problems) {
        let list = items(value, &place, problems).unwrap_or_default();
        policy.ssh_tests = list.into_iter().map(|(v, p)| rules::ssh_test(v, p, problems)).collect();
    }
    if let Some((value, place)) = fields.take("randomizeClientPort", problems) {
        match &value.kind {
            Kind::Bool(flag) => policy.randomize_client_port = *flag,
            Kind::Null => {}
            other => {
                problems.push(&place, format!("{} stands where `true` or `false` belongs", other.name()));
            }
        }
    }
    fields.finish(problems);
    policy
}

fn auto_approvers(value: &Value, place: &Place, problems: &mut Problems) -> AutoApprovers {
    let mut approvers = AutoApprovers::default();
    let Some(mut fields) = Fields::of(value, place, problems) else { return approvers };
    if let Some((value, place)) = fields.take("routes", problems) {
        approvers.routes = tables::routes(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("exitNode", problems) {
        approvers.exit_node = tables::owners(value, &place, "an approver", problems);
    }
    fields.finish(problems);
    approvers
}

/// Names that stand twice in one object, at any depth. Headscale's decoder refuses them.
fn duplicates(value: &Value, place: &Place, problems: &mut Problems) {
    match &value.kind {
        Kind::Object(members) => {
            let mut seen = std::collections::BTreeSet::new();
            for (offset, name, inner) in members {
                let place = place.member(name, *offset);
                if !seen.insert(name) {
                    problems.push(&place, format!("`{name}` stands twice in one object; join the two"));
                }
                duplicates(inner, &place, problems);
            }
        }
        Kind::Array(list) => {
            for (n, inner) in list.iter().enumerate() {
                if matches!(inner.kind, Kind::Object(_) | Kind::Array(_)) {
                    duplicates(inner, &place.element(n, inner.offset), problems);
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
    }
}
