//! Findings with the lines that they are about.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::ops::Range;

use keystone_model::{Finding, Severity, redact};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// So many findings get a picture; the others a line.
const PICTURES: usize = 20;

#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    severity: Severity,
    source: Option<&'a NamedSource<String>>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(&self.finding.fix))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.finding.span.clone()?;
        // A table header or a key that holds a whole table would underline pages: its first line is enough.
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }
}

/// So many bytes around a finding are shown; a file on a single line would fill the terminal.
const WIDEST: usize = 1000;

/// Whether the lines of the place, and the one on either side, can be shown.
fn fits(text: &str, span: &Range<usize>) -> bool {
    let (before, after) = text.as_bytes().split_at(span.start.min(text.len()));
    // The end of the line itself, and that of its neighbour; or the end of the text.
    let is_near = |bytes: &mut dyn Iterator<Item = &u8>| bytes.filter(|byte| **byte == b'\n').count() >= 2;
    (before.len() < WIDEST || is_near(&mut before.iter().rev().take(WIDEST)))
        && (after.len() < WIDEST || is_near(&mut after.iter().take(WIDEST)))
}

/// Findings as text for people: the first twenty with the lines that they are about, the others a line each. Colours
/// only on a terminal, and not where `NO_COLOR` is set. Private keys in the text are masked.
#[must_use]
pub fn show_findings(file: &str, text: &str, findings: &[Finding], severity: Severity) -> String {
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_context_lines(1);
    let source = NamedSource::new(file, redact(text).into_owned());
    let mut out = String::new();
    for (n, finding) in findings.iter().enumerate() {
        let source = finding.span.as_ref().filter(|span| fits(text, span)).map(|_| &source);
        let shown = Shown { finding, severity, source };
        if n >= PICTURES || handler.render_report(&mut out, &shown).is_err() || source.is_none() {
            let place = match (finding.line, finding.path.as_str()) {
                (0, "") => file.to_owned(),
                (0, path) => format!("{file}: {path}"),
                (line, _) => format!("{file}:{line}:{}", finding.column),
            };
            if n >= PICTURES {
                // Writing to a String cannot fail.
                let _ = writeln!(out, "  {place}: {}; {}", finding.message, finding.fix);
            } else {
                let _ = writeln!(out, "   at {place}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use keystone_model::{Format, Inventory};

    use super::*;

    #[test]
    fn a_file_on_a_single_line_does_not_fill_the_terminal() {
        let text = format!("schema = 2 # {}", "x".repeat(100_000));
        let errors = Inventory::read(text.as_bytes(), Format::Toml).unwrap_err().errors;
        let shown = show_findings("cluster.toml", &text, &errors, Severity::Error);
        assert!(shown.len() < 3000, "{shown}");
        assert!(shown.contains("at cluster.toml:1:10\n"), "{shown}");
    }

    #[test]
    fn the_twenty_first_finding_is_a_line() {
        let text: String = (10..40).flat_map(|n| [format!("x{n}"), " = 1\n".to_owned()]).collect();
        let errors = Inventory::read(text.as_bytes(), Format::Toml).unwrap_err().errors;
        let shown = show_findings("cluster.toml", &text, &errors, Severity::Error);
        assert_eq!(shown.matches("is not a key of this table").count(), 30);
        assert!(shown.contains("\n  cluster.toml:30:1: `x39` is not a key of this table; "), "{shown}");
    }
}
