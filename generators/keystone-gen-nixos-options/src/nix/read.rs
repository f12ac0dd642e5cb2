//! Reading option declarations again, with a parser of Nix that is not ours.

use std::collections::BTreeMap;

use rnix::Root;
use rnix::SyntaxKind;
use rnix::ast::{Attr, AttrSet, Attrpath, Expr, HasEntry, InterpolPart, Str};
use thiserror::Error;

/// What a module declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Paths in `imports`, as they are written.
    pub imports: Vec<String>,
    /// Options by path, `options.` left out: `keystone.cluster.nodes.*.taints[].key`.
    pub options: BTreeMap<String, Declared>,
}

/// One declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Whether it has a default.
    pub has_default: bool,
    /// Its description as Nix evaluates it.
    pub description: String,
}

/// What is no module of options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// Not Nix.
    #[error("is not Nix: {0}")]
    Syntax(String),
    /// Not the form that a module of options has.
    #[error("`{at}` {reason}")]
    Form {
        /// The option, or the place in the module.
        at: String,
        /// What is wrong there.
        reason: String,
    },
}

fn form(at: &str, reason: impl Into<String>) -> ReadError {
    ReadError::Form { at: at.to_owned(), reason: reason.into() }
}

/// Reads the module in `text`.
///
/// # Errors
/// When it is not Nix, has a `with`, or declares something other than options with type and description.
pub fn read(text: &str) -> Result<Module, ReadError> {
    let parsed = Root::parse(text);
    if parsed.syntax().descendants().any(|node| node.kind() == SyntaxKind::NODE_WITH) {
        return Err(form("with", "hides where names come from"));
    }
    let root = parsed.ok().map_err(|error| ReadError::Syntax(error.to_string()))?;
    let Some(Expr::Lambda(module)) = root.expr() else {
        return Err(form("the file", "is no function of `lib`"));
    };
    let body = match module.body() {
        Some(Expr::LetIn(scope)) => scope.body(),
        other => other,
    };
    let Some(Expr::AttrSet(body)) = body else {
        return Err(form("the file", "does not give a set"));
    };
    let mut found = Module::default();
    for (path, value) in entries(&body, "the module")? {
        match path.split_first() {
            Some((first, [])) if first == "imports" => found.imports.extend(imports(value)?),
            Some((first, below)) if first == "options" => {
                options(&below.join("."), value, &mut found.options)?;
            }
            _ => return Err(form(&path.join("."), "is neither `imports` nor `options`")),
        }
    }
    Ok(found)
}

fn entries(set: &AttrSet, at: &str) -> Result<Vec<(Vec<String>, Expr)>, ReadError> {
    if set.inherits().next().is_some() {
        return Err(form(at, "inherits names"));
    }
    set.attrpath_values()
        .map(|entry| {
            let path = entry.attrpath().map(|path| attributes(&path, at)).transpose()?;
            path.zip(entry.value()).ok_or_else(|| form(at, "has a binding without name or value"))
        })
        .collect()
}

fn attributes(path: &Attrpath, at: &str) -> Result<Vec<String>, ReadError> {
    path.attrs()
        .map(|attr| match attr {
            Attr::Ident(ident) => Ok(ident.to_string()),
            Attr::Str(text) => literal(&text).ok_or_else(|| form(at, "has a computed name")),
            Attr::Dynamic(_) => Err(form(at, "has a computed name")),
        })
        .collect()
}

/// A string without interpolation, as Nix evaluates it.
fn literal(text: &Str) -> Option<String> {
    match text.normalized_parts().as_slice() {
        [] => Some(String::new()),
        [InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

fn imports(value: Expr) -> Result<Vec<String>, ReadError> {
    let Expr::List(list) = value else { return Err(form("imports", "is no list")) };
    list.items()
        .map(|item| match item {
            Expr::PathRel(path) => Ok(path.to_string()),
            other => Err(form("imports", format!("has `{other}`, which is no relative path"))),
        })
        .collect()
}

/// A declaration, or a set of them.
fn options(path: &str, value: Expr, found: &mut BTreeMap<String, Declared>) -> Result<(), ReadError> {
    match value {
        Expr::AttrSet(set) => {
            for (below, value) in entries(&set, path)? {
                options(&format!("{path}.{}", below.join(".")), value, found)?;
            }
            Ok(())
        }
        Expr::Apply(call) => {
            let is_option = call.lambda().is_some_and(|function| function.to_string() == "lib.mkOption");
            let (true, Some(Expr::AttrSet(parts))) = (is_option, call.argument()) else {
                return Err(form(path, "is no `lib.mkOption { … }`"));
            };
            declaration(path, &parts, found)
        }
        _ => Err(form(path, "is no option")),
    }
}

fn declaration(path: &str, parts: &AttrSet, found: &mut BTreeMap<String, Declared>) -> Result<(), ReadError> {
    let (mut kind, mut description, mut has_default) = (None, None, false);
    for (name, value) in entries(parts, path)? {
        match (name.join(".").as_str(), value) {
            ("type", value) => kind = Some(value),
            ("default", _) => has_default = true,
            ("example", _) => {}
            ("description", Expr::Str(text)) => description = literal(&text),
            (other, _) => return Err(form(path, format!("has an unexpected `{other}`"))),
        }
    }
    let description =
        description.filter(|text| !text.trim().is_empty()).ok_or_else(|| form(path, "has no description"))?;
    if found.insert(path.to_owned(), Declared { has_default, description }).is_some() {
        return Err(form(path, "is declared twice"));
    }
    let kind = kind.ok_or_else(|| form(path, "has no type"))?;
    option_type(path, kind, found)
}

/// Options inside of a type: those of submodules, below `[]` for lists and `.*` for sets.
fn option_type(path: &str, value: Expr, found: &mut BTreeMap<String, Declared>) -> Result<(), ReadError> {
    let mut arguments = Vec::new();
    let mut head = value;
    loop {
        head = match head {
            Expr::Paren(paren) => match paren.expr() {
                Some(inner) => inner,
                None => return Err(form(path, "has an empty type")),
            },
            Expr::Apply(call) => {
                arguments.extend(call.argument());
                match call.lambda() {
                    Some(function) => function,
                    None => return Err(form(path, "has an empty type")),
                }
            }
            other => {
                head = other;
                break;
            }
        };
    }
    let head = head.to_string();
    let last = arguments.into_iter().next();
    match (head.as_str(), last) {
        ("lib.types.submodule", Some(Expr::AttrSet(module))) => {
            for (below, value) in entries(&module, path)? {
                if below != ["options"] {
                    return Err(form(path, "has a submodule with more than options"));
                }
                options(path, value, found)?;
            }
            Ok(())
        }
        ("lib.types.nullOr", Some(inner)) => option_type(path, inner, found),
        ("lib.types.listOf" | "lib.types.nonEmptyListOf", Some(inner)) => {
            option_type(&format!("{path}[]"), inner, found)
        }
        ("lib.types.attrsOf" | "attrsNamed", Some(inner)) => option_type(&format!("{path}.*"), inner, found),
        (head, _) if head.starts_with("lib.types.") => Ok(()),
        (head, _) => Err(form(path, format!("has the type `{head}`, which is not one of `lib.types`"))),
    }
}
