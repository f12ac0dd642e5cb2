//! Whole renderings: every folder of `tests/cases` is an inventory with its trust folder, and what is rendered from
//! them (`expected/`) or the message that refuses them (`error.txt`). `SNAPSHOTS=overwrite` writes both anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at a surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keystone_gen_oidc::{Error, JWKS, Oidc, jwks};
use keystone_generator::{Artifact, Generator as _};
use keystone_model::{Cluster, KeyState, ServiceAccountKey, Trust};
use serde::Deserialize;
use snapbox::Data;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    service_account_keys: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    state: KeyState,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn cases(name: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        folder(name).read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn input(case: &Path) -> (Cluster, Trust) {
    let read = |name: &str| {
        std::fs::read_to_string(case.join(name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", case.display()))
    };
    let cluster: Cluster =
        toml::from_str(&read("inventory.toml")).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
    let list: List = toml::from_str(&read("trust.toml")).unwrap();
    let key = |listed: Listed| ServiceAccountKey {
        pem: read(&format!("service-account/{}.pub", listed.name)),
        name: listed.name,
        state: listed.state,
    };
    let service_account_keys = list.service_account_keys.into_iter().map(key).collect();
    (cluster, Trust { service_account_keys, ..Trust::default() })
}

fn render(case: &Path) -> Result<Vec<Artifact>, Error> {
    let (cluster, trust) = input(case);
    let artifacts = Oidc.render(&cluster, &trust)?;
    Oidc.verify(&artifacts)?;
    Ok(artifacts)
}

fn same(found: &str, expected: &Path) {
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(Data::text(found).raw(), Data::read_from(expected, Some(snapbox::data::DataFormat::Text)).raw());
}

fn files(root: &Path, below: &Path, found: &mut BTreeSet<String>) {
    let Ok(entries) = below.read_dir() else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn each_case_gives_its_files_or_its_message() {
    for case in cases("cases") {
        let error = case.join("error.txt");
        match render(&case) {
            Ok(artifacts) => {
                assert!(!error.exists(), "{case:?} is expected to be refused");
                let expected = case.join("expected");
                for artifact in &artifacts {
                    same(&artifact.contents, &expected.join(&artifact.path));
                }
                let mut there = BTreeSet::new();
                files(&expected, &expected, &mut there);
                assert_eq!(
                    artifacts.iter().map(|a| a.path.clone()).collect::<BTreeSet<_>>(),
                    there,
                    "{case:?}"
                );
                assert!(artifacts.is_sorted(), "{case:?}");
            }
            Err(found) => {
                assert!(error.exists(), "{case:?} is refused: {found}");
                same(&format!("{found}\n"), &error);
            }
        }
    }
}

#[test]
fn the_order_of_the_listing_changes_nothing() {
    let (cluster, mut trust) = input(&folder("cases/three-states"));
    let straight = Oidc.render(&cluster, &trust).unwrap();
    trust.service_account_keys.reverse();
    assert_eq!(straight, Oidc.render(&cluster, &trust).unwrap());
}

#[test]
fn key_ids_are_those_that_openssl_computes() {
    for case in ["one-key", "three-states"] {
        let case = folder("cases").join(case);
        let expected = std::fs::read_to_string(case.join("key-ids-by-openssl.txt")).unwrap();
        let expected: BTreeSet<_> =
            expected.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
        let artifacts = render(&case).unwrap();
        let set = artifacts.iter().find(|artifact| artifact.path == JWKS).unwrap();
        let found: BTreeSet<_> =
            jwks::read(&set.contents).unwrap().keys.into_iter().map(|key| key.kid).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_private_key_is_refused_and_not_shown() {
    let throw_away = "../../checks/fixtures/identities/service-account/throw-away-2026-05.key";
    let pem = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(throw_away)).unwrap();
    let (cluster, mut trust) = input(&folder("cases/one-key"));
    for text in [pem.clone(), format!("{}{pem}", trust.service_account_keys[0].pem)] {
        trust.service_account_keys[0].pem = text;
        let error = Oidc.render(&cluster, &trust).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`oidc/openid/v1/jwks`: the token key `throw-away-1` is a private key; only the public half belongs here \
             (`openssl rsa -pubout`), and this key must be replaced if anyone else has seen the file"
        );
        let shown = format!("{error:?} {error}");
        assert!(pem.lines().filter(|line| !line.starts_with("--")).all(|line| !shown.contains(line)));
    }
}

/// What is changed in a good rendering, and what `verify` says to that.
#[derive(Deserialize)]
struct Damage {
    case: String,
    path: String,
    /// Nothing: the file is taken away.
    from: Option<String>,
    #[serde(default)]
    to: String,
}

#[test]
fn each_damage_is_found() {
    for case in cases("damages") {
        let damage: Damage =
            toml::from_str(&std::fs::read_to_string(case.join("damage.toml")).unwrap()).unwrap();
        let mut artifacts = render(&folder("cases").join(&damage.case)).unwrap();
        let at = artifacts.iter().position(|artifact| artifact.path == damage.path).unwrap();
        match &damage.from {
            None => {
                artifacts.remove(at);
            }
            Some(from) => {
                let text = &mut artifacts[at].contents;
                assert!(text.contains(from.as_str()), "{case:?}");
                *text = text.replacen(from.as_str(), &damage.to, 1);
            }
        }
        let error = Oidc.verify(&artifacts).expect_err(&format!("{case:?} is accepted"));
        same(&format!("{error}\n"), &case.join("error.txt"));
    }
}
