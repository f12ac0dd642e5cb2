//! The reader of policies against the raw table, for every action, resource type and condition key there is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

use std::collections::BTreeSet;

use keystone_gen_oidc::lint;
use keystone_gen_oidc::policy::{Operator, Policy, Statement, Test};
use serde_json::Value;

fn table() -> Value {
    let mut table: Value = serde_json::from_str(include_str!("../data/service-authorization.json")).unwrap();
    let additions: Value = serde_json::from_str(include_str!("../data/additions.json")).unwrap();
    for addition in additions["additions"].as_array().unwrap() {
        let (service, action) = addition["action"].as_str().unwrap().split_once(':').unwrap();
        let resource = addition["resource"].as_str().unwrap();
        let resources = &mut table["services"][service]["actions"][action]["resources"];
        let mut keys = strings(&resources[resource]["keys"]);
        keys.extend(strings(&addition["keys"]));
        resources[resource] = serde_json::json!({ "required": false, "keys": keys });
    }
    table
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// `text` with each `${Variable}` and `<variable>` filled in.
fn fill(text: &str, value: impl Fn(&str) -> &'static str) -> String {
    let mut rest = text.replace('<', "${").replace('>', "}");
    while let Some(start) = rest.find("${") {
        let end = start + rest[start..].find('}').unwrap();
        let filled = value(&rest[start + 2..end]);
        rest.replace_range(start..=end, filled);
    }
    rest
}

fn arn(template: &str) -> String {
    fill(template, |variable| match variable {
        "Partition" => "aws",
        "Region" => "eu-central-1",
        "Account" => "123456789012",
        _ => "some",
    })
}

/// An operator and a value that fit the type of a key.
fn comparison(kind: &str) -> (Operator, &'static str) {
    let (many, kind) = kind.strip_prefix("ArrayOf").map_or((false, kind), |kind| (true, kind));
    let (test, value) = match kind {
        "String" => (Test::StringEquals, "a"),
        "Numeric" => (Test::NumericEquals, "1"),
        "Bool" => (Test::Bool, "true"),
        "Date" => (Test::DateLessThan, "2030-01-01T00:00:00Z"),
        "ARN" => (Test::ArnEquals, "arn:aws:iam::123456789012:role/a"),
        other => panic!("no operator for {other}"),
    };
    (if many { Operator::for_any(test) } else { Operator::plain(test) }, value)
}

#[test]
fn a_key_is_accepted_exactly_where_the_table_lists_it() {
    let table = table();
    let (mut accepted, mut refused) = (0, 0);
    for (prefix, service) in table["services"].as_object().unwrap() {
        let types = service["keyTypes"].as_object().unwrap();
        for (name, action) in service["actions"].as_object().unwrap() {
            let resources = action["resources"].as_object().unwrap();
            let mut places: Vec<(String, BTreeSet<String>)> = resources
                .iter()
                .map(|(kind, of)| (arn(service["resources"][kind].as_str().unwrap()), strings(&of["keys"])))
                .collect();
            if places.is_empty() {
                places.push(("*".to_owned(), BTreeSet::new()));
            }
            for (resource, here) in places {
                for (key, kind) in types {
                    let (operator, value) = comparison(kind.as_str().unwrap());
                    let filled = fill(key, |_| "team");
                    let mut statement = Statement::allow("One", &[&format!("{prefix}:{name}")])
                        .on([resource.as_str()])
                        .when(operator, &filled, [value]);
                    // A right to tag must be bound to something, whatever else it asks for.
                    if name == "CreateTags" {
                        let create = Operator::plain(Test::StringEquals);
                        statement = statement.when(create, "ec2:CreateAction", ["RunInstances"]);
                    }
                    let judged = lint::attached_to_role(&Policy::new(vec![statement]));
                    let listed = here.contains(key) || strings(&action["keys"]).contains(key);
                    assert_eq!(
                        judged.is_ok(),
                        listed,
                        "{prefix}:{name} on {resource} with {filled}: {judged:?}"
                    );
                    if listed { accepted += 1 } else { refused += 1 }
                }
            }
        }
    }
    assert!(accepted > 1_000 && refused > 5_000, "{accepted} accepted, {refused} refused");
}
