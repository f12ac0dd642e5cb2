//! Every folder of `tests/bad` is a wrong inventory with the exact text of what is said about it.
//!
//! A case is a whole `cluster.toml` or `cluster.json`, or a `change.toml` to `tests/minimal.toml`. `UPDATE_GOLDEN=1`
//! writes `expected.txt` anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keystone_model::{Format, Inventory};
use serde::Deserialize;

/// A change to the smallest inventory that is right.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What is wrong, for the reader.
    #[serde(rename = "about")]
    _about: String,
    /// Texts that are replaced, each of which occurs exactly once.
    #[serde(default)]
    replace: Vec<Replace>,
    /// What is written at the end.
    #[serde(default)]
    append: String,
    /// Whether the inventory is handed over as JSON, as Nix does.
    #[serde(default)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    find: String,
    write: String,
}

fn minimal() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/minimal.toml")).unwrap()
}

fn case_input(folder: &Path) -> (Vec<u8>, Format) {
    if let Ok(bytes) = fs::read(folder.join("cluster.toml")) {
        return (bytes, Format::Toml);
    }
    if let Ok(bytes) = fs::read(folder.join("cluster.json")) {
        return (bytes, Format::Json);
    }
    let change = fs::read_to_string(folder.join("change.toml")).unwrap();
    let change: Change = toml::from_str(&change).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut text = minimal();
    for Replace { find, write } in &change.replace {
        assert_eq!(text.matches(find).count(), 1, "{}: `{find}` must occur once", folder.display());
        text = text.replacen(find, write, 1);
    }
    text.push_str(&change.append);
    if change.json {
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        return (value.to_string().into_bytes(), Format::Json);
    }
    (text.into_bytes(), Format::Toml)
}

fn said(folder: &Path) -> String {
    let (bytes, format) = case_input(folder);
    let Err(error) = Inventory::read(&bytes, format) else {
        return "accepted\n".to_owned();
    };
    let mut text = String::new();
    for finding in error.errors {
        let line =
            if finding.line > 0 { format!("{}:{}", finding.line, finding.column) } else { String::new() };
        let place = [line, finding.path].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        writeln!(text, "{}", [place.join(" "), finding.message].join(": ")).unwrap();
        writeln!(text, "  fix: {}", finding.fix).unwrap();
    }
    text
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn every_bad_inventory_is_answered_with_exactly_this() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases were found", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let found = said(case);
        assert_ne!(found, "accepted\n", "{} is accepted", case.display());
        let expected_file = case.join("expected.txt");
        if update {
            fs::write(&expected_file, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            writeln!(wrong, "{}\nexpected\n{expected}found\n{found}", case.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE_GOLDEN=1 writes these answers down");
}

/// A private key that was pasted is in no answer, whole or in part.
#[test]
fn no_answer_repeats_a_private_key() {
    // Every secret of the cases holds one of these two runs.
    let secrets = ["GFPYYSJZGFPYYSJZ", "c2VjcmV0c2VjcmV0"];
    let mut seen = 0;
    for case in cases() {
        let (bytes, _) = case_input(&case);
        let text = String::from_utf8_lossy(&bytes).to_ascii_uppercase();
        if !secrets.iter().any(|secret| text.contains(&secret.to_ascii_uppercase())) {
            continue;
        }
        seen += 1;
        let said = said(&case).to_ascii_uppercase();
        for secret in secrets {
            let start = &secret[..6].to_ascii_uppercase();
            assert!(!said.contains(start), "{} repeats a private key:\n{said}", case.display());
        }
    }
    assert!(seen >= 5, "only {seen} cases hold a private key");
}
