//! What happens when files cannot be written: every old file is as it was, and nothing half-written is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const GENERATOR: &str = env!("CARGO_BIN_EXE_keystone-gen-derp");

fn run(arguments: &[&str]) -> Output {
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    Command::new(GENERATOR).arg("--input").arg(inventory).args(arguments).output().unwrap()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_is_written_passes_the_check_until_it_is_changed() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    assert_eq!(run(&["--out", path, "--mode", "check"]).status.code(), Some(1));
    let written = run(&["--out", path, "--mode", "write"]);
    assert_eq!((written.status.code(), said(&written)), (Some(0), String::new()));
    assert_eq!(run(&["--out", path, "--mode", "check"]).status.code(), Some(0));
    assert_eq!(files(out.path()).len(), 8);

    let map = out.path().join("mesh/derp.yaml");
    let text = fs::read_to_string(&map).unwrap();
    fs::write(&map, text.replace("8443", "443")).unwrap();
    let check = run(&["--out", path, "--mode", "check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(said(&check).contains("mesh/derp.yaml` differs from line "), "{}", said(&check));

    // The message is the command that mends it.
    let message = said(&check);
    let command = message.lines().last().unwrap().trim().replacen("keystone-gen-derp", GENERATOR, 1);
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    assert_eq!(fs::read_to_string(&map).unwrap(), text);
}

#[test]
fn one_file_goes_where_it_is_told() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("my map.yaml");
    let file = file.to_str().unwrap();
    let only = ["--only", "mesh/derp.yaml", "--out", file, "--mode"];
    assert_eq!(run(&[&only[..], &["write"]].concat()).status.code(), Some(0));
    assert_eq!(run(&[&only[..], &["check"]].concat()).status.code(), Some(0));
    assert_eq!(files(out.path()).len(), 1);
    let printed = run(&["--only", "mesh/derp.yaml"]);
    assert_eq!(fs::read(file).unwrap(), printed.stdout);
}

#[test]
fn a_folder_that_is_a_file_is_left_alone() {
    let out = tempfile::tempdir().unwrap();
    let taken = out.path().join("taken");
    fs::write(&taken, "mine\n").unwrap();
    let output = run(&["--out", taken.to_str().unwrap(), "--mode", "write"]);
    assert_eq!(output.status.code(), Some(1));
    let start = format!("error: nothing was changed: cannot write `{}/mesh/derp.yaml`: ", taken.display());
    assert!(said(&output).starts_with(&start), "{}", said(&output));
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine\n");
}

#[test]
fn a_target_that_is_no_file_stops_before_anything_changes() {
    let out = tempfile::tempdir().unwrap();
    fs::create_dir_all(out.path().join("mesh/relays/primer-3.json")).unwrap();
    fs::write(out.path().join("mesh/derp.yaml"), "old\n").unwrap();
    let before = files(out.path());
    let output = run(&["--out", out.path().to_str().unwrap(), "--mode", "write"]);
    assert_eq!(output.status.code(), Some(1));
    let file = out.path().join("mesh/relays/primer-3.json");
    let expected = format!(
        "error: nothing was changed: cannot write `{}`: it exists and is no ordinary file\n",
        file.display()
    );
    assert_eq!(said(&output), expected);
    assert_eq!(files(out.path()), before);
}

/// A limit on the size of files stands for a full disk: it needs no root, and the same call fails.
#[test]
fn a_full_disk_leaves_every_old_file_as_it_was() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    assert_eq!(run(&["--out", path, "--mode", "write"]).status.code(), Some(0));
    let before = files(out.path());
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    let changed = out.path().join("cluster.toml");
    fs::write(&changed, fs::read_to_string(inventory).unwrap().replace("stunPort = 3478", "stunPort = 3479"))
        .unwrap();
    let before_and_input = files(out.path());
    // Without the trap the signal would end the program, which a full disk does not.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let trust = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/trust");
    let output = Command::new("sh")
        .args(["-c", script, GENERATOR, "--input", changed.to_str().unwrap(), "--trust"])
        .arg(trust)
        .args(["--out", path, "--mode", "write"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).starts_with("error: nothing was changed: cannot write `"), "{}", said(&output));
    assert_eq!(files(out.path()), before_and_input);
    assert_eq!(before.len() + 1, before_and_input.len());
}

#[test]
fn an_output_that_is_full_is_an_error_and_one_that_closed_is_none() {
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    let shell =
        |script: &str| Command::new("bash").args(["-c", script, GENERATOR]).arg(&inventory).output().unwrap();
    let full = shell("\"$0\" --input \"$1\" > /dev/full");
    assert_eq!(full.status.code(), Some(1));
    assert!(said(&full).starts_with("error: cannot write the output: "), "{}", said(&full));
    let closed = shell("set -o pipefail; \"$0\" --input \"$1\" | true");
    assert_eq!((closed.status.code(), said(&closed)), (Some(0), String::new()));
}

/// The size is read, and not the file.
#[test]
fn an_inventory_of_a_hundred_megabytes_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.toml");
    fs::File::create(&path).unwrap().set_len(100_000_000).unwrap();
    // The file would not fit in so much memory.
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 90000; exec \"$0\" --input \"$1\"", GENERATOR, path.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "  × the inventory has 100 MB\n  help: keep it below 33 MB; ten thousand nodes take about 5\n   \
         at {0}\nerror: 1 mistake in `{0}`\n",
        path.display()
    );
    assert_eq!(said(&output), expected);
    // A pipe has no size, and is read no further than to the limit.
    let piped = Command::new("bash")
        .args(["-c", "exec \"$0\" --input <(head -c 100000000 /dev/zero)", GENERATOR])
        .output()
        .unwrap();
    assert!(said(&piped).contains("the inventory has 33 MB"), "{}", said(&piped));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    for (what, start) in [("bash", "_keystone__gen__derp() {"), ("man", ".ie \\n(.g .ds Aq \\(aq")] {
        let output = Command::new(GENERATOR).args(["--generate", what]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("check"), "{text}");
    }
}
