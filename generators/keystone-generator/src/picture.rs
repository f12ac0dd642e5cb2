//! Findings with the lines that they are about.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

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
        let source = finding.span.as_ref().map(|_| &source);
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
