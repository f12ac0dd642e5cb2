//! The reference pages (Markdown).

mod inventory;
mod services;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

pub use inventory::page as inventory;
pub use services::page as services;

/// Path of the page about the inventory.
pub const INVENTORY: &str = "reference/inventory.md";
/// Path of the page about services and roles.
pub const SERVICES: &str = "reference/services.md";

/// What a reader of Markdown would not see as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    /// The template does not fit its data.
    #[error("cannot fill the template: {0}")]
    Template(String),
    /// Cells would be dropped or missing.
    #[error("line {line}: a row of {found} cells below a head of {expected}")]
    Cells {
        /// The line, from 1.
        line: usize,
        /// Cells of the head.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A link into the page leads nowhere.
    #[error("line {line}: no heading has the anchor `#{anchor}`")]
    Link {
        /// The line, from 1.
        line: usize,
        /// What it names.
        anchor: String,
    },
    /// Two headings of one anchor.
    #[error("line {line}: a second heading has the anchor `#{anchor}`")]
    SameAnchor {
        /// The line, from 1.
        line: usize,
        /// What both are called.
        anchor: String,
    },
}

fn fill(template: &str, data: impl Serialize) -> Result<String, PageError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Markdown, not HTML: what must be escaped is escaped by `cell`.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let broken = |error: minijinja::Error| PageError::Template(format!("{error:#}"));
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(broken)?;
    environment.set_syntax(syntax);
    environment.render_str(template, Serde(data)).map_err(broken)
}

/// Text for one cell of a table: one line, no bare `|`, also inside of code.
fn cell(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("<br>").replace('|', "\\|")
}

/// A value in code, as TOML has it. What can stand in a default or an example is written alike in JSON and TOML, but
/// for tables.
fn code(value: &Value) -> String {
    let text = match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        other => other.to_string(),
    };
    cell(&format!("`{text}`"))
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

/// Reads a page again: rows have the cells of their head, links lead somewhere.
///
/// # Errors
/// The first line that would be shown otherwise than meant.
pub fn check(page: &str) -> Result<(), PageError> {
    let mut anchors = Vec::new();
    let mut head = None;
    for (n, line) in page.lines().enumerate() {
        let line_number = n + 1;
        if let Some(heading) = line.strip_prefix('#') {
            let anchor = anchor(heading.trim_start_matches('#').trim());
            if anchors.contains(&anchor) {
                return Err(PageError::SameAnchor { line: line_number, anchor });
            }
            anchors.push(anchor);
        }
        if !line.starts_with('|') {
            head = None;
            continue;
        }
        let found = cells(line).len();
        let expected = *head.get_or_insert(found);
        if found != expected {
            return Err(PageError::Cells { line: line_number, expected, found });
        }
    }
    for (n, line) in page.lines().enumerate() {
        for link in line.split("](#").skip(1) {
            let anchor = link.split(')').next().unwrap_or_default();
            if !anchors.iter().any(|known| known == anchor) {
                return Err(PageError::Link { line: n + 1, anchor: anchor.to_owned() });
            }
        }
    }
    Ok(())
}

/// The cells of a row, as GitHub splits it.
#[must_use]
pub fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in row.trim().trim_start_matches('|').chars() {
        match c {
            '|' if !escaped => cells.push(String::new()),
            c => {
                if let Some(last) = cells.last_mut() {
                    last.push(c);
                }
            }
        }
        escaped = c == '\\' && !escaped;
    }
    cells.pop();
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}
