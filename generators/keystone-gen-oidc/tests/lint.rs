//! Cases of `cases/lint`: `policy.json` (a document of a role), `role.json` (all of a role's), `trust.json` or `bucket.json`, and the message with which it is
//! refused in `error.txt`; without that file it is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

mod cases;

use std::path::Path;

use cases::{each, same};
use keystone_gen_oidc::lint::{self, Violations};
use keystone_gen_oidc::policy::Policy;

type Judge = fn(&Policy) -> Result<(), Violations>;

fn judge(case: &Path) -> Result<(), String> {
    let kinds: [(&str, Judge); 4] = [
        ("policy.json", lint::attached_to_role),
        ("role.json", |policy| lint::of_role(&policy.statement)),
        ("trust.json", lint::trust),
        ("bucket.json", lint::attached_to_bucket),
    ];
    let (file, judge) = kinds.into_iter().find(|(file, _)| case.join(file).exists()).unwrap();
    let text = std::fs::read_to_string(case.join(file)).unwrap();
    let policy: Policy = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    judge(&policy).map_err(|violations| violations.to_string())
}

#[test]
fn policies_are_judged_as_expected() {
    let mut accepted = 0;
    let count = each("lint", |case| {
        let name = case.file_name().unwrap().to_str().unwrap();
        match judge(case) {
            Ok(()) => {
                assert!(name.starts_with("good-"), "{name} is accepted");
                accepted += 1;
            }
            Err(message) => {
                assert!(!name.starts_with("good-"), "{name}: {message}");
                same(&format!("{message}\n"), &case.join("error.txt"));
            }
        }
    });
    assert!(accepted >= 4 && count - accepted >= 20, "only {accepted} of {count} cases are sound");
}
