//! The JSON Schema of the inventory, from the same types that read it.

use schemars::generate::SchemaSettings;

use crate::tables::Cluster;

/// The schema (draft 2020-12) as pretty JSON with a final newline.
#[must_use]
pub fn json_schema() -> String {
    let mut text = format!("{:#}", value());
    text.push('\n');
    text
}

/// The schema as a value.
#[must_use]
pub fn value() -> serde_json::Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Cluster>().into()
}
