//! `reference/inventory.md`: a section for every table, a row for every key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{PageError, anchor, cell, code, fill};
use crate::shape::{Field, Shape, Table};

#[derive(Serialize)]
struct Page {
    about: String,
    sections: Vec<Section>,
    forms: Vec<Form>,
}

#[derive(Serialize)]
struct Section {
    title: String,
    about: String,
    rows: Vec<Row>,
    choices: Vec<Choices>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    kind: String,
    default: String,
    about: String,
    example: String,
}

#[derive(Serialize)]
struct Choices {
    key: String,
    values: Vec<Meaning>,
}

#[derive(Serialize)]
struct Meaning {
    value: String,
    about: String,
}

#[derive(Serialize)]
struct Form {
    name: String,
    pattern: String,
    example: String,
}

/// The heading of the forms, to which types link.
const FORMS: &str = "forms-of-text";

/// Renders the page. `schema` gives the forms' examples.
///
/// # Errors
/// When the template does not fit.
pub fn page(root: &Table, schema: &Value) -> Result<String, PageError> {
    let mut writer = Writer { sections: Vec::new(), forms: BTreeMap::new() };
    let all: Vec<&Field> = root.fields.iter().collect();
    writer.section(
        "The whole",
        "What the file holds; keys that are no tables stand before the first table.",
        &all,
        "",
    );
    for field in &root.fields {
        writer.tables(field, "");
    }
    let forms = writer
        .forms
        .iter()
        .map(|(name, pattern)| Form {
            name: name.clone(),
            pattern: cell(&format!("`{pattern}`")),
            example: schema.pointer(&format!("/$defs/{name}/examples/0")).map(code).unwrap_or_default(),
        })
        .collect();
    let page = Page { about: root.about.trim().to_owned(), sections: writer.sections, forms };
    fill(include_str!("../../templates/inventory.md"), page)
}

struct Writer {
    sections: Vec<Section>,
    forms: BTreeMap<String, String>,
}

/// The header of a table as TOML writes it: `[nodes.<name>.disks]`, `[[access]]`.
fn header(path: &str, shape: &Shape) -> (String, bool) {
    match shape {
        Shape::Optional(inner) => header(path, inner),
        Shape::List { item, .. } => (header(path, item).0, true),
        Shape::Map { item, .. } => header(&format!("{path}.<name>"), item),
        _ => (path.to_owned(), false),
    }
}

fn title(path: &str, shape: &Shape) -> String {
    match header(path, shape) {
        (path, true) => format!("`[[{path}]]`"),
        (path, false) => format!("`[{path}]`"),
    }
}

impl Writer {
    /// A section for the table that a key holds, if it holds one, and for those inside of it.
    fn tables(&mut self, field: &Field, above: &str) {
        let Some((table, _)) = field.shape.table() else { return };
        let path = if above.is_empty() { field.name.clone() } else { format!("{above}.{}", field.name) };
        let below = header(&path, &field.shape).0;
        let title = title(&path, &field.shape);
        let fields: Vec<&Field> = table.fields.iter().collect();
        self.section(&title, &field.about, &fields, &below);
        for field in &table.fields {
            self.tables(field, &below);
        }
    }

    fn section(&mut self, title: &str, about: &str, fields: &[&Field], path: &str) {
        let rows = fields.iter().map(|field| self.row(field, path)).collect();
        let choices = fields
            .iter()
            .map(|field| Choices { key: field.name.clone(), values: meanings(&field.shape) })
            .filter(|choices| choices.values.iter().any(|meaning| !meaning.about.is_empty()))
            .collect();
        let section = Section { title: title.to_owned(), about: about.trim().to_owned(), rows, choices };
        self.sections.push(section);
    }

    fn row(&mut self, field: &Field, path: &str) -> Row {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        let own_table = matches!(field.shape.present(), Shape::Table(_));
        let default = match &field.default {
            None => "required".to_owned(),
            Some(Value::Null) => "none".to_owned(),
            // Its own section tells.
            Some(_) if own_table => "its defaults".to_owned(),
            Some(value) => code(value),
        };
        let kind = match field.shape.table() {
            Some(_) => {
                let title = title(&path, &field.shape);
                format!("{} [{title}](#{})", container(&field.shape), anchor(&title))
            }
            None => self.words(&field.shape),
        };
        Row {
            name: field.name.clone(),
            kind,
            default,
            about: cell(&field.about),
            example: field.example.as_ref().map(code).unwrap_or_default(),
        }
    }

    /// The type in words.
    fn words(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Bool => "true or false".to_owned(),
            Shape::Integer { least, most } => integer(*least, *most),
            Shape::Number { least: Some(least), most: Some(most) } => {
                format!("number from {least} to {most}")
            }
            Shape::Number { least: Some(least), most: None } => format!("number, {least} or more"),
            Shape::Number { .. } => "number".to_owned(),
            Shape::Text { form: Some(form), pattern: Some(pattern), .. } => {
                self.forms.insert(form.clone(), pattern.clone());
                format!("[{form}](#{FORMS})")
            }
            Shape::Text { pattern: Some(pattern), .. } => cell(&format!("text like `{pattern}`")),
            Shape::Text { filled: true, .. } => "text, not empty".to_owned(),
            Shape::Text { .. } => "text".to_owned(),
            Shape::Choice(choices) => {
                let values: Vec<String> = choices.iter().map(|choice| code(&choice.value)).collect();
                values.join(", ")
            }
            Shape::List { item, filled } => {
                let item = self.words(item);
                format!("list of {item}{}", if *filled { ", at least one" } else { "" })
            }
            Shape::Map { names, item } => {
                let item = self.words(item);
                let names = names.as_ref().map(|names| cell(&format!(" (names like `{names}`)")));
                format!("table of {item} by name{}", names.unwrap_or_default())
            }
            Shape::Either(branches) => {
                let branches: Vec<String> = branches.iter().map(|branch| self.words(&branch.shape)).collect();
                branches.join(" or ")
            }
            Shape::Optional(inner) => self.words(inner),
            Shape::Table(_) => "table".to_owned(),
        }
    }
}

/// What holds the tables that a key links to.
fn container(shape: &Shape) -> &'static str {
    match shape.present() {
        Shape::List { .. } => "list of tables",
        Shape::Map { .. } => "tables by name",
        _ => "table",
    }
}

/// Integers whose upper bound is only that of their width are told by the lower one.
fn integer(least: Option<i64>, most: Option<i64>) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("`{least}`"),
        (Some(least), Some(most)) if most < i64::from(u32::MAX) => format!("integer from {least} to {most}"),
        (Some(least), _) => format!("integer, {least} or more"),
        (None, _) => "integer".to_owned(),
    }
}

fn meanings(shape: &Shape) -> Vec<Meaning> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let choices = shape.choices().iter();
    choices.map(|c| Meaning { value: plain(&c.value), about: one_line(&c.about) }).collect()
}
