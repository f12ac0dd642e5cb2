//! Shapes as NixOS options.

use keystone_generator::Artifact;
use serde_json::Value;
use thiserror::Error;

use crate::nix::{Binding, Expr, ValueError, name, quoted, value};
use crate::pattern::{PatternError, posix};
use crate::shape::{Field, Shape, Table};

/// Path of the module below the output folder.
pub const OPTIONS: &str = "nix/options.nix";
/// Folder with one module a table, where one file would be too long.
pub const FOLDER: &str = "nix/options";
/// Where the inventory lies among the options.
pub const PREFIX: &str = "options.keystone.cluster";
/// A Nix file has fewer lines.
pub const MOST_LINES: usize = 300;

const HEADER: &str =
    "# Rendered by keystone-gen-nixos-options from the schema of the inventory. Do not edit.\n";

/// What a set with named values needs beyond `attrsOf`, which looks at values only. The module system rebuilds types
/// that hold submodules by `substSubModules`; that of `attrsOf` would lose the check without a word.
const ATTRS_NAMED: &str = r#"let
  attrsNamed =
    pattern: type:
    let
      named = set: lib.all (name: builtins.match pattern name != null) (lib.attrNames set);
    in
    lib.types.addCheck (lib.types.attrsOf type) named
    // {
      description = "attribute set of values whose names match ${pattern}";
      substSubModules = modules: attrsNamed pattern (type.substSubModules modules);
    };
in
"#;

/// Why there are no options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// A pattern that Nix cannot match.
    #[error("option `{option}`: {source}")]
    Pattern {
        /// The option.
        option: String,
        /// What is in the way.
        source: PatternError,
    },
    /// A default or an example that Nix cannot hold.
    #[error("option `{option}`: {source}")]
    Value {
        /// The option.
        option: String,
        /// What is in the way.
        source: ValueError,
    },
    /// A table with too many options for one file.
    #[error(
        "`{path}` has {lines} lines, and a Nix file has fewer than {MOST_LINES}; move part of that table into a table of its own"
    )]
    TooLong {
        /// The file.
        path: String,
        /// Its lines.
        lines: usize,
    },
}

/// The modules: one, or one a table and one that imports them where the one would be too long.
///
/// # Errors
/// When a pattern, a default or an example has no counterpart in Nix, or a table is too long for a file.
pub fn render(root: &Table) -> Result<Vec<Artifact>, OptionsError> {
    let declared: Vec<(&Field, Binding)> = root
        .fields
        .iter()
        .map(|field| Ok((field, declaration(&field.name, field)?)))
        .collect::<Result<_, _>>()?;
    let together = declared.iter().map(|(_, binding)| binding.clone()).collect();
    let whole = module(vec![Binding::new(PREFIX, Expr::Set(together))], root.fields.iter());
    if whole.lines().count() < MOST_LINES {
        return Ok(vec![Artifact::new(OPTIONS, whole)]);
    }
    let (tables, rest): (Vec<_>, Vec<_>) =
        declared.into_iter().partition(|(field, _)| field.shape.table().is_some());
    let mut imports: Vec<String> =
        tables.iter().map(|(field, _)| format!("./options/{}.nix", field.name)).collect();
    imports.sort();
    let mut bindings =
        vec![Binding::new("imports", Expr::List(imports.into_iter().map(Expr::Atom).collect()))];
    let simple: Vec<&Field> = rest.iter().map(|(field, _)| *field).collect();
    bindings.extend(rest.into_iter().map(|(_, binding)| below_prefix(binding)));
    let mut files = vec![Artifact::new(OPTIONS, module(bindings, simple))];
    for (field, binding) in tables {
        let text = module(vec![below_prefix(binding)], [field]);
        files.push(Artifact::new(format!("{FOLDER}/{}.nix", field.name), text));
    }
    for file in &files {
        let lines = file.contents.lines().count();
        if lines >= MOST_LINES {
            return Err(OptionsError::TooLong { path: file.path.clone(), lines });
        }
    }
    files.sort();
    Ok(files)
}

fn below_prefix(binding: Binding) -> Binding {
    Binding::new(format!("{PREFIX}.{}", binding.name), binding.value)
}

fn module<'f>(bindings: Vec<Binding>, fields: impl IntoIterator<Item = &'f Field>) -> String {
    let helper = if fields.into_iter().any(|field| has_named_map(&field.shape)) { ATTRS_NAMED } else { "" };
    format!("{HEADER}{{ lib, ... }}:\n{helper}{}\n", Expr::Set(bindings).lay_out(0, 0))
}

fn has_named_map(shape: &Shape) -> bool {
    match shape {
        Shape::Map { names, item } => names.is_some() || has_named_map(item),
        Shape::List { item, .. } | Shape::Optional(item) => has_named_map(item),
        Shape::Table(table) => table.fields.iter().any(|field| has_named_map(&field.shape)),
        Shape::Either(branches) => branches.iter().any(|branch| has_named_map(&branch.shape)),
        Shape::Bool
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Text { .. }
        | Shape::Choice(_) => false,
    }
}

