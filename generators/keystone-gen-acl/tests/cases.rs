//! Every folder of `tests/cases` is an inventory with the files that are rendered from it, or `error.txt` with what is
//! said instead. `UPDATE_GOLDEN=1` writes the answers anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keystone_gen_acl::{AccessPolicy, POLICY_WITH_TESTS};
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

/// The policy with its own tests is the policy and `tests`; it has its own look at the reference cluster, and is left
/// out of the folders.
fn render(text: &str) -> Result<Vec<Artifact>, String> {
    let cluster = cluster(text)?;
    let artifacts = AccessPolicy.render(&cluster, &Trust::default()).map_err(|error| format!("{error}\n"))?;
    AccessPolicy.verify(&artifacts).map_err(|error| format!("{error}\n"))?;
    Ok(artifacts.into_iter().filter(|artifact| artifact.path != POLICY_WITH_TESTS).collect())
}

#[test]
fn every_inventory_renders_exactly_this() {
    for folder in folders("tests/cases") {
        let text = fs::read_to_string(folder.join("cluster.toml")).unwrap();
        let files = match render(&text) {
            Err(said) => BTreeMap::from([("error.txt".to_owned(), said)]),
            Ok(artifacts) => {
                let name = |path: &str| path.trim_start_matches("mesh/").to_owned();
                artifacts.into_iter().map(|a| (name(&a.path), a.contents)).collect()
            }
        };
        assert_files(&folder, "cluster.toml", &files);
    }
}

/// The model refuses a cluster without control plane; the generator does not rely on it.
#[test]
fn a_cluster_in_which_nothing_is_open_is_refused() {
    let text = fs::read_to_string(here("tests/cases/smallest/cluster.toml")).unwrap();
    let mut cluster = cluster(&text).unwrap();
    cluster.nodes.clear();
    let error = AccessPolicy.render(&cluster, &Trust::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no rule is left; Headscale takes a policy without rules for one that allows everything"
    );
}

/// What Headscale would load although it opens everything is refused by name, line and place.
#[test]
fn what_was_rendered_is_read_again() {
    let artifact = Artifact::new("mesh/policy.json", "{\n  \"acls\": null\n}\n".to_owned());
    let error = AccessPolicy.verify(&[artifact]).unwrap_err().to_string();
    assert!(error.starts_with("`mesh/policy.json` line "), "{error}");
    let artifact = Artifact::new("mesh/policy.json", "{\"acls\": [}\n".to_owned());
    let error = AccessPolicy.verify(&[artifact]).unwrap_err().to_string();
    assert!(error.starts_with("`mesh/policy.json` line 1: "), "{error}");
}
