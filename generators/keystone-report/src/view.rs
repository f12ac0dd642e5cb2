//! The page as data: what the templates show, typed.

mod files;
mod groups;
mod head;
mod lookup;
mod matrix;
mod openings;
mod pools;
mod ports;
mod secrets;

use serde::Serialize;

use crate::Input;
use crate::classes::{ordered, shown};
use crate::reachability::Reachability;
use crate::topology::{self, Drawing};
use crate::wording::{Span, spans};

/// Everything that the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    head: head::Head,
    facts: Vec<Fact>,
    warnings: Vec<Warning>,
    topology: Drawing,
    groups: Vec<groups::Group>,
    matrix: matrix::Matrix,
    openings: Vec<openings::From>,
    lookup: lookup::Lookup,
    ports: ports::Ports,
    secrets: secrets::Secrets,
    pools: Vec<pools::Pool>,
    files: files::Files,
}

/// What was proven, and by what.
#[derive(Debug, Serialize)]
struct Fact {
    what: Vec<Span>,
    how: Vec<Span>,
}

/// Something in the inventory that looks like a mistake.
#[derive(Debug, Serialize)]
struct Warning {
    message: Vec<Span>,
    fix: Vec<Span>,
    path: String,
    /// `12:3`; empty where the text has no lines.
    place: String,
}

impl View {
    /// The page of that input.
    pub(crate) fn of(input: &Input<'_>, matrix: &Reachability) -> Self {
        let classes = ordered(matrix);
        let shown = shown(&classes);
        let lookup = lookup::Lookup::of(input.cluster, matrix, &classes);
        let table = matrix::Matrix::of(matrix, &classes, &shown);
        Self {
            head: head::Head::of(input, &table),
            facts: input
                .facts
                .iter()
                .map(|fact| Fact { what: spans(&fact.what), how: spans(&fact.how) })
                .collect(),
            warnings: input
                .warnings
                .iter()
                .map(|finding| Warning {
                    message: spans(&finding.message),
                    fix: spans(&finding.fix),
                    path: finding.path.clone(),
                    place: if finding.line == 0 {
                        String::new()
                    } else {
                        format!("{}:{}", finding.line, finding.column)
                    },
                })
                .collect(),
            topology: topology::of(input.cluster),
            groups: groups::of(input.cluster),
            openings: openings::of(matrix, &classes, &shown),
            matrix: table,
            lookup,
            ports: ports::Ports::of(input.cluster),
            secrets: secrets::Secrets::of(input.cluster),
            pools: pools::of(input.cluster),
            files: files::Files::of(input.files),
        }
    }
}
