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

use keystone_gen_kubeconfig::{Kubeconfig, LOCAL_API_PORT, read};
use keystone_generator::{Artifact, Generator};
use keystone_model::{Authority, Cluster, Finding, Format, Inventory, Trust};

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

/// Only the certificate that signs the API's is looked at.
fn trust() -> Trust {
    let certificate = fs::read_to_string(here("../../hosts/trust/kubernetes-ca.crt")).unwrap();
    Trust { authorities: BTreeMap::from([(Authority::Kubernetes, certificate)]), ..Trust::default() }
}

fn render(text: &str) -> Result<Vec<Artifact>, String> {
    let cluster = cluster(text)?;
    let artifacts = Kubeconfig.render(&cluster, &trust()).map_err(|error| format!("{error}\n"))?;
    Kubeconfig.verify(&artifacts).map_err(|error| format!("{error}\n"))?;
    Ok(artifacts)
}

#[test]
fn every_inventory_renders_exactly_this() {
    for folder in folders("tests/cases") {
        let text = fs::read_to_string(folder.join("cluster.toml")).unwrap();
        let files = match render(&text) {
            Err(said) => BTreeMap::from([("error.txt".to_owned(), said)]),
            Ok(artifacts) => {
                let name = |path: &str| path.trim_start_matches("kubernetes/").replace('/', "-");
                artifacts.into_iter().map(|a| (name(&a.path), a.contents)).collect()
            }
        };
        assert_files(&folder, "cluster.toml", &files);
    }
}

#[test]
fn what_nobody_should_have_is_refused() {
    for folder in folders("tests/refused") {
        let text = fs::read_to_string(folder.join("kubeconfig.yaml")).unwrap();
        let error = read(&text).expect_err(&folder.display().to_string());
        let said = BTreeMap::from([("error.txt".to_owned(), format!("{error}\n"))]);
        assert_files(&folder, "kubeconfig.yaml", &said);
    }
}

#[test]
fn nobody_knows_the_api_without_its_certificate() {
    let text = fs::read_to_string(here("tests/cases/without-login/cluster.toml")).unwrap();
    let error = Kubeconfig.render(&cluster(&text).unwrap(), &Trust::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`hosts/trust/kubernetes-ca.crt` is missing, which signs the API's certificate"
    );
}

/// Whoever renders them, no file holds a key, and the certificate inside is the one of the trust folder.
#[test]
fn what_was_rendered_reads_back_as_it_was_meant() {
    let text = fs::read_to_string(here("../../hosts/cluster.toml")).unwrap();
    let artifacts = render(&text).unwrap();
    assert_eq!(artifacts.len(), 11, "four people, six components, and the emergency");
    for artifact in artifacts {
        let config = read(&artifact.contents).unwrap();
        assert_eq!(config.current_context, "production");
        let people = artifact.path.starts_with("kubernetes/people/");
        assert_eq!(config.users[0].user.exec.is_some(), people, "{}", artifact.path);
        assert_eq!(config.users[0].user.client_key.is_some(), !people, "{}", artifact.path);
        let local = artifact.path.starts_with("kubernetes/components/");
        let servers: Vec<&str> = config.clusters.iter().map(|entry| entry.cluster.server.as_str()).collect();
        if local {
            assert_eq!(servers, ["https://127.0.0.1:6444"]);
        } else {
            assert_eq!(servers[0], "https://kubernetes.keystone.internal:6443");
            assert_eq!(servers.len(), 4, "the name of all, and each of three nodes");
        }
    }
}

/// A later row of the service table must not take the load balancer's port either.
#[test]
fn no_service_of_the_table_has_the_port_of_the_load_balancer() {
    let text = fs::read_to_string(here("../../hosts/cluster.toml")).unwrap();
    let rows = keystone_model::service::services(&cluster(&text).unwrap());
    assert!(rows.iter().any(|row| row.name == "ceph-daemons"), "the table has the rows that it is asked for");
    let taken: Vec<&str> = rows
        .iter()
        .filter(|row| row.ports.iter().any(|range| range.contains(LOCAL_API_PORT)))
        .map(|row| row.name)
        .collect();
    assert_eq!(taken, Vec::<&str>::new());
}

/// While an intermediate is followed by the next one, both are inside.
#[test]
fn several_certificates_are_read() {
    let text = fs::read_to_string(here("tests/cases/with-login/cluster.toml")).unwrap();
    let one = trust().authorities[&Authority::Kubernetes].clone();
    let trust = Trust {
        authorities: BTreeMap::from([(Authority::Kubernetes, format!("{one}{one}"))]),
        ..Trust::default()
    };
    let artifacts = Kubeconfig.render(&cluster(&text).unwrap(), &trust).unwrap();
    Kubeconfig.verify(&artifacts).unwrap();
}
