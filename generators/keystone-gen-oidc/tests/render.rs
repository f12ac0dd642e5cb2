//! Cases of `cases/render`: `input.json`, and either the files it renders to (`expected/`) or the message with which it
//! is refused (`error.txt`). `SNAPSHOTS=overwrite` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

mod cases;

use std::collections::BTreeSet;
use std::path::Path;

use cases::{base, each, same, try_render};
use keystone_gen_oidc::policy::{Effect, Policy};
use keystone_gen_oidc::{Jwks, verify};

#[test]
fn inputs_render_as_expected_or_are_refused_as_expected() {
    let count = each("render", |case| match try_render(case) {
        Ok(artifacts) => {
            assert!(!case.join("error.txt").exists(), "{} should be refused", case.display());
            for artifact in &artifacts {
                same(&artifact.contents, &case.join("expected").join(&artifact.path));
            }
            let rendered: BTreeSet<String> = artifacts.iter().map(|artifact| artifact.path.clone()).collect();
            assert_eq!(files(&case.join("expected")), rendered, "{}", case.display());
            verify(&artifacts).unwrap();
        }
        Err(error) => {
            assert!(!case.join("expected").exists(), "{}: {error}", case.display());
            same(&format!("{error}\n"), &case.join("error.txt"));
        }
    });
    assert!(count >= 30, "only {count} cases were found");
}

#[test]
fn order_of_the_input_changes_nothing() {
    let mut input = base("rotation");
    let expected = keystone_gen_oidc::render(&input).unwrap();
    input.keys.reverse();
    assert_eq!(keystone_gen_oidc::render(&input).unwrap(), expected);
}

#[test]
fn every_state_is_published_and_the_signing_key_comes_first() {
    let input = base("rotation");
    let artifacts = keystone_gen_oidc::render(&input).unwrap();
    let jwks = artifacts.iter().find(|artifact| artifact.path == keystone_gen_oidc::JWKS_FILE).unwrap();
    let jwks: Jwks = serde_json::from_str(&jwks.contents).unwrap();
    assert_eq!(jwks.keys.len(), 3);
    let signing =
        input.keys.iter().find(|(_, state, _)| *state == keystone_gen_oidc::KeyState::Signing).unwrap();
    let key = keystone_gen_oidc::RsaKey::from_pem(&signing.2).unwrap();
    assert_eq!(jwks.keys[0].kid, key.kid());
}

#[test]
fn a_private_key_is_refused_without_being_shown() {
    // Put together here, so that no file of the repository looks like a key.
    let secret = "dGhpcyBpcyBub3QgYSBrZXkgYnV0IG11c3Qgbm90IGJlIHNob3du";
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let mut input = base("one-key");
        let public = input.keys[0].2.clone();
        let private = format!("-----BEGIN {label}-----\n{secret}\n-----END {label}-----\n");
        for pem in [private.clone(), format!("{public}{private}"), format!("{private}{public}")] {
            input.keys[0].2 = pem;
            let error = keystone_gen_oidc::render(&input).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the token key `throw-away-rsa-2048-1` is a private key; remove the file and replace the key, as everyone \
                 who could read the file has it, and give what `openssl pkey -pubout` writes"
            );
            assert!(!format!("{error:?}").contains(secret));
        }
    }
}

/// Rights that no role of the cluster has, whatever the input: groups end machines, backups end by lifecycle, and roles,
/// keys and providers are made by whoever sets up the account.
#[test]
fn some_rights_are_never_granted() {
    let mut allowed = BTreeSet::new();
    each("render", |case| {
        for artifact in try_render(case).unwrap_or_default() {
            if artifact.path.contains("/permissions") {
                let policy: Policy = serde_json::from_str(&artifact.contents).unwrap();
                let allows =
                    policy.statement.into_iter().filter(|statement| statement.effect == Effect::Allow);
                allowed.extend(allows.flat_map(|statement| statement.action));
            }
        }
    });
    assert!(allowed.contains("ec2:RunInstances") && allowed.contains("s3:PutObject"));
    for never in [
        "ec2:TerminateInstances",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
    ] {
        assert!(!allowed.contains(never), "{never}");
    }
    let iam: Vec<&String> = allowed.iter().filter(|action| action.starts_with("iam:")).collect();
    assert_eq!(iam, ["iam:PassRole"]);
    let sts: Vec<&String> = allowed.iter().filter(|action| action.starts_with("sts:")).collect();
    assert_eq!(sts, ["sts:GetWebIdentityToken"]);
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}
