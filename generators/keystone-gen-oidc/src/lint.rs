//! Whether a policy can do what it says.
//!
//! IAM stores a policy that names unknown actions, or conditions on keys that a request never has, and then denies
//! everything. Each rule here refuses one way to write such a policy; [`lint`] reports all mistakes together.

use std::fmt;

use crate::iam::{Action, KeyType, Service, Table, same_key};
use crate::policy::{Effect, Policy, Statement, VERSION};

/// A mistake in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Which statement, from 1.
    pub statement: usize,
    /// The statement's name.
    pub sid: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "statement {} (`{sid}`): {}", self.statement, self.message),
            None => write!(f, "statement {}: {}", self.statement, self.message),
        }
    }
}

/// Every mistake of a policy of permissions: of a role, or of a bucket.
#[must_use]
pub fn lint(policy: &Policy, table: &Table) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (n, statement) in policy.statement.iter().enumerate() {
        let mut messages = Vec::new();
        if n == 0 && policy.version != VERSION {
            messages.push(format!("the policy's version is `{}`; write `{VERSION}`", policy.version));
        }
        check(statement, table, &mut messages);
        let sid = statement.sid.clone();
        let named = |message| Mistake { statement: n + 1, sid: sid.clone(), message };
        mistakes.extend(messages.into_iter().map(named));
    }
    mistakes
}

fn check(statement: &Statement, table: &Table, messages: &mut Vec<String>) {
    let Some(resources) = &statement.resource else {
        messages.push("no resource is named; write `Resource`".to_owned());
        return;
    };
    for name in statement.action.iter() {
        if name.contains(['*', '?']) {
            wildcard(name, statement, table, messages);
            continue;
        }
        let Some((service, action)) = table.action(name) else {
            messages.push(unknown(name, table));
            continue;
        };
        let known = Known { name, service, action, table };
        for arn in resources.iter() {
            known.resource(arn, messages);
        }
        for (operator, keys) in &statement.condition {
            for (key, values) in keys {
                known.key(operator, key, resources.iter(), messages);
                if values.0.is_empty() {
                    messages.push(format!("the condition `{operator}` on `{key}` has no value"));
                }
            }
        }
        tagging(name, statement, messages);
    }
}

/// Wildcards grant what nobody has listed. To close everything is fine, under conditions that every request has.
fn wildcard(name: &str, statement: &Statement, table: &Table, messages: &mut Vec<String>) {
    if statement.effect == Effect::Allow {
        messages.push(format!("`{name}` allows actions that nobody has listed; name each"));
        return;
    }
    for key in statement.condition.values().flat_map(|keys| keys.keys()) {
        if !table.is_global(key) {
            messages.push(format!(
                "`{name}` stands for actions that do not all support the condition key `{key}`; name the actions"
            ));
        }
    }
}

fn unknown(name: &str, table: &Table) -> String {
    let service = name.split_once(':').and_then(|(prefix, _)| table.services.get_key_value(prefix));
    if let Some((prefix, service)) = service {
        let known: Vec<_> = service.actions.keys().map(String::as_str).collect();
        return format!(
            "`{name}` is not in the table of actions; it knows of `{prefix}`: {}",
            known.join(", ")
        );
    }
    let known: Vec<_> = table.services.keys().map(String::as_str).collect();
    format!("`{name}` is of no service in the table of actions; it knows {}", known.join(", "))
}

/// Tags decide what the cluster may touch. Who may tag anything may bring anything into reach.
fn tagging(name: &str, statement: &Statement, messages: &mut Vec<String>) {
    let bound = |key: &String| {
        key.eq_ignore_ascii_case("ec2:CreateAction") || same_key("aws:ResourceTag/${TagKey}", key)
    };
    // `...IfExists`, `Null` and `...Not...` hold for foreign resources too.
    let equal =
        ["StringEquals", "StringLike"].iter().filter_map(|operator| statement.condition.get(*operator));
    if name.eq_ignore_ascii_case("ec2:CreateTags")
        && statement.effect == Effect::Allow
        && !equal.flat_map(|keys| keys.keys()).any(bound)
    {
        messages.push(format!(
            "`{name}` may tag resources that are not the cluster's, and so bring them into its reach; add a condition \
             on `ec2:CreateAction` (only while creating) or `aws:ResourceTag/${{TagKey}}`"
        ));
    }
}

struct Known<'a> {
    name: &'a str,
    service: &'a Service,
    action: &'a Action,
    table: &'a Table,
}

