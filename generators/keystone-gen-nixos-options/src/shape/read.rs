//! Reading shapes from a JSON Schema. A keyword that is not understood is an error: what the options left out would be
//! accepted by Nix and refused by the generators.

use serde_json::{Map, Value};
use thiserror::Error;

use super::scalar;
use super::{Branch, Choice, Field, Shape, Table};

/// Why a schema cannot be turned into options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the schema cannot be turned into options at `{at}`: {reason}")]
pub struct ShapeError {
    /// Where, as a JSON pointer from the root.
    pub at: String,
    /// What is in the way.
    pub reason: String,
}

/// Keywords that say something about a value without restricting it. `format` is one by the standard's default.
const ANNOTATIONS: [&str; 8] =
    ["$schema", "$defs", "title", "description", "default", "examples", "format", "deprecated"];

/// How deep references are followed for an example.
const EXAMPLE_DEPTH: usize = 8;

/// Reads the root table.
///
/// # Errors
/// The first place that has no counterpart among options.
pub fn read(schema: &Value) -> Result<Table, ShapeError> {
    let root = Node { at: String::new(), json: schema };
    let mut reader = Reader { definitions: schema.get("$defs").unwrap_or(&Value::Null), open: Vec::new() };
    match reader.shape(&root)? {
        Shape::Table(table) => Ok(table),
        _ => Err(root.refuse("the whole is not a table")),
    }
}

/// A part of the schema, and where it is.
#[derive(Clone)]
pub(super) struct Node<'s> {
    at: String,
    pub(super) json: &'s Value,
}

impl<'s> Node<'s> {
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ShapeError {
        let at = if self.at.is_empty() { "/" } else { &self.at };
        ShapeError { at: at.to_owned(), reason: reason.into() }
    }

    fn below(&self, steps: &[&str], json: &'s Value) -> Self {
        let mut at = self.at.clone();
        for step in steps {
            at = format!("{at}/{}", step.replace('~', "~0").replace('/', "~1"));
        }
        Self { at, json }
    }

    fn get(&self, key: &str) -> Option<Self> {
        self.json.get(key).map(|json| self.below(&[key], json))
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn elements(&self, key: &str) -> Vec<Self> {
        let list = self.json.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().enumerate().map(|(n, json)| self.below(&[key, &n.to_string()], json)).collect()
    }

    fn members(&self, key: &str) -> Vec<(&'s str, Self)> {
        let object = self.json.get(key).and_then(Value::as_object);
        let members = object.into_iter().flatten();
        members.map(|(name, json)| (name.as_str(), self.below(&[key, name], json))).collect()
    }

    /// Refuses keywords that are neither annotations nor among those that the caller reads.
    pub(super) fn allow(&self, known: &[&str]) -> Result<(), ShapeError> {
        let object = self.json.as_object().ok_or_else(|| self.refuse("it is no object"))?;
        let foreign =
            object.keys().find(|k| !ANNOTATIONS.contains(&k.as_str()) && !known.contains(&k.as_str()));
        match foreign {
            Some(keyword) => Err(self.refuse(format!("no option type does what `{keyword}` says here"))),
            None => Ok(()),
        }
    }
}

struct Reader<'s> {
    definitions: &'s Value,
    /// Definitions that are being followed.
    open: Vec<&'s str>,
}

impl<'s> Reader<'s> {
    fn shape(&mut self, node: &Node<'s>) -> Result<Shape, ShapeError> {
        let has = |keyword: &str| node.json.get(keyword).is_some();
        if has("$ref") {
            return self.reference(node);
        }
        if has("oneOf") {
            node.allow(&["oneOf"])?;
            return choices(&node.elements("oneOf"));
        }
        if has("anyOf") {
            node.allow(&["anyOf"])?;
            return self.any_of(node);
        }
        if has("enum") || has("const") {
            return choices(std::slice::from_ref(node));
        }
        match node.json.get("type") {
            Some(Value::String(kind)) => self.typed(node, kind),
            Some(Value::Array(kinds)) => {
                let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
                match kinds.as_slice() {
                    [kind, "null"] | ["null", kind] => self.typed(node, kind).map(optional),
                    _ => Err(node.refuse("several types are only understood as one and `null`")),
                }
            }
            _ => Err(node.refuse("it has no type")),
        }
    }

    fn reference(&mut self, node: &Node<'s>) -> Result<Shape, ShapeError> {
        node.allow(&["$ref"])?;
        let reference = node.json.get("$ref").and_then(Value::as_str).unwrap_or_default();
        let found =
            reference.strip_prefix("#/$defs/").and_then(|n| self.definitions.as_object()?.get_key_value(n));
        let Some((name, json)) = found else {
            return Err(node.refuse(format!("`{reference}` is not among the definitions")));
        };
        if self.open.contains(&name.as_str()) {
            return Err(node.refuse(format!("`{name}` contains itself, and a type cannot")));
        }
        self.open.push(name);
        let shape = self.shape(&Node { at: format!("/$defs/{name}"), json })?;
        self.open.pop();
        Ok(match shape {
            Shape::Text { form: None, pattern: pattern @ Some(_), filled } => {
                Shape::Text { form: Some(name.clone()), pattern, filled }
            }
            shape => shape,
        })
    }

    fn any_of(&mut self, node: &Node<'s>) -> Result<Shape, ShapeError> {
        let is_null = |member: &Node| member.json.get("type").and_then(Value::as_str) == Some("null");
        let (null, some): (Vec<_>, Vec<_>) = node.elements("anyOf").into_iter().partition(is_null);
        let mut branches = Vec::new();
        for member in &some {
            branches.push(Branch { about: member.text("description"), shape: self.shape(member)? });
        }
        let shape = match branches.len() {
            0 => return Err(node.refuse("it allows nothing")),
            1 => branches.remove(0).shape,
            _ if branches.iter().any(|branch| branch.shape.table().is_some()) => {
                return Err(node.refuse("Nix cannot tell tables apart by trying one after the other"));
            }
            _ => Shape::Either(branches),
        };
        Ok(if null.is_empty() { shape } else { optional(shape) })
    }

