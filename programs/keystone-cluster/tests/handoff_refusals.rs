//! What `mesh handoff`, `takeover` and `status` say: every folder of `tests/handoff` is a case, with what happened in the
//! world before, and what is said then. `UPDATE_GOLDEN=1` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod world;

use std::fs;
use std::path::Path;

use serde::Deserialize;
use world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is wrong, for the reader.
    #[serde(rename = "about")]
    _about: String,
    arguments: Vec<String>,
    /// Shell, run before.
    #[serde(default)]
    before: String,
    /// Exit code, 1 unless said.
    code: Option<i32>,
}

/// How long ago something was depends on the machine.
fn without_seconds(text: &str) -> String {
    let parts: Vec<&str> = text.split(" s ago").collect();
    let (last, others) = parts.split_last().unwrap();
    let others = others.iter().map(|part| format!("{}N s ago", part.trim_end_matches(char::is_numeric)));
    others.chain([(*last).to_owned()]).collect()
}

#[test]
fn every_case_is_said_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handoff");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() > 15, "the cases are gone");
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case: Case = toml::from_str(&fs::read_to_string(folder.join("case.toml")).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let world = World::new();
        let before = world.at("desk", &case.before);
        assert!(before.status.success(), "{name}: {}", String::from_utf8_lossy(&before.stderr));
        let state = world.state();
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let (code, out, said) = world.run(&arguments);
        let expected = without_seconds(&format!("{out}{said}"));
        assert_eq!(code, Some(case.code.unwrap_or(1)), "{name}: {expected}");
        // Refused before anything was done, but where the name says that it began.
        if !name.starts_with("step-") {
            assert_eq!(world.state(), state, "{name}");
        }
        let file = folder.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&file, &expected).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != expected {
            wrong.push(format!("{name}:\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
