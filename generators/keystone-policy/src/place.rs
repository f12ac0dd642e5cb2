//! Places in a text, and findings on their way to a report.

use crate::report::{Finding, Report};

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The byte at which it begins.
    pub offset: usize,
    /// The way to it as a JSON pointer.
    pub pointer: String,
}

impl Place {
    /// The place of an object's member.
    pub fn member(&self, name: &str, offset: usize) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self { offset, pointer: format!("{}/{name}", self.pointer) }
    }

    /// The place of an array's element.
    pub fn element(&self, index: usize, offset: usize) -> Self {
        Self { offset, pointer: format!("{}/{index}", self.pointer) }
    }
}

/// Findings, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Problems(Vec<(usize, String, String)>);

impl Problems {
    pub fn push(&mut self, place: &Place, message: impl Into<String>) {
        self.push_at(place.offset, place.pointer.clone(), message);
    }

    pub fn push_at(&mut self, offset: usize, pointer: String, message: impl Into<String>) {
        self.0.push((offset, pointer, message.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Findings ordered by place, with lines and columns.
    fn located(mut self, text: &str) -> Vec<Finding> {
        self.0.sort_by_key(|(offset, ..)| *offset);
        // One walk over the text for all of them: a hostile policy has as many findings as bytes.
        let mut line = 1;
        let mut column = 1;
        let mut rest = text.char_indices().peekable();
        self.0
            .into_iter()
            .map(|(offset, pointer, message)| {
                while let Some((_, c)) = rest.next_if(|(at, _)| *at < offset) {
                    if c == '\n' {
                        line += 1;
                        column = 1;
                    } else {
                        column += 1;
                    }
                }
                Finding { message, pointer, line, column }
            })
            .collect()
    }

    /// The report: these are the errors.
    pub fn into_report(self, text: &str, warnings: Self) -> Report {
        let errors = self.located(text);
        // A policy that is refused has no effect that one could be warned of.
        let warnings = if errors.is_empty() { warnings.located(text) } else { Vec::new() };
        Report { accepted: errors.is_empty(), errors, warnings }
    }
}