    fn typed(&mut self, node: &Node<'s>, kind: &str) -> Result<Shape, ShapeError> {
        match kind {
            "boolean" => node.allow(&["type"]).map(|()| Shape::Bool),
            "integer" => scalar::integer(node),
            "number" => scalar::number(node),
            "string" => scalar::text(node),
            "array" => self.list(node),
            "object" if node.json.get("properties").is_some() => self.table(node).map(Shape::Table),
            "object" => self.map(node),
            other => Err(node.refuse(format!("options have no type `{other}`"))),
        }
    }

    fn list(&mut self, node: &Node<'s>) -> Result<Shape, ShapeError> {
        node.allow(&["type", "items", "minItems"])?;
        let items = node.get("items").ok_or_else(|| node.refuse("its elements have no type"))?;
        let filled = match node.json.get("minItems").and_then(Value::as_u64) {
            None | Some(0) => false,
            Some(1) => true,
            Some(n) => return Err(node.refuse(format!("no option type asks for at least {n} elements"))),
        };
        Ok(Shape::List { item: Box::new(self.shape(&items)?), filled })
    }

    fn map(&mut self, node: &Node<'s>) -> Result<Shape, ShapeError> {
        node.allow(&["type", "additionalProperties", "patternProperties"])?;
        let by_pattern = node.members("patternProperties");
        let (names, item) = match (by_pattern.as_slice(), node.get("additionalProperties")) {
            ([], Some(item)) if item.json.is_object() => (None, item),
            ([(names, item)], Some(others)) if others.json == &Value::Bool(false) => {
                (Some((*names).to_owned()), item.clone())
            }
            _ => return Err(node.refuse("a set needs one type for all of its values, and no others beside")),
        };
        Ok(Shape::Map { names, item: Box::new(self.shape(&item)?) })
    }

    fn table(&mut self, node: &Node<'s>) -> Result<Table, ShapeError> {
        node.allow(&["type", "properties", "required", "additionalProperties"])?;
        if node.json.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(node.refuse("it takes keys that it does not name, and a submodule takes none"));
        }
        let required = node.elements("required");
        let mut fields = Vec::new();
        for (name, property) in node.members("properties") {
            let needed = required.iter().any(|r| r.json.as_str() == Some(name));
            fields.push(self.field(name, &property, needed)?);
        }
        Ok(Table { about: node.text("description"), fields })
    }

    fn field(&mut self, name: &str, node: &Node<'s>, required: bool) -> Result<Field, ShapeError> {
        let shape = self.shape(node)?;
        let about = node.text("description");
        if about.trim().is_empty() {
            return Err(node.refuse("it has no description"));
        }
        let default = match (node.json.get("default"), required) {
            (_, true) => None,
            (Some(default), false) => Some(complete(&shape, default)),
            (None, false) if matches!(shape, Shape::Optional(_)) => Some(Value::Null),
            (None, false) => {
                return Err(node.refuse("it may be left out, but nothing says what it then is"));
            }
        };
        let example = self.example(node.json, 0).filter(|example| default.as_ref() != Some(example));
        Ok(Field { name: name.to_owned(), about, shape, default, example })
    }

    /// The first example of a value, or of what it refers to or consists of.
    fn example(&self, json: &Value, depth: usize) -> Option<Value> {
        if let Some(example) = json.get("examples").and_then(|e| e.get(0)) {
            return Some(example.clone());
        }
        if depth == EXAMPLE_DEPTH {
            return None;
        }
        let deeper = |json| self.example(json, depth + 1);
        if let Some(name) = json.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
        {
            return deeper(self.definitions.get(name)?);
        }
        if let Some(items) = json.get("items") {
            return deeper(items).map(|item| Value::Array(vec![item]));
        }
        json.get("anyOf").and_then(Value::as_array)?.iter().find_map(deeper)
    }
}

fn optional(shape: Shape) -> Shape {
    match shape {
        Shape::Optional(_) => shape,
        shape => Shape::Optional(Box::new(shape)),
    }
}

/// The default with every key that its table would add anyway, in the table's order, so that two of them can be
/// compared.
fn complete(shape: &Shape, default: &Value) -> Value {
    let (Shape::Table(table), Value::Object(written)) = (shape.present(), default) else {
        return default.clone();
    };
    let mut whole = Map::new();
    for field in &table.fields {
        let value = match written.get(&field.name) {
            Some(value) => Some(complete(&field.shape, value)),
            None => field.default.clone(),
        };
        whole.extend(value.map(|value| (field.name.clone(), value)));
    }
    Value::Object(whole)
}

/// Fixed values: one a member, with what it means, or several that nothing is said about.
fn choices(members: &[Node]) -> Result<Shape, ShapeError> {
    let mut found = Vec::new();
    for member in members {
        if member.json.get("enum").is_some() {
            member.allow(&["enum", "type"])?;
            let values = member.elements("enum").into_iter();
            found.extend(values.map(|v| Choice { value: v.json.clone(), about: String::new() }));
        } else if let Some(value) = member.json.get("const") {
            member.allow(&["const", "type"])?;
            found.push(Choice { value: value.clone(), about: member.text("description") });
        } else {
            return Err(member.refuse("`oneOf` is only understood for fixed values"));
        }
    }
    let (null, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|choice| choice.value.is_null());
    let shape = Shape::Choice(found);
    Ok(if null.is_empty() { shape } else { optional(shape) })
}
