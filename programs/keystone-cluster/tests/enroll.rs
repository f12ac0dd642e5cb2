//! `mesh enroll`: what it refuses, in which words; and what it does with a Headscale.
//!
//! Every folder of `tests/enroll` is a refusal: `case.toml` has the arguments and the programs that are on PATH, which
//! stand for other machines; `expected.txt` is what is said. `UPDATE_GOLDEN=1` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod enrolment;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use enrolment::{Desk, KEY, here};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is wrong, for the reader.
    #[serde(rename = "about")]
    _about: String,
    arguments: Vec<String>,
    /// Whether the key's file is there.
    #[serde(default)]
    exists: bool,
    /// `reference` or `minimal`.
    inventory: Option<String>,
    /// Exit code, 1 unless said.
    code: Option<i32>,
    #[serde(default)]
    programs: BTreeMap<String, String>,
}

#[test]
fn every_refusal_is_said_as_expected() {
    let mut folders: Vec<_> =
        fs::read_dir(here("tests/enroll")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() > 20, "the cases are gone");
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case: Case = toml::from_str(&fs::read_to_string(folder.join("case.toml")).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let desk = Desk::new();
        if case.inventory.as_deref() == Some("minimal") {
            desk.inventory(
                &fs::read_to_string(here("../../generators/keystone-model/tests/minimal.toml")).unwrap(),
            );
        }
        for (program, script) in &case.programs {
            desk.program(program, script);
        }
        let file = desk.path("secrets/mesh-join-worker-1.age");
        if case.exists {
            fs::write(&file, "as it was").unwrap();
        }
        let before = desk.files();
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let done = desk.enroll(&arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(case.code.unwrap_or(1)), "{name}: {said}");
        assert_eq!(String::from_utf8_lossy(&done.stdout), "", "{name}");
        assert!(!said.contains("not-to-be-seen"), "{name} repeats the key: {said}");
        // The case in which somebody else writes the file is the one that may have it.
        if name != "taken-meanwhile" {
            assert_eq!(desk.files(), before, "{name}");
        }
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{name}:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The answers of several versions of Headscale lead to the same file.
#[test]
fn answers_of_every_form_are_read() {
    let forms = [
        ("0.29", format!(r#"{{ "id": 3, "key": "{KEY}", "acl_tags": ["tag:worker"] }}"#)),
        ("text as id", format!(r#"{{ "id": "3", "key": "{KEY}", "aclTags": ["tag:worker"] }}"#)),
        ("nested", format!(r#"{{ "preAuthKey": {{ "id": "3", "key": "{KEY}" }} }}"#)),
        ("a warning first", format!("WRN no config file found\n{{ \"id\": 3, \"key\": \"{KEY}\" }}")),
    ];
    for (form, answer) in forms {
        let desk = Desk::new();
        desk.program("headscale", &format!("cat <<'TEXT'\n{answer}\nTEXT\n"));
        let done = desk.enroll(&["worker-1", "--local", "--json"]);
        assert!(done.status.success(), "{form}: {}", String::from_utf8_lossy(&done.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(summary["keyId"], "3", "{form}");
        assert_eq!(
            desk.opened("secrets/mesh-join-worker-1.age", "nodes/worker-1").as_deref(),
            Some(KEY),
            "{form}"
        );
    }
}

#[test]
fn the_file_opens_for_the_host_and_the_admins_and_nobody_else() {
    let desk = Desk::new();
    desk.coordinator();
    assert!(desk.enroll(&["worker-1"]).status.success());
    let may = ["nodes/worker-1", "people/alice", "people/bob"];
    let mut tried = 0;
    for folder in ["nodes", "people"] {
        for entry in fs::read_dir(here("../../checks/fixtures/identities").join(folder)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let Some(name) = file.strip_suffix(".txt") else { continue };
            let identity = format!("{folder}/{name}");
            let opened = desk.opened("secrets/mesh-join-worker-1.age", &identity);
            assert_eq!(opened.as_deref(), may.contains(&identity.as_str()).then_some(KEY), "{identity}");
            tried += 1;
        }
    }
    assert_eq!(tried, 19);
}

#[test]
fn an_admin_with_ssh_keys_only_opens_it_by_them() {
    let desk = Desk::new();
    desk.coordinator();
    let text = fs::read_to_string(here("../../hosts/cluster.toml")).unwrap();
    let bobs = "ageKeys = [\"age13qpj94yahw8du26408qjll6kj7fuls7rw8aeumlldxhv68ypndhsmdaa8z\"]\n";
    assert!(text.contains(bobs));
    desk.inventory(&text.replace(bobs, ""));
    assert!(desk.enroll(&["worker-1"]).status.success());
    let file = "secrets/mesh-join-worker-1.age";
    assert_eq!(desk.opened_by_ssh(file, "people/bob-ssh").as_deref(), Some(KEY));
    assert_eq!(desk.opened(file, "people/bob"), None);
    // Alice has both, and is written to by her age key alone.
    assert_eq!(desk.opened_by_ssh(file, "people/alice-ssh"), None);
    assert_eq!(desk.opened(file, "people/alice").as_deref(), Some(KEY));
}

#[test]
fn the_key_is_nowhere_but_in_the_file() {
    let desk = Desk::new();
    desk.coordinator();
    let done = desk.enroll(&["worker-1"]);
    for text in [&done.stdout, &done.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(KEY));
    }
    for (path, contents) in desk.files() {
        // The script that stands for the coordinator has it.
        assert!(
            path.starts_with("bin") || !contents.windows(KEY.len()).any(|w| w == KEY.as_bytes()),
            "{path:?}"
        );
    }
    // ssh was asked for what the coordinator does, with the time and the tags said.
    assert_eq!(
        fs::read_to_string(desk.path("asked")).unwrap(),
        "-o ConnectTimeout=10 -- root@primer-1.keystone.internal headscale preauthkeys create \
         --tags tag:worker --expiration 1h --output json\n"
    );
}

#[test]
fn a_file_is_replaced_when_told_and_readable_by_git() {
    let desk = Desk::new();
    desk.coordinator();
    let file = desk.path("secrets/mesh-join-worker-1.age");
    fs::write(&file, "old").unwrap();
    assert!(!desk.enroll(&["worker-1"]).status.success());
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert!(desk.enroll(&["worker-1", "--replace"]).status.success());
    assert_eq!(desk.opened("secrets/mesh-join-worker-1.age", "people/alice").as_deref(), Some(KEY));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    let names: Vec<_> = fs::read_dir(desk.path("secrets")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["mesh-join-worker-1.age"]);
}

/// Where a lock lies beside the file, it does not know it, and `verify` says so until somebody adopts it.
#[test]
fn a_lock_is_told_of_the_new_file() {
    let desk = Desk::new();
    desk.coordinator();
    for entry in fs::read_dir(here("../../secrets")).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(entry.path(), desk.path("secrets").join(entry.file_name())).unwrap();
    }
    let secrets = |arguments: &[&str]| {
        let identities = here("../../checks/fixtures/identities/people");
        std::process::Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
            .args(["secrets", "--rules", "inventory", "--root"])
            .arg(desk.path(""))
            .arg("-i")
            .arg(identities.join("alice.txt"))
            .arg("--sign-key")
            .arg(identities.join("alice-ssh"))
            .args(arguments)
            .output()
            .unwrap()
    };
    let said = String::from_utf8(desk.enroll(&["worker-1"]).stdout).unwrap();
    assert!(said.contains("\n  keystone-cluster secrets adopt "), "{said}");
    let done = secrets(&["verify"]);
    let found = String::from_utf8(done.stdout).unwrap();
    assert!(!done.status.success());
    assert!(
        found.contains(
            "error: secrets/mesh-join-worker-1.age: it came from outside: the lock does not know it"
        ),
        "{found}"
    );
    assert!(found.contains("\n  keystone-cluster secrets adopt\n"), "{found}");
    assert!(secrets(&["adopt"]).status.success());
    assert!(secrets(&["verify", "--require-signed"]).status.success());
    // A key in the place of the last one is another value.
    let again = desk.enroll(&["worker-1", "--replace", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["adopt"], true);
    assert!(String::from_utf8(secrets(&["verify"]).stdout).unwrap().contains("changed outside"));
}

#[test]
fn a_dry_run_asks_nobody_and_writes_nothing() {
    let desk = Desk::new();
    desk.coordinator();
    let before = desk.files();
    let done = desk.enroll(&["worker-1", "--dry-run", "--json"]);
    assert!(done.status.success());
    assert_eq!(desk.files(), before);
    let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(summary["dryRun"], true);
    assert_eq!(summary["opensFor"], serde_json::json!(["worker-1", "alice", "bob"]));
    assert_eq!(summary["file"], "secrets/mesh-join-worker-1.age");
}

#[test]
fn standard_output_holds_the_file_and_nothing_else() {
    let desk = Desk::new();
    desk.coordinator();
    let before = desk.files();
    let done = desk.enroll(&["worker-1", "--out", "-"]);
    assert!(done.status.success());
    let (mut after, asked) = (desk.files(), Path::new("asked"));
    after.remove(asked);
    assert_eq!(after, before);
    fs::write(desk.path("piped"), &done.stdout).unwrap();
    assert_eq!(desk.opened("piped", "nodes/worker-1").as_deref(), Some(KEY));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("/var/lib/keystone/mesh/join.age"), "{said}");
}
