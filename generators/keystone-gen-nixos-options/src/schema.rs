//! The JSON Schema as a validator reads it.

use jsonschema::Draft;
use serde_json::Value;
use thiserror::Error;

/// Path of the schema below the output folder.
pub const SCHEMA: &str = "inventory.schema.json";

/// Why a text is no schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// Not JSON.
    #[error("is not JSON: {0}")]
    Json(String),
    /// Another draft than the one that editors and the options' renderer expect.
    #[error("does not say that it is of draft 2020-12 (`$schema`)")]
    Draft,
    /// The draft's own schema refuses it.
    #[error("is not valid by draft 2020-12 at `{at}`: {reason}")]
    Invalid {
        /// A JSON pointer.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// It cannot be compiled: a reference leads nowhere, a pattern is none.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

/// Reads a schema as a validator of inventories would.
///
/// # Errors
/// When it is not a schema of draft 2020-12.
pub fn read(text: &str) -> Result<Value, SchemaError> {
    let schema: Value = serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
    if Draft::Draft202012.detect(&schema) != Draft::Draft202012
        || schema.get("$schema").and_then(Value::as_str)
            != Some("https://json-schema.org/draft/2020-12/schema")
    {
        return Err(SchemaError::Draft);
    }
    jsonschema::draft202012::meta::validate(&schema).map_err(|error| SchemaError::Invalid {
        at: error.instance_path().to_string(),
        reason: error.to_string(),
    })?;
    jsonschema::draft202012::new(&schema).map_err(|error| SchemaError::Unusable(error.to_string()))?;
    Ok(schema)
}
