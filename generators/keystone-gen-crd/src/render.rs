//! The manifests, from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::{Error, blobstore::BlobStore, nodepool::NodePool};

/// The label that marks what belongs to this system.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "keystone");

/// The CRDs as JSON documents, in the order of their names: what is written to disk and what the
/// operator applies.
///
/// # Errors
/// When a type has no form in JSON, which is a mistake in this crate.
pub fn definitions() -> Result<Vec<Value>, Error> {
    [BlobStore::crd(), NodePool::crd()].iter().map(definition).collect()
}

fn definition(crd: &CustomResourceDefinition) -> Result<Value, Error> {
    let mut value = serde_json::to_value(crd).map_err(|source| Error::Json { source })?;
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.insert("labels".to_owned(), serde_json::json!({PART_OF.0: PART_OF.1}));
    }
    tidy(&mut value);
    Ok(value)
}

/// Makes a schema say what we mean where schemars and k8s-openapi say something near it.
///
/// - `nullable` goes: an explicit null would count as present in `has()`, so that `aws: null` would pass for
///   a pool in full form. Without the word the API server takes a null for an absent field.
/// - Formats that Kubernetes does not know (`uint32`) go: the API server warns about them.
/// - Whole numbers are written as such: k8s-openapi keeps bounds as floating-point numbers.
fn tidy(node: &mut Value) {
    match node {
        Value::Object(map) => {
            if map.get("type").is_none_or(Value::is_string) {
                // In any other map `type`, `nullable` or `format` would be the name of a property.
                map.retain(|word, value| {
                    let unsigned = value.as_str().is_some_and(|format| format.starts_with("uint"));
                    !(word == "nullable" && value.is_boolean() || word == "format" && unsigned)
                });
            }
            for bound in ["minimum", "maximum"] {
                if let Some(number) = map.get(bound).and_then(Value::as_f64).and_then(whole) {
                    map.insert(bound.to_owned(), Value::from(number));
                }
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn whole(number: f64) -> Option<i64> {
    // Bounds are small; whatever does not survive the way through text is left alone.
    format!("{number:.0}").parse::<i64>().ok().filter(|_| number.fract() == 0.0)
}

/// The YAML text of one definition.
///
/// # Errors
/// When the document has no form in YAML, which is a mistake in this crate.
pub(crate) fn yaml(definition: &Value) -> Result<String, Error> {
    serde_saphyr::to_string(definition).map_err(|source| Error::Yaml { source: Box::new(source) })
}
