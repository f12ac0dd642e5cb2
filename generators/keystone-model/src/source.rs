//! Reading an inventory from text, with every mistake and its place.

mod locate;
mod recover;

use std::ops::Range;

use serde::Serialize;
use toml::de::DeTable;

use crate::problem::{At, Problem, Severity};
use crate::tables::Cluster;
use crate::validate::validate;

/// Largest inventory that is read. Ten thousand nodes take about 5 MB.
pub const MAX_BYTES: usize = 32 << 20;

/// The language of an inventory's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As people write it.
    Toml,
    /// As Nix hands it over (`builtins.toJSON`).
    Json,
}

/// A mistake or a warning with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The way to the value: `nodes.worker-1.roles[0]`; empty where the text as a whole is meant.
    pub path: String,
    /// Line from 1; 0 where the text has no lines to show (JSON from Nix).
    pub line: usize,
    /// Column in characters from 1; 0 as for the line.
    pub column: usize,
    /// What is wrong, with the value.
    pub message: String,
    /// What would be right.
    pub fix: String,
    /// The bytes that are meant, for a picture.
    #[serde(skip)]
    pub span: Option<Range<usize>>,
}

/// An inventory on which every rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// The inventory.
    pub cluster: Cluster,
    /// What looks like a mistake and is none.
    pub warnings: Vec<Finding>,
}

/// Why a text is no inventory: every mistake, ordered by place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} in the inventory", count(errors.len(), "mistake"))]
pub struct ReadError {
    /// Every mistake, at least one.
    pub errors: Vec<Finding>,
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

impl Inventory {
    /// Reads and judges an inventory.
    ///
    /// # Errors
    /// Every mistake that was found. Where a table could not be read whole, mistakes that may only follow from that
    /// are left out.
    pub fn read(bytes: &[u8], format: Format) -> Result<Self, ReadError> {
        if bytes.len() > MAX_BYTES {
            let message = format!("the inventory has {} MB", bytes.len() / 1_000_000);
            let fix = format!("keep it below {} MB; ten thousand nodes take about 5", MAX_BYTES / 1_000_000);
            return Err(whole(message, fix));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (valid, _) = bytes.split_at(error.valid_up_to());
                let offset = valid.len();
                let before = std::str::from_utf8(valid).unwrap_or_default();
                let (line, column) = locate::line_and_column(before, offset);
                return Err(ReadError {
                    errors: vec![Finding {
                        path: String::new(),
                        line,
                        column,
                        message: format!("byte {offset} (0x{:02x}) is not UTF-8", bytes[offset]),
                        fix: "save the file as UTF-8".to_owned(),
                        span: None,
                    }],
                });
            }
        };
        match format {
            Format::Toml => Self::read_toml(text),
            Format::Json => Self::read_json(text),
        }
    }

    fn read_toml(text: &str) -> Result<Self, ReadError> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            let errors = syntax.iter().take(recover::MOST_ERRORS).map(|e| locate::syntax(text, e)).collect();
            return Err(ReadError { errors });
        }
        let value = locate::to_json(table.get_ref());
        let (cluster, problems) = read_value(value);
        finish(cluster, problems, |problem| locate::finding(text, table.get_ref(), problem))
    }

    fn read_json(text: &str) -> Result<Self, ReadError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| ReadError {
            errors: vec![Finding {
                path: String::new(),
                line: error.line(),
                column: error.column(),
                message: format!("the text is not JSON: {error}"),
                fix: "hand over what `builtins.toJSON` makes of the inventory".to_owned(),
                span: None,
            }],
        })?;
        let (cluster, problems) = read_value(value);
        finish(cluster, problems, |problem| Finding {
            path: problem.at.to_string(),
            line: 0,
            column: 0,
            message: problem.message,
            fix: problem.fix,
            span: None,
        })
    }
}

fn whole(message: String, fix: String) -> ReadError {
    ReadError { errors: vec![Finding { path: String::new(), line: 0, column: 0, message, fix, span: None }] }
}

/// Types first, then rules; rules that rest on a damaged table are not asked.
fn read_value(value: serde_json::Value) -> (Option<Cluster>, Vec<Problem>) {
    let recovered = recover::deserialize(value);
    let mut problems = recovered.problems;
    if let Some(cluster) = &recovered.cluster {
        let damaged: Vec<At> = recovered.removed;
        problems.extend(validate(cluster).into_iter().filter(|problem| {
            let untouched = |table: &&str| !damaged.iter().any(|at| at.is_within(&At::table(table)));
            problem.rests_on.iter().all(untouched) && !damaged.iter().any(|at| at.is_within(&problem.at))
        }));
    }
    (recovered.cluster, problems)
}

fn finish(
    cluster: Option<Cluster>,
    problems: Vec<Problem>,
    mut locate: impl FnMut(Problem) -> Finding,
) -> Result<Inventory, ReadError> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    let mut ordered = |problems: Vec<Problem>| {
        let mut found: Vec<Finding> = problems.into_iter().map(&mut locate).collect();
        found.sort_by(|a, b| (a.line, a.column, &a.path).cmp(&(b.line, b.column, &b.path)));
        found
    };
    match cluster {
        Some(cluster) if errors.is_empty() => Ok(Inventory { cluster, warnings: ordered(warnings) }),
        _ => Err(ReadError { errors: ordered(errors) }),
    }
}
