//! Pruning: what the API server does to fields that a schema does not know.

use serde_json::{Map, Value};

use super::flag;

/// What is left of an object, and what is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    /// The object without the fields that its schema does not know.
    pub object: Value,
    /// The paths of the fields that went, in the order of the object: `spec.aws.zone`, `spec.hosts[1].name`.
    pub dropped: Vec<String>,
}

/// Prunes a whole object, for which `apiVersion`, `kind` and `metadata` always stay.
#[must_use]
pub fn prune(schema: &Value, object: &Value) -> Pruned {
    start(schema, object, true)
}

/// Drops nulls from fields that are not nullable, as the API server does after pruning and before it fills in
/// defaults: `aws: null` is a pool without `aws`. Nulls inside lists stay, and are refused later.
#[must_use]
pub fn without_nulls(schema: &Value, object: &Value) -> Value {
    match object {
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, field)| {
                let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                let known = known.unwrap_or(&Value::Null);
                let gone = field.is_null() && known.is_object() && !flag(known, "nullable");
                (!gone).then(|| (name.clone(), without_nulls(known, field)))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(|item| without_nulls(&schema["items"], item)).collect(),
        scalar => scalar.clone(),
    }
}

/// Prunes a part of an object.
pub(super) fn below(schema: &Value, value: &Value) -> Pruned {
    start(schema, value, false)
}

fn start(schema: &Value, object: &Value, resource: bool) -> Pruned {
    let mut dropped = Vec::new();
    let object = value(schema, object, "", resource, &mut dropped);
    Pruned { object, dropped }
}

fn value(schema: &Value, given: &Value, path: &str, resource: bool, dropped: &mut Vec<String>) -> Value {
    match given {
        Value::Object(fields) => Value::Object(object(schema, fields, path, resource, dropped)),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    value(&schema["items"], item, &format!("{path}[{index}]"), false, dropped)
                })
                .collect(),
        ),
        scalar => scalar.clone(),
    }
}

fn object(
    schema: &Value,
    fields: &Map<String, Value>,
    path: &str,
    resource: bool,
    dropped: &mut Vec<String>,
) -> Map<String, Value> {
    let free = flag(schema, "x-kubernetes-preserve-unknown-fields");
    let resource = resource || flag(schema, "x-kubernetes-embedded-resource");
    let mut kept = Map::new();
    for (name, field) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let known = schema["properties"]
            .get(name)
            .or_else(|| schema.get("additionalProperties").filter(|values| values.is_object()));
        if resource && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            // The API server prunes metadata by its own schema, not by that of the CRD.
            kept.insert(name.clone(), field.clone());
        } else if let Some(known) = known {
            kept.insert(name.clone(), value(known, field, &path, false, dropped));
        } else if free {
            kept.insert(name.clone(), field.clone());
        } else {
            dropped.push(path);
        }
    }
    kept
}
