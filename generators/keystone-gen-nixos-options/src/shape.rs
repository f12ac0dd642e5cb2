//! The schema as a tree of shapes: every reference followed, every keyword understood or refused.

mod read;
mod scalar;

pub use read::{ShapeError, read};

use serde_json::{Map, Value};

/// A table: its keys in the order of the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it is (Markdown); empty where nothing is written.
    pub about: String,
    /// Its keys.
    pub fields: Vec<Field>,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is (Markdown).
    pub about: String,
    /// What it takes.
    pub shape: Shape,
    /// What it is when nothing is written; `None` where something must be.
    pub default: Option<Value>,
    /// A value that it may have.
    pub example: Option<Value>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `true` or `false`
    Bool,
    /// Whole numbers, bounds included.
    Integer {
        /// Smallest.
        least: Option<i64>,
        /// Largest.
        most: Option<i64>,
    },
    /// Numbers with a fraction, bounds included.
    Number {
        /// Smallest.
        least: Option<f64>,
        /// Largest.
        most: Option<f64>,
    },
    /// Text.
    Text {
        /// Name of the type in the schema, where it has one.
        form: Option<String>,
        /// What it must match, where it must match something.
        pattern: Option<String>,
        /// Whether it must have a character.
        filled: bool,
    },
    /// One of some fixed values.
    Choice(Vec<Choice>),
    /// A list.
    List {
        /// What each element is.
        item: Box<Shape>,
        /// Whether it must have one.
        filled: bool,
    },
    /// A set of values by name.
    Map {
        /// What the names must match.
        names: Option<String>,
        /// What each value is.
        item: Box<Shape>,
    },
    /// A table.
    Table(Table),
    /// A value of any of these.
    Either(Vec<Branch>),
    /// The same, or nothing.
    Optional(Box<Shape>),
}

/// A fixed value.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// What it means (Markdown).
    pub about: String,
}

/// One way to write a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// What it means (Markdown).
    pub about: String,
    /// What it takes.
    pub shape: Shape,
}

impl Shape {
    /// The shape without «or nothing».
    #[must_use]
    pub fn present(&self) -> &Self {
        match self {
            Self::Optional(inner) => inner.present(),
            other => other,
        }
    }

    /// The table in it, and what leads there: `[]` for elements of a list, `.*` for values of a map.
    #[must_use]
    pub fn table(&self) -> Option<(&Table, String)> {
        match self {
            Self::Table(table) => Some((table, String::new())),
            Self::Optional(inner) => inner.table(),
            Self::List { item, .. } => item.table().map(|(table, way)| (table, format!("[]{way}"))),
            Self::Map { item, .. } => item.table().map(|(table, way)| (table, format!(".*{way}"))),
            Self::Bool
            | Self::Integer { .. }
            | Self::Number { .. }
            | Self::Text { .. }
            | Self::Choice(_)
            | Self::Either(_) => None,
        }
    }

    /// The fixed values in it, through lists, maps and «or nothing».
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        match self {
            Self::Choice(choices) => choices,
            Self::Optional(item) | Self::List { item, .. } | Self::Map { item, .. } => item.choices(),
            Self::Bool
            | Self::Integer { .. }
            | Self::Number { .. }
            | Self::Text { .. }
            | Self::Table(_)
            | Self::Either(_) => &[],
        }
    }
}

impl Table {
    /// What the table is when nothing of it is written, if nothing must be.
    #[must_use]
    pub fn untouched(&self) -> Option<Value> {
        let fields = self.fields.iter().map(|field| Some((field.name.clone(), field.default.clone()?)));
        fields.collect::<Option<Map<_, _>>>().map(Value::Object)
    }

    /// Every key at every depth, by its path: `nodes.*.taints[].key`.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, &Field)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect<'t>(&'t self, above: &str, found: &mut Vec<(String, &'t Field)>) {
        for field in &self.fields {
            let path = if above.is_empty() { field.name.clone() } else { format!("{above}.{}", field.name) };
            found.push((path.clone(), field));
            if let Some((table, way)) = field.shape.table() {
                table.collect(&format!("{path}{way}"), found);
            }
        }
    }
}
