//! Small schemas, and the Nix that comes of them or the reason why none does. `UPDATE_GOLDEN=1` writes what is expected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keystone_gen_nixos_options::{nix, options, schema, shape};

fn folders(kind: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(kind);
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(found.len() > 8, "the cases of `{kind}` are missing");
    found
}

fn schema_of(case: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(case.join("schema.json")).unwrap();
    schema::read(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display()))
}

fn compare(file: &Path, found: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(file, found).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert!(expected == found, "{}:\n{found}\nrewrite with UPDATE_GOLDEN=1", file.display());
}

#[test]
fn each_construct_gives_its_options() {
    for case in folders("options") {
        let table = shape::read(&schema_of(&case)).unwrap();
        let files = options::render(&table).unwrap();
        let [file] = files.as_slice() else { panic!("{}: more than one file", case.display()) };
        let module = nix::read(&file.contents)
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", case.display(), file.contents));
        let declared: BTreeSet<&str> =
            module.options.keys().filter_map(|k| k.strip_prefix("keystone.cluster.")).collect();
        let keys = table.keys();
        assert_eq!(declared, keys.iter().map(|(path, _)| path.as_str()).collect(), "{}", case.display());
        for (path, field) in keys {
            let option = &module.options[&format!("keystone.cluster.{path}")];
            assert_eq!(option.has_default, field.default.is_some(), "{}: {path}", case.display());
            // Lines may be broken elsewhere; the words are the same.
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(
                words(&option.description).starts_with(&words(&field.about)),
                "{}: {path}",
                case.display()
            );
        }
        compare(&case.join("options.nix"), &file.contents);
    }
}

#[test]
fn what_options_cannot_say_is_refused() {
    for case in folders("refused") {
        let read = std::fs::read_to_string(case.join("schema.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&read).unwrap();
        let error = match shape::read(&schema) {
            Err(error) => error.to_string(),
            Ok(table) => match options::render(&table) {
                Err(error) => error.to_string(),
                Ok(files) => panic!("{}: rendered\n{}", case.display(), files[0].contents),
            },
        };
        compare(&case.join("error.txt"), &format!("{error}\n"));
    }
}
