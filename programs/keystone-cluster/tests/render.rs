//! `render` and `check` as a user meets them: what they write, what they refuse, and what is left when they are killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cluster(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
        .current_dir(root())
        .env("NO_COLOR", "1")
        .args(arguments)
        .output()
        .unwrap()
}

fn render(inventory: &str, out: &Path) -> Output {
    cluster(&["render", inventory, "--out", out.to_str().unwrap()])
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An inventory that is refused, beside the reference cluster's trust folder.
fn broken_inventory(folder: &Path) -> PathBuf {
    let text = fs::read_to_string(root().join("hosts/cluster.toml")).unwrap();
    let path = folder.join("broken.toml");
    fs::write(&path, text.replace("podCidr = \"10.244.0.0/16\"", "podCidr = \"10.244.0.1/16\"")).unwrap();
    path
}

#[test]
fn the_manifest_lists_every_file_with_its_hash() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("rendered");
    assert!(render("hosts/cluster.toml", &out).status.success());
    let files = tree(&out);
    let manifest: Value = serde_json::from_slice(&files[Path::new("MANIFEST.json")]).unwrap();
    let listed: BTreeMap<PathBuf, &Value> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (PathBuf::from(file["path"].as_str().unwrap()), file))
        .collect();
    assert_eq!(listed.len() + 1, files.len());
    for (path, bytes) in files.iter().filter(|(path, _)| *path != Path::new("MANIFEST.json")) {
        let file = listed[path];
        assert_eq!(file["size"], bytes.len(), "{}", path.display());
        let digest: Vec<String> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"], digest.concat(), "{}", path.display());
        assert!(file["narHash"].as_str().unwrap().starts_with("sha256-"), "{}", path.display());
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    let temporary = tempfile::tempdir().unwrap();
    let (one, two) = (temporary.path().join("one"), temporary.path().join("two"));
    assert!(render("hosts/cluster.toml", &one).status.success());
    assert!(render("hosts/cluster.toml", &two).status.success());
    assert_eq!(tree(&one), tree(&two));
}

#[test]
fn json_tells_the_same_as_the_text() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("rendered");
    let done = cluster(&["render", "hosts/cluster.toml", "--out", out.to_str().unwrap(), "--json"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(summary["ok"], true);
    assert_eq!(summary["nodes"], 15);
    assert_eq!(summary["people"], 4);
    assert_eq!(summary["pools"], 2);
    assert_eq!(summary["files"], tree(&out).len());
    assert_eq!(summary["warnings"], Value::Array(vec![]));
    assert_eq!(summary["generators"].as_array().unwrap().len(), 7);
}

#[test]
fn check_writes_nothing() {
    let before =
        Command::new("git").current_dir(root()).args(["status", "--porcelain"]).output().unwrap().stdout;
    let done = cluster(&["check", "hosts/cluster.toml"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(text.contains("checked, none written"), "{text}");
    let after =
        Command::new("git").current_dir(root()).args(["status", "--porcelain"]).output().unwrap().stdout;
    assert_eq!(before, after);
}

#[test]
fn a_mistake_is_told_with_place_value_and_fix_and_the_old_folder_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("rendered");
    assert!(render("hosts/cluster.toml", &out).status.success());
    let before = tree(&out);
    let broken = broken_inventory(temporary.path());
    let done = render(broken.to_str().unwrap(), &out);
    assert_eq!(done.status.code(), Some(1));
    let told = stderr(&done);
    for part in [
        "10.244.0.1/16",
        "has bits set behind its prefix",
        "write `10.244.0.0/16`",
        "broken.toml:",
        "nothing was written",
    ] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
    assert_eq!(tree(&out), before);
}

#[test]
fn mistakes_are_json_too() {
    let temporary = tempfile::tempdir().unwrap();
    let broken = broken_inventory(temporary.path());
    let done = cluster(&["check", broken.to_str().unwrap(), "--json"]);
    assert_eq!(done.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    let error = &answer["errors"][0];
    assert_eq!(error["path"], "kubernetes.podCidr");
    assert_eq!(error["fix"], "write `10.244.0.0/16`");
    assert!(error["line"].as_u64().unwrap() > 1);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("mine");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("letter.txt"), "dear").unwrap();
    let done = render("hosts/cluster.toml", &out);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("holds something that was not rendered"), "{}", stderr(&done));
    assert_eq!(fs::read_to_string(out.join("letter.txt")).unwrap(), "dear");
    // A file where the folder should be, too.
    let file = temporary.path().join("file");
    fs::write(&file, "x").unwrap();
    let done = render("hosts/cluster.toml", &file);
    assert!(stderr(&done).contains("is no folder"), "{}", stderr(&done));
    assert_eq!(fs::read_to_string(&file).unwrap(), "x");
}

#[test]
fn the_folder_is_replaced_as_a_whole() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("rendered");
    assert!(render("hosts/cluster.toml", &out).status.success());
    fs::write(out.join("left-over"), "x").unwrap();
    assert!(render("hosts/cluster.toml", &out).status.success());
    assert!(!out.join("left-over").exists());
    let beside: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(beside, ["rendered"], "nothing is left beside the folder");
}

