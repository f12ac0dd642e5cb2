//! Inventories under the schema and under the model: what one refuses, the other refuses too; and what options fill in
//! is what the model would.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use keystone_gen_nixos_options::shape::{self, Shape, Table};
use keystone_model::{Cluster, Format, Inventory, ReadError};
use serde_json::Value;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn toml_file(path: &Path) -> Value {
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn minimal() -> Value {
    toml_file(&folder("tests/cases/minimal.toml"))
}

fn reference() -> Value {
    toml_file(&folder("../../hosts/cluster.toml"))
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&keystone_model::schema::value()).unwrap()
}

fn read(json: &Value) -> Result<Cluster, ReadError> {
    Inventory::read(json.to_string().as_bytes(), Format::Json).map(|inventory| inventory.cluster)
}

/// Lays `change` over `base`: tables are joined, everything else is replaced. `lib.recursiveUpdate` does the same.
fn lay_over(base: &mut Value, change: Value) {
    match (base, change) {
        (Value::Object(base), Value::Object(change)) => {
            for (key, value) in change {
                lay_over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, change) => *base = change,
    }
}

#[test]
fn right_inventories_fit_the_schema_with_and_without_nulls() {
    let validator = validator();
    for written in [reference(), minimal()] {
        assert_eq!(validator.iter_errors(&written).map(|e| e.to_string()).collect::<Vec<_>>(), [""; 0]);
        let cluster = read(&written).unwrap();
        // As Nix hands it over: every option has a value, and those that are not set are null.
        let whole = serde_json::to_value(&cluster).unwrap();
        assert!(whole.to_string().contains(":null"));
        assert_eq!(validator.iter_errors(&whole).map(|e| e.to_string()).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(read(&whole).unwrap(), cluster);
    }
}

/// Writes into `value` what options would: the default of every key that is not there.
fn fill(table: &Table, value: &mut Value) {
    let written = value.as_object_mut().unwrap();
    for field in &table.fields {
        if let Some(default) = &field.default {
            written.entry(&field.name).or_insert_with(|| default.clone());
        }
        if let Some(value) = written.get_mut(&field.name) {
            fill_shape(&field.shape, value);
        }
    }
}

fn fill_shape(shape: &Shape, value: &mut Value) {
    match (shape.present(), value) {
        (Shape::Table(table), value @ Value::Object(_)) => fill(table, value),
        (Shape::List { item, .. }, Value::Array(values)) => {
            for value in values {
                fill_shape(item, value);
            }
        }
        (Shape::Map { item, .. }, Value::Object(values)) => {
            for value in values.values_mut() {
                fill_shape(item, value);
            }
        }
        _ => {}
    }
}

#[test]
fn defaults_of_options_are_those_of_the_model() {
    let root = shape::read(&keystone_model::schema::value()).unwrap();
    for written in [reference(), minimal()] {
        let by_model = serde_json::to_value(read(&written).unwrap()).unwrap();
        let mut by_options = written;
        fill(&root, &mut by_options);
        // Compared without order: maps of the model are sorted, those of the file are not.
        assert_eq!(by_options, by_model);
    }
}

#[test]
fn broken_inventories_fit_neither_schema_nor_model() {
    let validator = validator();
    let mut count = 0;
    for entry in std::fs::read_dir(folder("tests/cases/broken")).unwrap() {
        let case = entry.unwrap().path();
        let mut inventory = minimal();
        lay_over(&mut inventory, toml_file(&case.join("change.toml")));
        let told: Vec<String> =
            validator.iter_errors(&inventory).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(!told.is_empty(), "{}: the schema accepts it", case.display());
        assert!(read(&inventory).is_err(), "{}: the model accepts it", case.display());
        let file = case.join("expected.txt");
        let found = told.join("\n") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &found).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), found, "{}", case.display());
        count += 1;
    }
    assert!(count >= 10, "only {count} cases were found");
}
