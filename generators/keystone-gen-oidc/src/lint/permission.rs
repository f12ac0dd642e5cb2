//! Policies that allow or deny actions: on a role, and on a bucket.

use std::collections::BTreeSet;

use super::{Problem, Violation, Violations};
use crate::arn;
use crate::iam::{Action, Service, Table, has};
use crate::policy::{Effect, Operator, Policy, Principal, Statement, Test, VERSION, Values};

/// Judges a policy of a role.
///
/// # Errors
/// Everything that is wrong with it.
pub fn attached_to_role(policy: &Policy) -> Result<(), Violations> {
    judge(policy, |statement| {
        statement
            .principal
            .is_some()
            .then_some("names a principal, and belongs to a role, which is the principal")
    })
}

/// Judges a policy of a bucket. Ours only deny, so they may be about everyone.
///
/// # Errors
/// Everything that is wrong with it.
pub fn attached_to_bucket(policy: &Policy) -> Result<(), Violations> {
    judge(policy, |statement| match (&statement.principal, statement.effect) {
        (None, _) => Some("names no principal; write `\"*\"` for everyone"),
        (Some(Principal::Everyone(_)), Effect::Allow) => Some("allows everyone in the world"),
        _ => None,
    })
}

fn judge(policy: &Policy, principal: impl Fn(&Statement) -> Option<&'static str>) -> Result<(), Violations> {
    let mut violations = Vec::new();
    if policy.version != VERSION {
        let problem = Problem::Version(policy.version.clone());
        violations.push(Violation { statement: "the document".to_owned(), problem });
    }
    if policy.statement.is_empty() {
        violations
            .push(Violation { statement: "the document".to_owned(), problem: Problem::Lacks("statement") });
    }
    for (index, statement) in policy.statement.iter().enumerate() {
        let mut problems = Vec::new();
        if statement.sid.is_some()
            && policy.statement[..index].iter().any(|earlier| earlier.sid == statement.sid)
        {
            problems.push(Problem::SameName);
        }
        problems.extend(principal(statement).map(Problem::Principal));
        judge_statement(statement, &mut problems);
        let title = statement.title(index);
        violations
            .extend(problems.into_iter().map(|problem| Violation { statement: title.clone(), problem }));
    }
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

fn judge_statement(statement: &Statement, problems: &mut Vec<Problem>) {
    if statement.action.is_empty() {
        problems.push(Problem::Lacks("action"));
    }
    if statement.resource.is_empty() {
        problems.push(Problem::Lacks("resource"));
    }
    for name in &statement.action {
        match find(name, statement.effect) {
            Ok(actions) => {
                for (name, service, action) in &actions {
                    judge_action(name, service, action, statement, actions.len() > 1, problems);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
}

type Found = (String, &'static Service, &'static Action);

/// The actions that `name` stands for. A pattern for all of a service is fine in a `Deny`: what the table leaves out is
/// denied as well.
fn find(name: &str, effect: Effect) -> Result<Vec<Found>, Problem> {
    let table = Table::get();
    let (prefix, action) = name.split_once(':').unwrap_or(("", name));
    let service = table.service(prefix).ok_or_else(|| {
        let known: Vec<&str> = table.services().collect();
        Problem::NoAction {
            action: name.to_owned(),
            hint: format!("it has the services {}", known.join(", ")),
        }
    })?;
    if action == "*" && effect == Effect::Deny {
        return Ok(service
            .actions()
            .map(|(name, action)| (format!("{prefix}:{name}"), service, action))
            .collect());
    }
    if action.contains(['*', '?']) {
        return Err(Problem::Pattern(name.to_owned()));
    }
    let found = service.action(action).ok_or_else(|| {
        let same = service.actions().map(|(known, _)| known).find(|known| known.eq_ignore_ascii_case(action));
        let hint = match same {
            Some(known) => format!("write `{prefix}:{known}`"),
            None => format!("if {prefix} has it, add it to `data/service-authorization.json`"),
        };
        Problem::NoAction { action: name.to_owned(), hint }
    })?;
    Ok(vec![(name.to_owned(), service, found)])
}

fn judge_action(
    name: &str,
    service: &Service,
    action: &Action,
    statement: &Statement,
    by_pattern: bool,
    problems: &mut Vec<Problem>,
) {
    let types = match types(name, service, action, statement, by_pattern) {
        Ok(types) => types,
        Err(problem) => return push(problems, problem),
    };
    for (operator, keys) in &statement.condition {
        for (key, values) in keys {
            if let Some(problem) = judge_key(name, service, action, &types, (*operator, key, values)) {
                push(problems, problem);
            }
        }
    }
    let names = |prefix: &str| {
        statement.condition.values().flat_map(|keys| keys.keys()).any(|key| key.starts_with(prefix))
    };
    let tells_creation = has(&action.keys, "ec2:CreateAction");
    let scoped =
        ["ec2:CreateAction", "aws:ResourceTag/", "ec2:ResourceTag/"].iter().any(|prefix| names(prefix));
    if statement.effect == Effect::Allow && action.level == "Tagging" && tells_creation && !scoped {
        push(problems, Problem::Tagging(name.to_owned()));
    }
}

/// A fault of a key is the same for each of a statement's actions; once is enough.
fn push(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

/// The types of the resources of `statement` that `action` is about.
fn types<'a>(
    name: &str,
    service: &Service,
    action: &'a Action,
    statement: &Statement,
    by_pattern: bool,
) -> Result<BTreeSet<&'a str>, Problem> {
    let mut types = BTreeSet::new();
    for resource in &statement.resource {
        let before = types.len();
        let all = action.resources.iter();
        if resource == "*" {
            // Every request is about each required type. Where none is, it may be about any.
            let required: BTreeSet<&str> =
                all.clone().filter(|(_, of)| of.required).map(|(kind, _)| kind.as_str()).collect();
            types.extend(if required.is_empty() {
                all.map(|(kind, _)| kind.as_str()).collect()
            } else {
                required
            });
            continue;
        }
        types.extend(
            all.filter(|(kind, _)| {
                service.template(kind).is_some_and(|template| arn::names(resource, template))
            })
            .map(|(kind, _)| kind.as_str()),
        );
        // Two ARNs of one type add nothing to the set, so ask for this ARN itself. A pattern of actions is denied on
        // what each of them is about.
        let about =
            |kind: &&str| service.template(kind).is_some_and(|template| arn::names(resource, template));
        if types.len() == before && !types.iter().any(about) && !by_pattern {
            let known: Vec<&str> = action.resources.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "no resource: write `*`".to_owned() } else { known.join(", ") };
            return Err(Problem::Resource {
                action: name.to_owned(),
                resource: resource.clone(),
                types: known,
            });
        }
    }
    Ok(types)
}

fn judge_key(
    name: &str,
    service: &Service,
    action: &Action,
    types: &BTreeSet<&str>,
    (operator, key, values): (Operator, &str, &Values),
) -> Option<Problem> {
    let kind = match Table::get().global_type(key) {
        Some(kind) => kind,
        None if types.iter().all(|kind| action.knows(key, kind))
            && (!types.is_empty() || has(&action.keys, key)) =>
        {
            service.key_type(key)?
        }
        None => return Some(unknown(name, action, types, key)),
    };
    if values.0.is_empty() {
        return Some(Problem::NoValue { key: key.to_owned() });
    }
    let (many, kind) = match kind.strip_prefix("ArrayOf") {
        Some(kind) => (true, kind),
        None => (false, kind),
    };
    // `Null` asks whether a key is there at all.
    if operator.test == Test::Null {
        let truth = values.0.iter().all(|value| value == "true" || value == "false");
        return (!truth).then(|| Problem::Type {
            operator,
            key: key.to_owned(),
            kind: "true or false".to_owned(),
        });
    }
    if operator.test.key_type() != kind {
        return Some(Problem::Type { operator, key: key.to_owned(), kind: kind.to_owned() });
    }
    match (many, operator.quantifier) {
        (true, None) => Some(Problem::Set {
            operator,
            key: key.to_owned(),
            values: "several values",
            right: "with `ForAllValues:` or `ForAnyValue:`",
        }),
        (false, Some(_)) => Some(Problem::Set {
            operator,
            key: key.to_owned(),
            values: "one value",
            right: "without `For…:`",
        }),
        _ => None,
    }
}

/// What to say of a key that is unknown on some of `types`.
fn unknown(name: &str, action: &Action, types: &BTreeSet<&str>, key: &str) -> Problem {
    let on: Vec<String> =
        types.iter().filter(|kind| !action.knows(key, kind)).map(|kind| (*kind).to_owned()).collect();
    let mut there: BTreeSet<String> = action.keys.clone();
    let mut common = on.iter().filter_map(|kind| action.resources.get(kind)).map(|of| of.keys.clone());
    if let Some(first) = common.next() {
        there.extend(common.fold(first, |all, keys| all.intersection(&keys).cloned().collect()));
    }
    let elsewhere = action.resources.keys().filter(|kind| action.knows(key, kind)).cloned().collect();
    Problem::Key {
        action: name.to_owned(),
        key: key.to_owned(),
        on,
        there: there.into_iter().collect(),
        elsewhere,
    }
}
