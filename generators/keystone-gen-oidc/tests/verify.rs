//! Cases of `cases/verify`: one change to the files of a good case, and the message with which they are then refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test stops at the first surprise, and nobody reads its interface"
)]

mod cases;

use std::path::Path;

use cases::{base, each, same};
use keystone_gen_oidc::{render, verify};
use keystone_generator::Artifact;
use serde::Deserialize;

/// `change.json`: replaces `find` in `file` by `replace`; without `find`, removes or adds the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    base: String,
    file: String,
    find: Option<String>,
    replace: Option<String>,
}

fn changed(case: &Path) -> Vec<Artifact> {
    let text = std::fs::read_to_string(case.join("change.json")).unwrap();
    let change: Change = serde_json::from_str(&text).unwrap();
    let mut artifacts = render(&base(&change.base)).unwrap();
    verify(&artifacts).unwrap();
    let at = artifacts.iter().position(|artifact| artifact.path == change.file);
    match (at, change.find, change.replace) {
        (Some(at), Some(find), Some(replace)) => {
            let text = &mut artifacts[at].contents;
            assert!(text.contains(&find), "{} has no `{find}`", change.file);
            *text = text.replacen(&find, &replace, 1);
        }
        (Some(at), None, None) => {
            artifacts.remove(at);
        }
        (None, None, Some(text)) => artifacts.push(Artifact::new(change.file, text)),
        _ => panic!("{} changes nothing", case.display()),
    }
    artifacts
}

#[test]
fn changed_files_are_refused() {
    let count = each("verify", |case| match verify(&changed(case)) {
        Ok(()) => panic!("{} is accepted", case.display()),
        Err(error) => same(&format!("{error}\n"), &case.join("error.txt")),
    });
    assert!(count >= 15, "only {count} cases were found");
}
