//! The checked-in manifests are what the types render. `UPDATE_GOLDEN=1 cargo test -p keystone-gen-crd` rewrites
//! them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::{fs, path::Path};

use keystone_gen_crd::{FOLDER, definitions, reference, render, verify};

#[test]
fn manifests_equal_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let artifacts = render().unwrap();
    verify(&artifacts).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(names, ["crds/blobstores.keystone.systems.yaml", "crds/nodepools.keystone.systems.yaml"]);
    for artifact in &artifacts {
        let path = folder.join(artifact.path.strip_prefix(&format!("{FOLDER}/")).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &artifact.contents).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        let differs = golden.lines().zip(artifact.contents.lines()).position(|(old, new)| old != new);
        assert!(
            golden == artifact.contents,
            "{} is stale from line {} on; run UPDATE_GOLDEN=1 cargo test -p keystone-gen-crd",
            path.display(),
            differs.unwrap_or_else(|| golden.lines().count().min(artifact.contents.lines().count())) + 1
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), artifacts.len(), "a golden file has no manifest");
}

/// The YAML text means what the types mean: no text was folded into another one, no number turned into a text.
#[test]
fn the_text_reads_back_as_the_definition() {
    for (artifact, definition) in render().unwrap().iter().zip(definitions().unwrap()) {
        assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&artifact.contents).unwrap(), definition);
    }
}

#[test]
fn rendering_is_deterministic() {
    assert_eq!(render().unwrap(), render().unwrap());
}

#[test]
fn the_reference_page_names_every_field() {
    let page = reference().unwrap();
    for row in [
        "| `spec.provider` | string | required |",
        "| `spec.aws.rootVolume.sizeGiB` | integer | `40` |",
        "| `spec.disruption.budgets[].nodes` | integer or string | `\"10%\"` |",
        "| `spec.bareMetal.hosts[].diskById` | string | required |",
        "| `spec.access[].serviceAccount` | string | required |",
        "| `status.aws.amiDeprecationTime` | string |  |",
        "| `status.conditions[].lastTransitionTime` | string | required |",
    ] {
        assert!(page.contains(row), "{row} is missing in\n{page}");
    }
    let columns = |row: &str| row.replace(r"\|", "").matches('|').count();
    for row in page.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(columns(row), 6, "{row}");
    }
    assert!(!page.contains("\n\n\n\n"), "blank lines pile up");
}
