//! Whatever is changed in the rendered files is noticed when they are read again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

use std::path::Path;

use keystone_gen_nixos_options::{NixosOptions, reference};
use keystone_generator::{Artifact, Generator, Input};

fn rendered() -> Vec<Artifact> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let input = Input { inventory: root.join("hosts/cluster.toml"), trust: None };
    let loaded = input.load().unwrap();
    NixosOptions.render(&loaded.inventory.cluster, &loaded.trust).unwrap()
}

#[test]
fn the_reference_cluster_renders_and_reads_back() {
    let artifacts = rendered();
    NixosOptions.verify(&artifacts).unwrap();
    assert_eq!(artifacts, rendered());
    let paths: Vec<&str> = artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert!(paths.is_sorted());
    for path in ["inventory.schema.json", "nix/options.nix", "nix/options/nodes.nix", "reference/services.md"]
    {
        assert!(paths.contains(&path), "{path} is missing");
    }
    let schema = artifacts.iter().find(|a| a.path == "inventory.schema.json").unwrap();
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keystone-model/schema.json");
    assert_eq!(schema.contents, std::fs::read_to_string(checked_in).unwrap());
}

/// File, text in it, what it becomes, and the error.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    (
        "nix/options.nix",
        "    ./options/pools.nix\n",
        "",
        "`nix/options.nix`: and the files beside it disagree on `nix/options/pools.nix`",
    ),
    (
        "nix/options.nix",
        "cluster.schema",
        "cluster.version",
        "`nix/options.nix`: does not declare `schema`, which the schema has",
    ),
    (
        "nix/options.nix",
        "{ lib, ... }:",
        "{ lib, ... }: with lib;",
        "`nix/options.nix`: `with` hides where names come from",
    ),
    (
        "nix/options/nodes.nix",
        "            default = \"x86_64-linux\";\n",
        "",
        "`nix/options.nix`: and the schema disagree whether `nodes.*.system` may be left out",
    ),
    (
        "nix/options/nodes.nix",
        "lib.types.nonEmptyListOf (",
        "types.nonEmptyListOf (",
        "`nix/options/nodes.nix`: `keystone.cluster.nodes.*.roles` has the type `types.nonEmptyListOf`, which is not one of `lib.types`",
    ),
    (
        "nix/options/secrets.nix",
        "quorumSize = lib",
        "quorum = lib",
        "`nix/options.nix`: does not declare `secrets.quorumSize`, which the schema has",
    ),
    (
        "nix/options/secrets.nix",
        "quorumSize =",
        "more = lib.mkOption {\n type = lib.types.str;\n description = \"More.\";\n };\n quorumSize =",
        "`nix/options.nix`: declares `secrets.more`, which the schema does not have",
    ),
    (
        "nix/options/secrets.nix",
        "description = \"The root",
        "example = \"The root",
        "`nix/options/secrets.nix`: `keystone.cluster.secrets` has no description",
    ),
    (
        "inventory.schema.json",
        "\"minimum\": 1,",
        "\"minimum\": \"one\",",
        "`inventory.schema.json`: is not valid by draft 2020-12 at `/properties/schema/minimum`: \"one\" is not of type \"number\"",
    ),
    (
        "inventory.schema.json",
        "2020-12",
        "2019-09",
        "`inventory.schema.json`: does not say that it is of draft 2020-12 (`$schema`)",
    ),
    (
        "inventory.schema.json",
        "#/$defs/ClusterTable",
        "#/$defs/Lost",
        "`inventory.schema.json`: cannot be used: Pointer '/$defs/Lost' does not exist",
    ),
];

#[test]
fn changed_files_are_refused() {
    for (path, from, to, expected) in CHANGES {
        let mut artifacts = rendered();
        let artifact = artifacts.iter_mut().find(|artifact| artifact.path == *path).unwrap();
        assert!(artifact.contents.contains(from), "`{from}` is not in {path}");
        artifact.contents = artifact.contents.replacen(from, to, 1);
        let error = NixosOptions.verify(&artifacts).expect_err(expected);
        assert_eq!(error.to_string(), *expected);
    }
}

#[test]
fn what_is_no_nix_is_refused() {
    let mut artifacts = rendered();
    let artifact = artifacts.iter_mut().find(|artifact| artifact.path == "nix/options/ssh.nix").unwrap();
    artifact.contents.truncate(artifact.contents.len() - 3);
    let error = NixosOptions.verify(&artifacts).unwrap_err().to_string();
    assert!(error.starts_with("`nix/options/ssh.nix`: is not Nix: "), "{error}");
}

#[test]
fn a_missing_file_is_noticed() {
    for path in ["inventory.schema.json", "reference/services.md", "nix/options/ssh.nix"] {
        let mut artifacts = rendered();
        artifacts.retain(|artifact| artifact.path != path);
        let error = NixosOptions.verify(&artifacts).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn pages_that_read_otherwise_than_meant_are_refused() {
    let cases = [
        ("# A\n\n| a | b |\n|---|---|\n| `x|y` | z |\n", "line 5: a row of 3 cells below a head of 2"),
        ("# A\n\n| a | b |\n|---|\n", "line 4: a row of 1 cells below a head of 2"),
        ("# A\n\nSee [b](#b).\n", "line 3: no heading has the anchor `#b`"),
        ("# `[a.<b>]`\n\n## AB\n", "line 3: a second heading has the anchor `#ab`"),
    ];
    for (page, expected) in cases {
        assert_eq!(reference::check(page).unwrap_err().to_string(), expected);
    }
    reference::check("# A b\n\n[x](#a-b)\n\n| a | b |\n|---|---|\n| `x\\|y` | z |\n").unwrap();
}

#[test]
fn a_page_that_lacks_a_key_is_noticed() {
    let mut artifacts = rendered();
    let page = artifacts.iter_mut().find(|artifact| artifact.path == "reference/inventory.md").unwrap();
    let row = page.contents.lines().find(|line| line.starts_with("| `quorumSize` |")).unwrap().to_owned();
    page.contents = page.contents.replace(&format!("{row}\n"), "");
    let error = NixosOptions.verify(&artifacts).unwrap_err().to_string();
    assert!(
        error.starts_with("`reference/inventory.md`: has ") && error.contains(" rows of keys"),
        "{error}"
    );
}
