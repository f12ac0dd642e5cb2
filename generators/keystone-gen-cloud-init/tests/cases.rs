//! Every folder of `tests/cases` is an inventory with the files that are rendered from it, or `error.txt` with what is
//! said instead; every folder of `tests/refused` is a text that must not be handed out, with the reason.
//! `UPDATE_GOLDEN=1` writes the answers anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keystone_gen_cloud_init::{CloudInit, Refusal, read_node, read_shared};
use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Finding, Format, Inventory, Trust};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn folders(of: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(here(of)).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 5, "only {} cases in {of}", folders.len());
    folders
}

/// Compares with the files of the folder besides `input`, or writes them.
fn assert_files(folder: &Path, input: &str, found: &BTreeMap<String, String>) {
    let on_disk = || {
        let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        files.filter(|file| file.file_name().unwrap() != input).collect::<Vec<_>>()
    };
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for file in on_disk() {
            fs::remove_file(file).unwrap();
        }
        for (file, text) in found {
            fs::write(folder.join(file), text).unwrap();
        }
    }
    let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
    let expected: BTreeMap<String, String> =
        on_disk().iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect();
    assert_eq!(found, &expected, "{}", folder.display());
}

fn cluster(text: &str) -> Result<Cluster, String> {
    let read = Inventory::read(text.as_bytes(), Format::Toml);
    read.map(|inventory| inventory.cluster).map_err(|error| {
        let said = |f: &Finding| format!("{}: {}\n  fix: {}\n", f.path, f.message, f.fix);
        error.errors.iter().map(said).collect()
    })
}

fn render(text: &str) -> Result<Vec<Artifact>, String> {
    let cluster = cluster(text)?;
    let artifacts = CloudInit.render(&cluster, &Trust::default()).map_err(|error| format!("{error}\n"))?;
    CloudInit.verify(&artifacts).map_err(|error| format!("{error}\n"))?;
    Ok(artifacts)
}

#[test]
fn every_inventory_renders_exactly_this() {
    for folder in folders("tests/cases") {
        let text = fs::read_to_string(folder.join("cluster.toml")).unwrap();
        let files = match render(&text) {
            Err(said) => BTreeMap::from([("error.txt".to_owned(), said)]),
            Ok(artifacts) => artifacts.into_iter().map(|a| (a.path.replace('/', "-"), a.contents)).collect(),
        };
        assert_files(&folder, "cluster.toml", &files);
    }
}

fn assert_refused(of: &str, read: fn(&str) -> Result<(), Refusal>) {
    for folder in folders(of) {
        let text = fs::read_to_string(folder.join("user-data.yaml")).unwrap();
        let error = read(&text).expect_err(&folder.display().to_string());
        let said = BTreeMap::from([("error.txt".to_owned(), format!("{error}\n"))]);
        assert_files(&folder, "user-data.yaml", &said);
    }
}

#[test]
fn what_many_machines_must_not_share_is_refused() {
    assert_refused("tests/refused/shared", read_shared);
}

#[test]
fn what_one_machine_must_not_get_is_refused() {
    assert_refused("tests/refused/node", read_node);
}
