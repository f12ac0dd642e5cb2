//! Every file of `tests/good` is accepted, with the warnings that stand in its first lines, and so is the reference
//! cluster. What is accepted is written as JSON and read back as the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};

use keystone_model::{Format, Inventory};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn accepted() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(here("tests/good")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6, "only {} files were found", files.len());
    files.extend([here("tests/minimal.toml"), here("../../hosts/cluster.toml")]);
    files
}

#[test]
fn every_good_inventory_is_accepted_with_its_warnings() {
    for file in accepted() {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# warning: ")).collect();
        let inventory = Inventory::read(text.as_bytes(), Format::Toml)
            .unwrap_or_else(|error| panic!("{}: {:#?}", file.display(), error.errors));
        let found: Vec<String> = inventory
            .warnings
            .iter()
            .map(|w| format!("{}:{} {}: {}; {}", w.line, w.column, w.path, w.message, w.fix))
            .collect();
        assert_eq!(found, expected, "{}", file.display());
    }
}

#[test]
fn json_reads_back_as_the_same_cluster() {
    for file in accepted() {
        let toml = Inventory::read(&fs::read(&file).unwrap(), Format::Toml).unwrap();
        let json = serde_json::to_vec(&toml.cluster).unwrap();
        let again = Inventory::read(&json, Format::Json)
            .unwrap_or_else(|error| panic!("{}: {:#?}", file.display(), error.errors));
        assert_eq!(again.cluster, toml.cluster, "{}", file.display());
        assert_eq!(again.warnings.len(), toml.warnings.len());
    }
}

/// Windows editors write a byte order mark and carriage returns.
#[test]
fn marks_of_other_editors_do_no_harm() {
    let text = fs::read_to_string(here("tests/minimal.toml")).unwrap();
    let plain = Inventory::read(text.as_bytes(), Format::Toml).unwrap();
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(Inventory::read(windows.as_bytes(), Format::Toml).unwrap(), plain);
}
