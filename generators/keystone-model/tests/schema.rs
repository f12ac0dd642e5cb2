//! The schema as it is checked in. `UPDATE_GOLDEN=1 cargo test -p keystone-model` rewrites it; the diff shows what
//! changes for editors and for NixOS options.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

use std::path::Path;

#[test]
fn the_schema_is_the_one_checked_in() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let schema = keystone_model::schema::json_schema();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    let line = schema.lines().zip(checked_in.lines()).position(|(now, then)| now != then);
    assert!(
        schema == checked_in,
        "schema.json is stale from line {}; rewrite it with `UPDATE_GOLDEN=1 cargo test -p keystone-model`",
        line.unwrap_or_else(|| schema.lines().count().min(checked_in.lines().count())) + 1,
    );
}