impl Known<'_> {
    fn resource(&self, arn: &str, messages: &mut Vec<String>) {
        if arn == "*" || !self.service.types_of(self.action, arn).is_empty() {
            return;
        }
        let name = self.name;
        if self.action.resources.is_empty() {
            messages
                .push(format!("`{name}` works on no single resource, so `{arn}` allows nothing; write `*`"));
            return;
        }
        let forms: Vec<(&String, &String)> = self
            .action
            .resources
            .keys()
            .filter_map(|kind| self.service.resources.get(kind).map(|form| (kind, form)))
            .collect();
        // Where there are many, the one that was meant tells most.
        let meant = |kind: &str| arn.rsplit([':', '/']).any(|part| part == kind);
        let shown: Vec<String> =
            forms
                .iter()
                .map(|(kind, form)| {
                    if forms.len() <= 3 || meant(kind) {
                        format!("{kind} (`{form}`)")
                    } else {
                        (*kind).clone()
                    }
                })
                .collect();
        messages.push(format!("`{name}` does not work on `{arn}`; it works on {}", shown.join(", ")));
    }

    fn key<'a>(
        &self,
        operator: &str,
        key: &str,
        resources: impl Iterator<Item = &'a str>,
        messages: &mut Vec<String>,
    ) {
        let has = |keys: &[String]| keys.iter().any(|known| same_key(known, key));
        if let Some(message) = fits(operator, key, self.table.key_type(self.service, key)) {
            messages.push(message);
        }
        if self.table.is_global(key) || has(&self.action.keys) {
            return;
        }
        let mut lacking: Vec<&str> = Vec::new();
        let mut any = false;
        for arn in resources {
            let types = self.service.types_of(self.action, arn);
            let required = |kind: &&str| self.action.resources.get(*kind).is_some_and(|used| used.required);
            // `*` names every type, and a request only has those that it must have for sure.
            let must: Vec<_> = if arn == "*" && types.iter().any(required) {
                types.into_iter().filter(required).collect()
            } else {
                types
            };
            for kind in must {
                if self.action.resources.get(kind).is_some_and(|used| has(&used.keys)) {
                    any = true;
                } else if !lacking.contains(&kind) {
                    lacking.push(kind);
                }
            }
        }
        // An `...IfExists` may be absent for some, and must be possible for one.
        if any && (lacking.is_empty() || operator.ends_with("IfExists")) {
            return;
        }
        messages.push(self.unsupported(key, &lacking));
    }

    fn unsupported(&self, key: &str, lacking: &[&str]) -> String {
        let name = self.name;
        let having: Vec<_> = self
            .action
            .resources
            .iter()
            .filter(|(_, used)| used.keys.iter().any(|known| same_key(known, key)))
            .map(|(kind, _)| kind.as_str())
            .collect();
        let on = if lacking.is_empty() { String::new() } else { format!(" for {}", lacking.join(", ")) };
        if !having.is_empty() {
            return format!(
                "`{name}` does not support the condition key `{key}`{on}; it supports it for {}, so name those \
                 resources in a statement of their own",
                having.join(", ")
            );
        }
        let mut supported: Vec<&str> = self.action.keys.iter().map(String::as_str).collect();
        for kind in lacking {
            let more = self.action.resources.get(*kind).map(|used| used.keys.as_slice()).unwrap_or_default();
            supported.extend(more.iter().map(String::as_str));
        }
        supported.sort_unstable();
        supported.dedup();
        let supported = if supported.is_empty() {
            "only keys that every request has, such as `aws:RequestedRegion`".to_owned()
        } else {
            supported.join(", ")
        };
        format!("`{name}` does not support the condition key `{key}`{on}; it supports {supported}")
    }
}

/// Whether an operator compares values of a key's type; if not, why.
fn fits(operator: &str, key: &str, kind: Option<KeyType>) -> Option<String> {
    let kind = kind?;
    let (set, plain) = match operator.split_once(':') {
        Some(("ForAllValues" | "ForAnyValue", plain)) => (true, plain),
        Some(_) => return Some(format!("`{operator}` is no operator")),
        None => (false, operator),
    };
    let plain = plain.strip_suffix("IfExists").unwrap_or(plain);
    if plain == "Null" {
        return None;
    }
    let text = [
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
    ];
    let arn = ["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"];
    let stem = |stem: &str| {
        ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
            .iter()
            .any(|end| plain.strip_prefix(stem) == Some(end))
    };
    let compares = match kind {
        KeyType::String | KeyType::ArrayOfString => text.contains(&plain),
        KeyType::Arn | KeyType::ArrayOfArn => arn.contains(&plain) || text.contains(&plain),
        KeyType::Numeric => stem("Numeric"),
        KeyType::Date => stem("Date"),
        KeyType::Bool => plain == "Bool",
        KeyType::IpAddress => ["IpAddress", "NotIpAddress"].contains(&plain),
    };
    if !compares {
        return Some(format!(
            "`{operator}` does not compare values of `{key}`, which are of the type {kind:?}"
        ));
    }
    let several = matches!(kind, KeyType::ArrayOfString | KeyType::ArrayOfArn);
    if several && !set {
        return Some(format!(
            "`{key}` has several values, and `{operator}` compares one; write `ForAllValues:{operator}` or \
             `ForAnyValue:{operator}`"
        ));
    }
    None
}
