//! Reads rendered manifests again, with the rules that the API server applies to a CRD.

use serde_json::Value;

use crate::{
    GROUP,
    schema::{self, Problem},
};

/// Judges the text of one manifest; no problem means that a cluster would take it.
#[must_use]
pub fn manifest(text: &str) -> Vec<Problem> {
    match serde_saphyr::from_str::<Value>(text) {
        Ok(document) => definition(&document),
        Err(error) => vec![Problem::new("", format!("is no YAML document: {error}"))],
    }
}

fn definition(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    expect(document, "/apiVersion", "apiextensions.k8s.io/v1", &mut problems);
    expect(document, "/kind", "CustomResourceDefinition", &mut problems);
    expect(document, "/spec/group", GROUP, &mut problems);
    names(document, &mut problems);
    let Some(versions) = document.pointer("/spec/versions").and_then(Value::as_array) else {
        problems.push(Problem::new("spec.versions", "must be a list"));
        return problems;
    };
    let stored = versions.iter().filter(|version| version["storage"] == true).count();
    if stored != 1 {
        problems.push(Problem::new(
            "spec.versions",
            format!("{stored} versions are stored: exactly one must be"),
        ));
    }
    if document.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        problems.push(Problem::new("spec.preserveUnknownFields", "must be false or absent"));
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let Some(root) = version.pointer("/schema/openAPIV3Schema") else {
            problems.push(Problem::new(format!("{path}.schema.openAPIV3Schema"), "must be set"));
            continue;
        };
        columns(version, root, &path, &mut problems);
        subresources(version, root, &path, &mut problems);
        problems.extend(schema::check(root, &format!("{path}.schema.openAPIV3Schema")));
    }
    problems
}

fn expect(document: &Value, pointer: &str, wanted: &str, problems: &mut Vec<Problem>) {
    let found = document.pointer(pointer).unwrap_or(&Value::Null);
    if found != wanted {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        problems.push(Problem::new(path, format!("{found} must be {wanted:?}")));
    }
}

fn names(document: &Value, problems: &mut Vec<Problem>) {
    let spec = &document["spec"];
    let plural = spec["names"]["plural"].as_str().unwrap_or_default();
    let name = format!("{plural}.{}", spec["group"].as_str().unwrap_or_default());
    expect(document, "/metadata/name", &name, problems);
    for word in ["kind", "plural", "singular"] {
        let text = spec["names"][word].as_str().unwrap_or_default();
        if text.is_empty() {
            problems.push(Problem::new(format!("spec.names.{word}"), "must be set"));
        } else if word != "kind" && text.chars().any(char::is_uppercase) {
            problems.push(Problem::new(format!("spec.names.{word}"), format!("{text:?} must be lower case")));
        }
    }
    if spec["scope"] != "Cluster" && spec["scope"] != "Namespaced" {
        problems.push(Problem::new("spec.scope", format!("{} must be Cluster or Namespaced", spec["scope"])));
    }
}

fn columns(version: &Value, root: &Value, path: &str, problems: &mut Vec<Problem>) {
    let columns = version["additionalPrinterColumns"].as_array();
    for (index, column) in columns.into_iter().flatten().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        let kind = column["type"].as_str().unwrap_or_default();
        if !["boolean", "date", "integer", "number", "string"].contains(&kind) {
            problems.push(Problem::new(format!("{path}.type"), format!("{kind:?} is no type of a column")));
        }
        let json_path = column["jsonPath"].as_str().unwrap_or_default();
        if resolve(root, json_path).is_none() {
            problems
                .push(Problem::new(format!("{path}.jsonPath"), format!("{json_path:?} leads to no field")));
        }
    }
}

fn subresources(version: &Value, root: &Value, path: &str, problems: &mut Vec<Problem>) {
    let Some(scale) = version.pointer("/subresources/scale") else { return };
    let path = format!("{path}.subresources.scale");
    for (word, below, kind) in [
        ("specReplicasPath", ".spec.", "integer"),
        ("statusReplicasPath", ".status.", "integer"),
        ("labelSelectorPath", ".status.", "string"),
    ] {
        let json_path = scale[word].as_str().unwrap_or_default();
        let found = resolve(root, json_path).is_some_and(|field| field["type"] == kind);
        if !json_path.starts_with(below) || !found {
            let message = format!("{json_path:?} must lead to a field of type {kind} below {below}");
            problems.push(Problem::new(format!("{path}.{word}"), message));
        }
    }
    if version.pointer("/subresources/status").is_none() {
        problems.push(Problem::new(path, "needs the status subresource"));
    }
}

/// The schema of the field that a JSON path of a column leads to. Knows names and one filter
/// (`[?(@.type=="Ready")]`), which is all that columns need.
fn resolve<'a>(root: &'a Value, json_path: &str) -> Option<&'a Value> {
    let mut rest = json_path.strip_prefix('.')?;
    if rest.starts_with("metadata.") {
        // The schema of metadata is the API server's own.
        return Some(root);
    }
    let mut node = root;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        node = node["properties"].get(name)?;
        rest = tail;
        if let Some(filter) = rest.strip_prefix("[?(@.") {
            let (filter, tail) = filter.split_once(")]")?;
            let (key, _) = filter.split_once("==")?;
            node = node.get("items")?;
            node["properties"].get(key)?;
            rest = tail;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    Some(node)
}