/// `name = lib.mkOption { … };`
fn declaration(path: &str, field: &Field) -> Result<Binding, OptionsError> {
    let write =
        |json: &Value| value(json).map_err(|source| OptionsError::Value { option: path.to_owned(), source });
    let mut parts = vec![Binding::new("type", option_type(path, &field.shape)?)];
    if let Some(default) = &field.default {
        let expression = match &field.shape {
            // Its own options give the same.
            Shape::Table(table) if table.untouched().as_ref() == Some(default) => Expr::Set(Vec::new()),
            _ => write(default)?,
        };
        parts.push(Binding::new("default", expression));
    }
    if let Some(example) = &field.example {
        parts.push(Binding::new("example", write(example)?));
    }
    parts.push(Binding::new("description", Expr::Prose(description(field))));
    Ok(Binding::new(name(&field.name), Expr::Call("lib.mkOption", vec![Expr::Set(parts)])))
}

/// What the option is, and what each of its fixed values means.
fn description(field: &Field) -> String {
    let mut text = field.about.trim().to_owned();
    let mut first = true;
    for choice in field.shape.choices().iter().filter(|choice| !choice.about.is_empty()) {
        text.push_str(if first { "\n\n" } else { "\n" });
        first = false;
        let about = choice.about.split_whitespace().collect::<Vec<_>>().join(" ");
        text.extend(["- `", &plain(&choice.value), "`: ", &about]);
    }
    text
}

/// A value as people write it in a sentence.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn option_type(path: &str, shape: &Shape) -> Result<Expr, OptionsError> {
    let atom = |text: &str| Expr::Atom(text.to_owned());
    let matching = |pattern: &str| {
        posix(pattern)
            .map(|pattern| Expr::Atom(quoted(&pattern)))
            .map_err(|source| OptionsError::Pattern { option: path.to_owned(), source })
    };
    let numbers = |number: &dyn ToString| Expr::Atom(number.to_string());
    Ok(match shape {
        Shape::Bool => atom("lib.types.bool"),
        Shape::Integer { least, most } => match (*least, *most) {
            (None, _) | (_, None) if *least == Some(0) => atom("lib.types.ints.unsigned"),
            (None, _) | (_, None) if *least == Some(1) => atom("lib.types.ints.positive"),
            (None, _) | (_, None) => atom("lib.types.int"),
            (Some(0), Some(most)) if most == i64::from(u8::MAX) => atom("lib.types.ints.u8"),
            (Some(0), Some(most)) if most == i64::from(u16::MAX) => atom("lib.types.ints.u16"),
            (Some(0), Some(most)) if most == i64::from(u32::MAX) => atom("lib.types.ints.u32"),
            (Some(least), Some(most)) if least == most => {
                Expr::Call("lib.types.enum", vec![Expr::List(vec![numbers(&least)])])
            }
            (Some(least), Some(most)) => {
                Expr::Call("lib.types.ints.between", vec![numbers(&least), numbers(&most)])
            }
        },
        Shape::Number { least: Some(least), most: Some(most) } => {
            Expr::Call("lib.types.numbers.between", vec![numbers(least), numbers(most)])
        }
        Shape::Number { least: Some(_), .. } => atom("lib.types.numbers.nonnegative"),
        Shape::Number { .. } => atom("lib.types.number"),
        Shape::Text { pattern: Some(pattern), .. } => {
            Expr::Call("lib.types.strMatching", vec![matching(pattern)?])
        }
        // A dot of POSIX is any character, line breaks too.
        Shape::Text { filled: true, .. } => Expr::Call("lib.types.strMatching", vec![atom("\".+\"")]),
        Shape::Text { .. } => atom("lib.types.str"),
        Shape::Choice(choices) => {
            let values = choices.iter().map(|choice| value(&choice.value)).collect::<Result<_, _>>();
            let values = values.map_err(|source| OptionsError::Value { option: path.to_owned(), source })?;
            Expr::Call("lib.types.enum", vec![Expr::List(values)])
        }
        Shape::List { item, filled: true } => {
            Expr::Call("lib.types.nonEmptyListOf", vec![option_type(path, item)?])
        }
        Shape::List { item, filled: false } => Expr::Call("lib.types.listOf", vec![option_type(path, item)?]),
        Shape::Map { names: Some(names), item } => {
            Expr::Call("attrsNamed", vec![matching(names)?, option_type(path, item)?])
        }
        Shape::Map { names: None, item } => Expr::Call("lib.types.attrsOf", vec![option_type(path, item)?]),
        Shape::Table(table) => {
            let options = table
                .fields
                .iter()
                .map(|field| declaration(&format!("{path}.{}", field.name), field))
                .collect::<Result<_, _>>()?;
            let options = vec![Binding::new("options", Expr::Set(options))];
            Expr::Call("lib.types.submodule", vec![Expr::Set(options)])
        }
        Shape::Either(branches) => {
            let mut types = branches
                .iter()
                .map(|branch| option_type(path, &branch.shape))
                .collect::<Result<Vec<_>, _>>()?;
            if types.len() == 2 {
                Expr::Call("lib.types.either", std::mem::take(&mut types))
            } else {
                Expr::Call("lib.types.oneOf", vec![Expr::List(types)])
            }
        }
        Shape::Optional(inner) => Expr::Call("lib.types.nullOr", vec![option_type(path, inner)?]),
    })
}
