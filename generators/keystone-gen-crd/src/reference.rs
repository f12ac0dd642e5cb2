//! The reference page: every field of every kind, from the rendered schemas.

use minijinja::{Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Error,
    schema::{Step, children},
};

const TEMPLATE: &str = include_str!("reference.md.j2");

/// One field.
#[derive(Serialize)]
struct Field {
    path: String,
    kind: String,
    default: String,
    description: String,
    validation: Vec<String>,
}

/// The reference page in Markdown, for `docs/reference/crds.md`.
///
/// # Errors
/// When a definition has no form in JSON or the template has a mistake; both are mistakes in this crate.
pub fn reference() -> Result<String, Error> {
    let kinds: Vec<Value> = crate::definitions()?.iter().map(kind).collect();
    let page = json!({"group": crate::GROUP, "version": crate::VERSION, "kinds": kinds});
    written(page).map_err(|source| Error::Reference { source })
}

fn written(page: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    let mut text = environment.render_str(TEMPLATE, Serde(page))?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

fn kind(definition: &Value) -> Value {
    let version = &definition["spec"]["versions"][0];
    let root = &version["schema"]["openAPIV3Schema"];
    let section = |name: &str| {
        let mut fields = Vec::new();
        collect(&root["properties"][name], name, &mut fields);
        json!({"name": name, "fields": fields})
    };
    json!({
        "names": definition["spec"]["names"],
        "scope": definition["spec"]["scope"],
        "description": root["description"],
        "rules": rules(&root["properties"]["spec"]),
        "sections": [section("spec"), section("status")],
    })
}

/// Appends the fields below a node, each before the fields below it, in the order of the schema.
fn collect(node: &Value, path: &str, fields: &mut Vec<Field>) {
    for (step, child) in children(node) {
        let (path, required) = match step {
            Step::Property(name) => {
                let names = node["required"].as_array().into_iter().flatten();
                (format!("{path}.{name}"), names.into_iter().any(|required| required == name))
            }
            Step::Items => (format!("{path}[]"), false),
            Step::Values => (format!("{path}.*"), false),
        };
        if matches!(step, Step::Property(_)) {
            fields.push(field(child, &path, required));
        }
        collect(child, &path, fields);
    }
}

fn field(node: &Value, path: &str, required: bool) -> Field {
    let default = match node.get("default") {
        Some(default) => format!("`{default}`"),
        None if required => "required".to_owned(),
        None => String::new(),
    };
    let mut validation = bounds(node);
    validation.extend(
        inner(node).map(bounds).unwrap_or_default().into_iter().map(|bound| format!("each: {bound}")),
    );
    validation.extend(rules(node));
    validation.extend(inner(node).map(rules).unwrap_or_default());
    Field {
        path: path.to_owned(),
        kind: type_name(node),
        default: cell(&default),
        description: cell(node["description"].as_str().unwrap_or_default()),
        validation: validation.iter().map(|text| cell(text)).collect(),
    }
}

/// What a list or map holds.
fn inner(node: &Value) -> Option<&Value> {
    node.get("items").or_else(|| node.get("additionalProperties"))
}

fn type_name(node: &Value) -> String {
    match node["type"].as_str() {
        Some("array") => format!("list of {}", type_name(&node["items"])),
        Some("object") if node.get("additionalProperties").is_some() => {
            format!("map of {}", type_name(&node["additionalProperties"]))
        }
        Some(kind) => kind.to_owned(),
        None => "integer or string".to_owned(),
    }
}

fn bounds(node: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(choices) = node["enum"].as_array() {
        let choices: Vec<String> = choices.iter().map(|choice| format!("`{}`", plain(choice))).collect();
        found.push(format!("one of {}", choices.join(", ")));
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " elements"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        match (node.get(least), node.get(most)) {
            (Some(low), Some(high)) => found.push(format!("{low} to {high}{unit}")),
            (Some(low), None) => found.push(format!("at least {low}{unit}")),
            (None, Some(high)) => found.push(format!("at most {high}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = node["pattern"].as_str() {
        found.push(format!("matches `{pattern}`"));
    }
    match node["x-kubernetes-list-type"].as_str() {
        Some("set") => found.push("no element twice".to_owned()),
        Some("map") => {
            let keys = node["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            let keys: Vec<String> = keys.map(|key| format!("`{}`", plain(key))).collect();
            found.push(format!("unique by {}", keys.join(", ")));
        }
        _ => {}
    }
    found
}

fn rules(node: &Value) -> Vec<String> {
    let rules = node["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["message"].as_str()).map(str::to_owned).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Makes a text fit into one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|")
}