#[test]
fn a_run_that_is_killed_leaves_all_old_or_all_new() {
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("rendered");
    assert!(render("hosts/cluster.toml", &out).status.success());
    let old = tree(&out);
    let inventory = temporary.path().join("other.toml");
    let text = fs::read_to_string(root().join("hosts/cluster.toml")).unwrap();
    fs::write(&inventory, text.replace("name = \"production\"", "name = \"staging\"")).unwrap();
    let trust = root().join("hosts/trust");
    let arguments = |out: &Path| {
        let list = ["render", inventory.to_str().unwrap(), "--trust", trust.to_str().unwrap(), "--out"];
        let mut list: Vec<String> = list.map(str::to_owned).to_vec();
        list.push(out.to_str().unwrap().to_owned());
        list
    };
    let expected_folder = temporary.path().join("expected");
    let list = arguments(&expected_folder);
    assert!(cluster(&list.iter().map(String::as_str).collect::<Vec<_>>()).status.success());
    let new = tree(&expected_folder);
    assert_ne!(old, new);

    // Killed after ever more files have appeared in the unfinished folder: the event that is waited for is the file
    // itself, so the kill falls at another place each time however fast the machine is.
    let mut killed = 0;
    for files in (0..old.len()).step_by(9) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
            .current_dir(root())
            .args(arguments(&out))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let unfinished = temporary.path().join(".rendered.unfinished");
        loop {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            if unfinished.is_dir() && count(&unfinished) >= files {
                killed += usize::from(child.kill().is_ok());
                child.wait().unwrap();
                break;
            }
            std::thread::yield_now();
        }
        let found = tree(&out);
        assert!(found == old || found == new, "killed after {files} files: neither old nor new");
    }
    assert!(killed > 0, "no run was killed");
    // And the next run is not in the way of what was left.
    let list = arguments(&out);
    let done = cluster(&list.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(tree(&out), new);
    assert!(!temporary.path().join(".rendered.unfinished").exists());
}

/// Files below a folder that may vanish while it is read.
fn count(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| if entry.file_type().is_ok_and(|t| t.is_dir()) { count(&entry.path()) } else { 1 })
        .sum()
}

#[test]
fn recipients_are_those_of_the_inventory() {
    let done = cluster(&["recipients", "hosts/cluster.toml"]);
    assert!(done.status.success());
    let in_git = fs::read(root().join("hosts/trust/recipients.txt")).unwrap();
    assert_eq!(done.stdout, in_git);
}

#[test]
fn a_command_line_that_is_wrong_ends_with_2() {
    assert_eq!(cluster(&["render", "hosts/cluster.toml"]).status.code(), Some(2));
    assert_eq!(cluster(&["rendre"]).status.code(), Some(2));
    assert_eq!(cluster(&["check", "hosts/none.toml"]).status.code(), Some(1));
}

#[test]
fn completions_and_manual_name_the_commands() {
    for what in ["bash", "fish", "zsh", "man"] {
        let done = cluster(&["generate", what]);
        assert!(done.status.success());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(text.contains("render") && text.contains("check"), "{what}:\n{text}");
    }
}
