//! What the reference cluster renders to is in git, so that a review shows what changes on the wire.
//!
//! `UPDATE_GOLDEN=1 cargo test -p keystone-cluster --test golden` writes all of it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn render_reference() -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
        .current_dir(root())
        .args(["render", "hosts/cluster.toml", "--out"])
        .arg(out.path().join("rendered"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out
}

fn files_below(folder: &Path) -> BTreeMap<String, String> {
    fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, "", &mut files);
    files
}

fn first_difference(expected: &str, found: &str) -> String {
    for (n, (a, b)) in expected.lines().zip(found.lines()).enumerate() {
        if a != b {
            let cut = |line: &str| line.chars().take(160).collect::<String>();
            return format!("line {}:\n  in git:   {}\n  rendered: {}", n + 1, cut(a), cut(b));
        }
    }
    "one is longer".to_owned()
}

const MEND: &str =
    "look at the difference, then: UPDATE_GOLDEN=1 cargo test -p keystone-cluster --test golden";

#[test]
fn the_reference_cluster_renders_to_what_is_in_git() {
    let out = render_reference();
    let rendered = files_below(&out.path().join("rendered"));
    let golden = root().join("checks/golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(&golden);
        for (path, text) in &rendered {
            let target = golden.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
        return;
    }
    let in_git = files_below(&golden);
    let mut wrong: Vec<String> = Vec::new();
    for path in in_git.keys().filter(|path| !rendered.contains_key(*path)) {
        wrong.push(format!("{path}: is not rendered any more"));
    }
    for (path, text) in &rendered {
        match in_git.get(path) {
            None => wrong.push(format!("{path}: is not in checks/golden")),
            Some(expected) if expected != text => {
                wrong.push(format!("{path}: {}", first_difference(expected, text)));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}\n\n{MEND}", wrong.join("\n"));
}

/// Pages of the reference and files of `modules/cluster` that are rendered, and where each comes from.
#[test]
fn files_outside_golden_are_those_that_are_rendered() {
    let out = render_reference();
    let rendered = out.path().join("rendered/reference");
    let pages = [
        ("docs/reference/inventory.md", fs::read_to_string(rendered.join("inventory.md")).unwrap()),
        ("docs/reference/services.md", fs::read_to_string(rendered.join("services.md")).unwrap()),
        ("docs/reference/crds.md", keystone_gen_crd::reference().unwrap()),
    ];
    let modules: Vec<(String, String)> = files_below(&out.path().join("rendered/nix"))
        .into_iter()
        .map(|(name, text)| (format!("modules/cluster/{name}"), text))
        .collect();
    let pages = pages.map(|(page, text)| (page.to_owned(), text)).into_iter();
    for (page, text) in pages.chain(modules) {
        let path = root().join(&page);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
            continue;
        }
        let in_git = fs::read_to_string(&path).unwrap_or_default();
        assert!(in_git == text, "{page}: {}\n\n{MEND}", first_difference(&in_git, &text));
    }
}
