//! Reading an inventory from text, with every mistake and its place.

mod locate;
mod phrase;
mod recover;
mod stand_in;

use std::ops::Range;

use serde::Serialize;
use toml::de::DeTable;

use crate::problem::{At, Problem, Severity};
use crate::redact::conceal;
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

impl ReadError {
    /// What is said of an inventory of so many bytes where that is more than [`MAX_BYTES`]: a reader that knows the
    /// size of a file need not read it to be told.
    #[must_use]
    pub fn too_large(bytes: u64) -> Self {
        Self::whole(
            (0, 0),
            format!("the inventory has {} MB", bytes / 1_000_000),
            format!("keep it below {} MB; ten thousand nodes take about 5", MAX_BYTES / 1_000_000),
        )
    }

    /// A mistake of the text as a whole, seen at a line and column.
    fn whole((line, column): (usize, usize), message: String, fix: String) -> Self {
        let path = String::new();
        Self { errors: vec![Finding { path, line, column, message, fix, span: None }] }
    }
}

impl Inventory {
    /// Reads and judges an inventory.
    ///
    /// # Errors
    /// Every mistake that was found, a hundred of the types' at most. Where something could not be read, mistakes
    /// that may only follow from that are left out.
    pub fn read(bytes: &[u8], format: Format) -> Result<Self, ReadError> {
        if bytes.len() > MAX_BYTES {
            return Err(ReadError::too_large(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
        match format {
            Format::Toml => Self::read_toml(text),
            Format::Json => Self::read_json(text),
        }
    }

    fn read_toml(text: &str) -> Result<Self, ReadError> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            return Err(ReadError { errors: locate::syntax(text, &syntax) });
        }
        let value = locate::to_json(table.get_ref());
        finish(read_value(value), |problems| locate::findings(text, table.get_ref(), problems))
    }

    fn read_json(text: &str) -> Result<Self, ReadError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
            // The place is told apart, and serde_json tells it again.
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            ReadError::whole(
                (error.line(), error.column()),
                format!("the text is not JSON: {}", message.strip_suffix(&place).unwrap_or(&message)),
                "hand over what `builtins.toJSON` makes of the inventory".to_owned(),
            )
        })?;
        finish(read_value(value), |problems| {
            let mut findings: Vec<Finding> =
                problems.into_iter().map(|problem| Finding::of(&problem, (0, 0), None)).collect();
            findings.sort_by(|a, b| a.path.cmp(&b.path));
            findings
        })
    }
}

impl Finding {
    /// Whatever the inventory says may be repeated here, and so may a private key that somebody pasted.
    fn of(problem: &Problem, (line, column): (usize, usize), span: Option<Range<usize>>) -> Self {
        Self {
            path: conceal(&problem.at.to_string()).into_owned(),
            line,
            column,
            message: conceal(&problem.message).into_owned(),
            fix: conceal(&problem.fix).into_owned(),
            span,
        }
    }
}

fn not_utf8(bytes: &[u8], offset: usize) -> ReadError {
    let before = bytes.get(..offset).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
    let byte = bytes.get(offset).copied().unwrap_or_default();
    ReadError::whole(
        locate::Cursor::new(before).place(offset),
        format!("byte {offset} (0x{byte:02x}) is not UTF-8"),
        "save the file as UTF-8".to_owned(),
    )
}

/// Types first, then rules; rules that are about a damaged place, or rest on a damaged table, are not asked.
fn read_value(value: serde_json::Value) -> (Option<Cluster>, Vec<Problem>) {
    let recovered = recover::deserialize(value);
    let mut problems = recovered.problems.clone();
    if let Some(cluster) = &recovered.cluster {
        let damaged = &recovered.damaged;
        let judged = validate(cluster).into_iter().map(|problem| recovered.as_written(problem));
        problems.extend(judged.filter(|problem| {
            let is_damaged = |table: &&str| damaged.iter().any(|at| at.is_within(&At::table(table)));
            let touches = |at: &At| at.is_within(&problem.at) || problem.at.is_within(at);
            !problem.rests_on.iter().any(is_damaged) && !damaged.iter().any(touches)
        }));
    }
    (recovered.cluster, problems)
}

fn finish(
    (cluster, problems): (Option<Cluster>, Vec<Problem>),
    located: impl Fn(Vec<Problem>) -> Vec<Finding>,
) -> Result<Inventory, ReadError> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    match cluster {
        Some(cluster) if errors.is_empty() => Ok(Inventory { cluster, warnings: located(warnings) }),
        _ => Err(ReadError { errors: located(errors) }),
    }
}
