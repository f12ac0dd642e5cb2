//! Every folder of `tests/cases/render` is a change to the smallest inventory, with the files that are rendered or
//! the message; every folder of `tests/cases/read` is a map with what is said about it. `UPDATE_GOLDEN=1` writes the
//! answers anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keystone_gen_derp::{Derp, DerpMap, read};
use keystone_generator::Generator;
use keystone_model::{Cluster, Format, Inventory, Name, Role, Trust};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What the case shows, for the reader.
    #[serde(rename = "about")]
    _about: String,
    /// Texts that are replaced, each of which occurs exactly once.
    #[serde(default)]
    replace: Vec<Replace>,
    /// What is written at the end.
    #[serde(default)]
    append: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    find: String,
    write: String,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn cluster(text: &str) -> Result<Cluster, String> {
    let read = Inventory::read(text.as_bytes(), Format::Toml);
    read.map(|inventory| inventory.cluster).map_err(|error| {
        let said = |f: &keystone_model::Finding| format!("{}: {}\n  fix: {}\n", f.path, f.message, f.fix);
        error.errors.iter().map(said).collect()
    })
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

#[test]
fn every_change_renders_exactly_this() {
    let minimal = fs::read_to_string(here("../keystone-model/tests/minimal.toml")).unwrap();
    for folder in folders("tests/cases/render") {
        let change: Change =
            toml::from_str(&fs::read_to_string(folder.join("change.toml")).unwrap()).unwrap();
        let mut text = minimal.clone();
        for Replace { find, write } in &change.replace {
            assert_eq!(text.matches(find).count(), 1, "{}: `{find}` must occur once", folder.display());
            text = text.replacen(find, write, 1);
        }
        text.push_str(&change.append);
        let files = match cluster(&text) {
            Err(said) => BTreeMap::from([("refused.txt".to_owned(), said)]),
            Ok(cluster) => {
                let artifacts = Derp.render(&cluster, &Trust::default()).unwrap();
                Derp.verify(&artifacts).unwrap();
                let flat = |path: &str| path.trim_start_matches("mesh/").replace('/', "-");
                artifacts.iter().map(|a| (flat(&a.path), a.contents.clone())).collect()
            }
        };
        assert_files(&folder, "change.toml", &files);
    }
}

#[test]
fn every_map_is_answered_with_exactly_this() {
    for folder in folders("tests/cases/read") {
        let answer = match read(&fs::read_to_string(folder.join("derp.yaml")).unwrap()) {
            Ok(map) => format!("accepted: {} regions\n", map.regions.len()),
            Err(error) => format!("{error}\n"),
        };
        assert_files(&folder, "derp.yaml", &BTreeMap::from([("expected.txt".to_owned(), answer)]));
    }
}

fn reference() -> Cluster {
    cluster(&fs::read_to_string(here("../../hosts/cluster.toml")).unwrap()).unwrap()
}

fn numbers(cluster: &Cluster) -> BTreeMap<String, u16> {
    let map = DerpMap::of(cluster);
    map.regions.values().map(|region| (region.regioncode.clone(), region.regionid)).collect()
}

/// Clients remember the number of their home relay.
#[test]
fn a_host_that_comes_or_goes_renumbers_no_other() {
    let before = numbers(&reference());
    assert_eq!(before.len(), 6);
    for gone in before.keys() {
        let mut cluster = reference();
        cluster.nodes.remove(gone.as_str());
        let mut expected = before.clone();
        expected.remove(gone);
        assert_eq!(numbers(&cluster), expected);
    }
    let mut cluster = reference();
    for n in 4..14 {
        let node = cluster.nodes["control-1"].clone();
        cluster.nodes.insert(format!("control-{n}").parse::<Name>().unwrap(), node);
        let after = numbers(&cluster);
        assert!(before.iter().all(|(host, number)| after[host] == *number));
    }
}

/// The model refuses a cluster without control plane; the generator does not rely on it.
#[test]
fn primers_alone_are_refused() {
    let mut cluster = reference();
    cluster.nodes.retain(|_, node| node.roles != [Role::ControlPlane]);
    let error = Derp.render(&cluster, &Trust::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no relay is left once the primers are offline; give a node the role `control-plane`, which runs a relay too"
    );
}

/// What the generator writes, it reads as what it meant.
#[test]
fn the_map_reads_back_as_it_was() {
    let artifacts = Derp.render(&reference(), &Trust::default()).unwrap();
    let yaml = &artifacts.iter().find(|a| a.path == "mesh/derp.yaml").unwrap().contents;
    assert_eq!(read(yaml).unwrap(), DerpMap::of(&reference()));
}
