//! Policies by other hands: every folder of `tests/policies` is a policy and what the lint says to it, a line for each
//! mistake. Those named `accepted-*` have none. `SNAPSHOTS=overwrite` writes the lines anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at a surprise"
)]

use std::path::Path;

use keystone_gen_oidc::documents::fit;
use keystone_gen_oidc::iam::Table;
use keystone_gen_oidc::lint::lint;
use keystone_gen_oidc::permissions::MAX_SIZE;
use keystone_gen_oidc::policy::{Policy, Statement};
use proptest::prelude::*;
use snapbox::Data;
use snapbox::data::DataFormat;

#[test]
fn each_policy_is_judged_as_written_beside_it() {
    let table = Table::load().unwrap();
    let mut count = 0;
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies").read_dir().unwrap() {
        let case = entry.unwrap().path();
        let policy: Policy =
            serde_json::from_str(&std::fs::read_to_string(case.join("policy.json")).unwrap()).unwrap();
        let lines: Vec<_> = lint(&policy, table).iter().map(ToString::to_string).collect();
        let mistakes = if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" };
        let accepted = case.file_name().unwrap().to_str().unwrap().starts_with("accepted-");
        assert_eq!(mistakes.is_empty(), accepted, "{case:?}: {mistakes}");
        if !accepted {
            let expected = Data::read_from(&case.join("mistakes.txt"), Some(DataFormat::Text)).raw();
            snapbox::Assert::new().action_env("SNAPSHOTS").eq(Data::text(mistakes).raw(), expected);
        }
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_specification_is_refused_for_each_of_its_actions() {
    let table = Table::load().unwrap();
    let text = include_str!("policies/specification-example/policy.json");
    let policy: Policy = serde_json::from_str(text).unwrap();
    let mistakes: Vec<_> = lint(&policy, table).into_iter().map(|mistake| mistake.message).collect();
    let actions: Vec<_> = policy.statement[0].action.iter().collect();
    assert_eq!(mistakes.len(), actions.len());
    for (mistake, action) in mistakes.iter().zip(actions) {
        assert!(mistake.starts_with(&format!("`{action}` ")), "{mistake}");
    }
}

#[test]
fn the_table_is_whole() {
    let table = Table::load().unwrap();
    for (prefix, service) in &table.services {
        for (name, action) in &service.actions {
            assert!(table.action(&format!("{prefix}:{name}")).is_some());
            let keys = action.resources.values().flat_map(|used| &used.keys).chain(&action.keys);
            for key in keys {
                assert!(service.key_types.contains_key(key), "{prefix}:{name} {key}");
            }
            for kind in action.resources.keys() {
                assert!(service.resources.contains_key(kind), "{prefix}:{name} {kind}");
            }
        }
    }
}

/// Fills the placeholders of an ARN's form, each with the next text.
fn filled(form: &str, texts: &[String]) -> String {
    let mut arn = String::new();
    for (n, part) in form.split("${").enumerate() {
        if n == 0 {
            arn.push_str(part);
        } else {
            arn.push_str(&texts[(n - 1) % texts.len()]);
            arn.push_str(part.split_once('}').unwrap().1);
        }
    }
    arn
}

proptest! {
    #[test]
    fn an_arn_names_the_type_whose_form_it_fills(texts in prop::collection::vec("[a-z0-9*-]{1,12}", 5..9)) {
        let table = Table::load().unwrap();
        for service in table.services.values() {
            for action in service.actions.values() {
                for kind in action.resources.keys() {
                    let arn = filled(&service.resources[kind], &texts);
                    prop_assert!(service.types_of(action, &arn).contains(&kind.as_str()), "{kind} {arn}");
                }
            }
        }
    }

    #[test]
    fn no_arn_and_no_key_stops_the_lint(arn in "\\PC{0,60}", key in "\\PC{0,40}", operator in "\\PC{0,30}") {
        let table = Table::load().unwrap();
        let actions = ["ec2:RunInstances", "s3:PutObject", arn.as_str()];
        let statement = Statement::allow("A", actions, arn.as_str()).when(&operator, &key, "x");
        // `*` apart, no random text is a resource of both services.
        prop_assert!(!lint(&Policy::new(vec![statement]), table).is_empty());
    }

    #[test]
    fn spread_statements_stay_whole_and_in_order(sizes in prop::collection::vec(1_usize..5000, 1..12)) {
        let statements: Vec<_> =
            sizes.iter().map(|size| Statement::allow("A", "ec2:DescribeInstances", "x".repeat(*size))).collect();
        match fit(&statements) {
            Ok(policies) => {
                for policy in &policies {
                    prop_assert!(policy.size().unwrap() <= MAX_SIZE);
                }
                // As few as in-order filling allows: no policy's first statement would have fitted before it.
                for pair in policies.windows(2) {
                    let mut more = pair[0].clone();
                    more.statement.push(pair[1].statement[0].clone());
                    prop_assert!(more.size().unwrap() > MAX_SIZE);
                }
                let joined: Vec<_> = policies.into_iter().flat_map(|policy| policy.statement).collect();
                prop_assert_eq!(joined, statements);
            }
            Err(reason) => prop_assert!(reason.contains("IAM allows 10 to a role"), "{}", reason),
        }
    }
}
