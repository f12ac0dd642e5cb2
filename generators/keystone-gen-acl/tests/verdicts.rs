//! What `--policy` says. Every `NAME.hujson` below `tests/policies` and `tests/spec` is judged three times, and
//! `NAME.txt` beside it holds what was said. `UPDATE_GOLDEN=1` writes it anew. In `tests/spec` are the specification's
//! own policies, as written and corrected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GENERATOR: &str = env!("CARGO_BIN_EXE_keystone-gen-acl");

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(GENERATOR).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Status, standard output and standard error.
fn told(output: &Output) -> (i32, String, String) {
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn every_policy_is_judged_exactly_like_this() {
    let mut count = 0;
    let folders = [here("tests/policies"), here("tests/spec")];
    for file in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let file = file.unwrap().path();
        if file.extension().is_none_or(|ending| ending != "hujson") {
            continue;
        }
        count += 1;
        let (folder, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
        let mut said = String::new();
        for more in [&[][..], &["--strict"], &["--json"]] {
            let arguments = [&["--mode", "check", "--policy", name], more].concat();
            let (status, out, err) = told(&run(folder, &arguments));
            if more == ["--json"] {
                assert_json(&out, status);
            }
            write!(said, "$ keystone-gen-acl {}\n{err}{out}? {status}\n\n", arguments.join(" ")).unwrap();
        }
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap(), "{}", file.display());
    }
    assert!(count >= 14, "only {count} policies");
}

/// The shape is a promise to other programs: exactly these keys.
fn assert_json(out: &str, status: i32) {
    let verdict: Value = serde_json::from_str(out).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&verdict), ["accepted", "errors", "warnings"]);
    let errors = verdict["errors"].as_array().unwrap();
    for finding in errors.iter().chain(verdict["warnings"].as_array().unwrap()) {
        assert_eq!(keys(finding), ["message", "pointer", "line", "column"]);
        assert!(finding["message"].is_string() && finding["pointer"].is_string(), "{finding}");
        assert!(
            finding["line"].as_u64().unwrap() > 0 && finding["column"].as_u64().unwrap() > 0,
            "{finding}"
        );
    }
    assert_eq!(verdict["accepted"].as_bool().unwrap(), errors.is_empty());
    assert_eq!(status, i32::from(!errors.is_empty()));
}

#[test]
fn standard_input_is_judged_too() {
    for (policy, expected) in [
        ("sound", (0, "accepted: 0 errors, 0 warnings\n")),
        ("not-json", (1, "rejected: 1 errors, 0 warnings\n")),
    ] {
        let bytes = fs::read(here(&format!("tests/policies/{policy}.hujson"))).unwrap();
        let mut child = Command::new(GENERATOR)
            .args(["--policy", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let (status, out, err) = told(&child.wait_with_output().unwrap());
        assert_eq!((status, out.as_str()), expected);
        assert!(err.is_empty() || err.starts_with("-:"), "{err}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_verdict() {
    let output = told(&run(&here("tests"), &["--policy", "nowhere.hujson", "--json"]));
    let said = "error: cannot read `nowhere.hujson`: No such file or directory (os error 2)\n";
    assert_eq!(output, (1, String::new(), said.to_owned()));
    let output = told(&run(&here("tests"), &["--policy", "spec"]));
    assert_eq!(
        output,
        (1, String::new(), "error: cannot read `spec`: Is a directory (os error 21)\n".to_owned())
    );
}

#[test]
fn a_file_that_is_no_text_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("latin.hujson"), b"{\"groups\": {\"group:caf\xe9\": []}}").unwrap();
    let output = told(&run(folder.path(), &["--policy", "latin.hujson"]));
    assert_eq!(output, (1, String::new(), "error: `latin.hujson` is not UTF-8 from byte 22 on\n".to_owned()));
}

/// A policy is judged by itself: what belongs to rendering does not fit beside it, nor its options to rendering.
#[test]
fn a_wrong_command_line_is_told_apart() {
    let inventory = here("../../hosts/cluster.toml");
    let inventory = inventory.to_str().unwrap();
    for (arguments, said) in [
        (
            &["--strict"][..],
            "error: the following required arguments were not provided:\n  --policy <FILE>\n",
        ),
        (&["--json"], "error: the following required arguments were not provided:\n  --policy <FILE>\n"),
        (&["--policy"], "error: a value is required for '--policy <FILE>' but none was supplied\n"),
        (
            &["--policy", "-", "--input", inventory],
            "error: the argument '--policy <FILE>' cannot be used with '--input <FILE>'\n",
        ),
        (&[], "error: --input FILE is missing\n"),
    ] {
        let (status, out, err) = told(&run(&here("tests"), arguments));
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.starts_with(said), "{arguments:?}: {err}");
    }
}
