//! The rules that make a schema structural: the form of a value never depends on the value.

use serde_json::{Value, json};

use super::{
    Problem, children, flag,
    keywords::{FORBIDDEN, FORMATS, KNOWN, LOGIC, NOT_IN_LOGIC, TYPES},
    walk,
};

pub(super) fn check(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    if schema["type"] != "object" {
        problems.push(Problem::new(format!("{path}.type"), "must be object at the root"));
    }
    if schema.get("additionalProperties").is_some() {
        problems.push(Problem::new(format!("{path}.additionalProperties"), "must not be set at the root"));
    }
    metadata(schema, path, problems);
    walk(schema, path, &mut |node, path| {
        words(node, path, problems);
        shape(node, path, problems);
        values(node, path, problems);
        for word in LOGIC {
            for (branch, branch_path) in branches(node, path, word) {
                logic(branch, node, &branch_path, problems);
            }
        }
    });
    described(schema, path, problems);
}

/// The API server owns the schema of `metadata`; a CRD may only restrict names.
fn metadata(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    let Some(metadata) = schema["properties"].get("metadata") else { return };
    let path = format!("{path}.properties[metadata]");
    if metadata["type"] != "object" {
        problems.push(Problem::new(format!("{path}.type"), "must be object"));
    }
    for word in metadata.as_object().into_iter().flat_map(|map| map.keys()) {
        if word != "type" && word != "properties" {
            problems.push(Problem::new(
                format!("{path}.{word}"),
                "must not be set: metadata has a schema of its own",
            ));
        }
    }
    for (name, _) in metadata["properties"].as_object().into_iter().flatten() {
        if name != "name" && name != "generateName" {
            problems.push(Problem::new(
                format!("{path}.properties[{name}]"),
                "only name and generateName of metadata may be restricted",
            ));
        }
    }
}

fn words(node: &Value, path: &str, problems: &mut Vec<Problem>) {
    let Some(map) = node.as_object() else {
        problems.push(Problem::new(path, "must be a schema object"));
        return;
    };
    for word in map.keys().map(String::as_str) {
        if FORBIDDEN.contains(&word) {
            problems.push(Problem::new(format!("{path}.{word}"), "is forbidden in a structural schema"));
        } else if !KNOWN.contains(&word) {
            problems.push(Problem::new(format!("{path}.{word}"), "is no word of a structural schema"));
        }
    }
    if let Some(format) = node.get("format")
        && !format.as_str().is_some_and(|format| FORMATS.contains(&format))
    {
        problems.push(Problem::new(
            format!("{path}.format"),
            format!("{format} is no format that the API server applies"),
        ));
    }
}

fn shape(node: &Value, path: &str, problems: &mut Vec<Problem>) {
    let mut problem = |word: &str, message: &str| {
        problems.push(Problem::new(format!("{path}.{word}"), message));
    };
    let kind = node.get("type").and_then(Value::as_str);
    let free = flag(node, "x-kubernetes-preserve-unknown-fields");
    match (node.get("type"), kind) {
        (None, _) if flag(node, "x-kubernetes-int-or-string") || free => {}
        (Some(_), _) if flag(node, "x-kubernetes-int-or-string") => {
            problem("type", "must be absent beside x-kubernetes-int-or-string");
        }
        (Some(_), Some(kind)) if TYPES.contains(&kind) => {}
        (None, _) => problem("type", "must be set: a structural schema types every node"),
        _ => problem("type", "must be one of array, boolean, integer, number, object and string"),
    }
    if node.get("properties").is_some() && node.get("additionalProperties").is_some() {
        problem("additionalProperties", "and properties exclude each other");
    }
    match node.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            problem("additionalProperties", "must not be false: unknown fields are pruned");
        }
        Some(Value::Bool(true)) => problem("additionalProperties", "must be a schema that types the values"),
        _ => {}
    }
    for (word, owner) in [("properties", "object"), ("additionalProperties", "object"), ("items", "array")] {
        if node.get(word).is_some() && kind != Some(owner) {
            problem(word, &format!("needs type {owner}"));
        }
    }
    if kind == Some("array") && !node["items"].is_object() {
        problem("items", "must be one schema: the elements of a list have one form");
    }
    if flag(node, "x-kubernetes-embedded-resource") {
        if kind != Some("object") {
            problem("x-kubernetes-embedded-resource", "needs type object");
        }
        if node.get("additionalProperties").is_some() {
            problem("additionalProperties", "must not be set beside x-kubernetes-embedded-resource");
        }
        if !free && node["properties"].as_object().is_none_or(serde_json::Map::is_empty) {
            problem(
                "x-kubernetes-embedded-resource",
                "needs properties or x-kubernetes-preserve-unknown-fields",
            );
        }
    }
    if free && flag(node, "x-kubernetes-int-or-string") {
        problem("x-kubernetes-preserve-unknown-fields", "must not be set beside x-kubernetes-int-or-string");
    }
    if node.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        problem("x-kubernetes-preserve-unknown-fields", "must be true or absent");
    }
    for name in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !free && node.get("additionalProperties").is_none() && node["properties"].get(name).is_none() {
            problem(
                "required",
                &format!("{name} is no property: it would be pruned, and no object could be valid"),
            );
        }
    }
}

