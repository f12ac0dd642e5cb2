//! Lists that several writers share: sets, and lists keyed like maps.

use serde_json::Value;

use super::{Problem, walk};

pub(super) fn check(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    walk(schema, path, &mut |node, path| {
        match node.get("x-kubernetes-list-type").map(Value::as_str) {
            None => {
                if node.get("x-kubernetes-list-map-keys").is_some() {
                    problems.push(Problem::new(
                        format!("{path}.x-kubernetes-list-map-keys"),
                        "needs x-kubernetes-list-type: map",
                    ));
                }
            }
            Some(kind) => list(node, kind.unwrap_or_default(), path, problems),
        }
        if let Some(kind) = node.get("x-kubernetes-map-type")
            && (node["type"] != "object" || !(kind == "granular" || kind == "atomic"))
        {
            problems.push(Problem::new(
                format!("{path}.x-kubernetes-map-type"),
                "must be granular or atomic, on type object",
            ));
        }
    });
}

fn list(node: &Value, kind: &str, path: &str, problems: &mut Vec<Problem>) {
    let keys = node.get("x-kubernetes-list-map-keys");
    if node["type"] != "array" {
        problems.push(Problem::new(format!("{path}.x-kubernetes-list-type"), "needs type array"));
    }
    if kind != "map" && keys.is_some() {
        problems.push(Problem::new(
            format!("{path}.x-kubernetes-list-map-keys"),
            "needs x-kubernetes-list-type: map",
        ));
    }
    match kind {
        "atomic" => {}
        "set" => {
            let items = &node["items"];
            let whole =
                items["x-kubernetes-list-type"] == "atomic" || items["x-kubernetes-map-type"] == "atomic";
            if !is_scalar(items) && !whole {
                problems.push(Problem::new(
                    format!("{path}.items"),
                    "must be scalar or atomic in a list of type set",
                ));
            }
        }
        "map" => keyed(node, keys, path, problems),
        _ => problems.push(Problem::new(
            format!("{path}.x-kubernetes-list-type"),
            format!("{kind:?} must be atomic, set or map"),
        )),
    }
}

fn keyed(node: &Value, keys: Option<&Value>, path: &str, problems: &mut Vec<Problem>) {
    let items = &node["items"];
    let keys: Vec<&str> =
        keys.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let keys_path = format!("{path}.x-kubernetes-list-map-keys");
    if keys.is_empty() {
        problems.push(Problem::new(&keys_path, "must name at least one key"));
    }
    if items["type"] != "object" {
        problems.push(Problem::new(format!("{path}.items.type"), "must be object in a list of type map"));
    }
    for key in keys {
        let Some(property) = items["properties"].get(key) else {
            problems.push(Problem::new(&keys_path, format!("{key} is no property of the elements")));
            continue;
        };
        if !is_scalar(property) {
            problems.push(Problem::new(&keys_path, format!("{key} must be scalar")));
        }
        let required = items["required"].as_array().is_some_and(|names| names.iter().any(|name| name == key));
        if !required && property.get("default").is_none() {
            problems.push(Problem::new(&keys_path, format!("{key} must be required or have a default")));
        }
    }
}

fn is_scalar(node: &Value) -> bool {
    node["type"].as_str().is_some_and(|kind| kind != "object" && kind != "array")
}
