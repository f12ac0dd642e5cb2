//! Policies with their verdicts: one folder each, the policy and the report. `UPDATE_GOLDEN=1` writes reports anew.
//!
//! The folder's name begins with the verdict, so that a report that was written anew cannot turn it round unnoticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::path::Path;

use keystone_policy::{Policy, check};

#[test]
fn every_case_has_its_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let case = entry.unwrap().path();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let policy = fs::read_to_string(case.join("policy.hujson")).unwrap();
        let report = check(&policy);
        let (verdict, _) = name.split_once('-').unwrap();
        let expected = match verdict {
            "accept" => (true, false),
            "warn" => (true, true),
            "reject" => (false, false),
            other => panic!("{name}: `{other}` is no verdict"),
        };
        if (report.accepted, !report.warnings.is_empty()) != expected {
            wrong.push(format!("{name}: {report:?}"));
        }
        assert_eq!(Policy::parse(&policy).is_ok(), report.accepted, "{name}");
        // Every warning is an error to whoever is strict.
        let strict = report.clone().strict();
        assert_eq!(strict.accepted, verdict == "accept", "{name}");
        assert_eq!(strict.errors.len(), report.errors.len() + report.warnings.len(), "{name}");
        let text = serde_json::to_string_pretty(&report).unwrap() + "\n";
        let file = case.join("report.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &text).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(format!("{name}: the report is now\n{text}"));
        }
        count += 1;
    }
    assert!(count >= 55, "{count} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