fn values(node: &Value, path: &str, problems: &mut Vec<Problem>) {
    let mut problem = |word: &str, message: String| {
        problems.push(Problem::new(format!("{path}.{word}"), message));
    };
    if let Some(pattern) = node.get("pattern").and_then(Value::as_str)
        && let Err(error) = regex::Regex::new(pattern)
    {
        // The error draws a picture; its last line says why.
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        problem("pattern", format!("{pattern:?} is no regular expression: {reason}"));
    }
    for (least, most) in [
        ("minimum", "maximum"),
        ("minItems", "maxItems"),
        ("minLength", "maxLength"),
        ("minProperties", "maxProperties"),
    ] {
        if let (Some(low), Some(high)) = (node[least].as_f64(), node[most].as_f64())
            && low > high
        {
            problem(least, format!("{low} is more than {most} {high}: no value could be valid"));
        }
    }
    if let Some(choices) = node.get("enum") {
        let kind = node["type"].as_str();
        match choices.as_array() {
            Some(choices) if !choices.is_empty() => {
                for choice in choices.iter().filter(|choice| !is_of(choice, kind)) {
                    problem("enum", format!("{choice} is not of type {}", kind.unwrap_or("object")));
                }
            }
            _ => problem("enum", "must be a list of at least one value".to_owned()),
        }
    }
}

/// Whether a value has a type, by its JSON form.
fn is_of(value: &Value, kind: Option<&str>) -> bool {
    match kind {
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        _ => true,
    }
}

fn branches<'a>(node: &'a Value, path: &str, word: &str) -> Vec<(&'a Value, String)> {
    match node.get(word) {
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(index, branch)| (branch, format!("{path}.{word}[{index}]")))
            .collect(),
        Some(branch) => vec![(branch, format!("{path}.{word}"))],
        None => Vec::new(),
    }
}

/// Judges a schema below `allOf`, `anyOf`, `oneOf` or `not` of the node `outer`: it only judges values, and
/// names no field that `outer` does not describe.
fn logic(branch: &Value, outer: &Value, path: &str, problems: &mut Vec<Problem>) {
    if is_integer_or_string_branch(branch, outer) {
        return;
    }
    words(branch, path, problems);
    values(branch, path, problems);
    for (word, _) in branch.as_object().into_iter().flatten() {
        if NOT_IN_LOGIC.contains(&word.as_str()) || word.starts_with("x-kubernetes-") {
            problems.push(Problem::new(
                format!("{path}.{word}"),
                "must not be set below allOf, anyOf, oneOf or not: it describes, and only the node itself may",
            ));
        }
    }
    for (name, child) in branch["properties"].as_object().into_iter().flatten() {
        let child_path = format!("{path}.properties[{name}]");
        if name == "metadata" {
            problems.push(Problem::new(&child_path, "must not be set below a condition"));
        }
        match outer["properties"].get(name) {
            Some(described) => logic(child, described, &child_path, problems),
            None => problems.push(Problem::new(child_path, "is described nowhere outside of the condition")),
        }
    }
    if let Some(child) = branch.get("items") {
        let child_path = format!("{path}.items");
        match outer.get("items") {
            Some(described) => logic(child, described, &child_path, problems),
            None => problems.push(Problem::new(child_path, "is described nowhere outside of the condition")),
        }
    }
    for word in LOGIC {
        for (inner, inner_path) in branches(branch, path, word) {
            logic(inner, outer, &inner_path, problems);
        }
    }
}

/// The two places where a condition may hold a type: `anyOf: [{type: integer}, {type: string}]`, alone or as the
/// first of `allOf`.
fn is_integer_or_string_branch(branch: &Value, outer: &Value) -> bool {
    let either = json!([{"type": "integer"}, {"type": "string"}]);
    flag(outer, "x-kubernetes-int-or-string")
        && (outer["anyOf"] == either || outer["allOf"][0]["anyOf"] == either)
        && (branch == &json!({"type": "integer"}) || branch == &json!({"type": "string"}))
}

/// Our own rule: a reader of `kubectl explain` finds a sentence at every field.
fn described(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    walk(schema, path, &mut |node, path| {
        for (step, child) in children(node) {
            let super::Step::Property(name) = step else { continue };
            let given =
                path.ends_with("openAPIV3Schema") && ["apiVersion", "kind", "metadata"].contains(&name);
            let text = child["description"].as_str().unwrap_or_default();
            if !given && text.trim().is_empty() {
                let path = super::child_path(path, step);
                problems.push(Problem::new(format!("{path}.description"), "must be set"));
            }
        }
    });
}
