//! The matrix: rows reach columns.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::Proto;
use serde::Serialize;

use super::openings::range;
use crate::classes::{Class, Kind};
use crate::reachability::{Entry, Reachability};
use crate::wording::{count, thousands};

/// Port ranges that a cell names; the others are counted.
const MOST_TOKENS: usize = 3;
/// Members that the list of classes names; the others are counted.
const MOST_NAMES: usize = 12;

/// The matrix.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    groups: Vec<Group>,
    /// Pairs of classes, shown or not.
    pairs: usize,
    open_pairs: usize,
    classes: usize,
    /// Classes that only the lookup has.
    hidden: usize,
}

/// Machines, or people: rows and columns under one heading.
#[derive(Debug, Serialize)]
struct Group {
    heading: &'static str,
    rows: Vec<Row>,
}

/// A class: its row, and the heading of its column.
#[derive(Debug, Serialize)]
struct Row {
    /// Place among all classes, by which the script finds it.
    place: usize,
    id: String,
    /// The label at its plus signs, where a narrow column may break it.
    parts: Vec<String>,
    members: String,
    names: Vec<String>,
    more: String,
    cells: Vec<Cell>,
}

/// What a row's class may do to a column's.
#[derive(Debug, Serialize)]
struct Cell {
    /// Openings between distinct members: ranges of ports, and ICMP as one.
    openings: usize,
    tokens: Vec<String>,
    more: usize,
    /// Whether members reach their own devices.
    own: bool,
    /// Words of the style sheet: `open` or `shut`; `all` where every port of every transport is open; `diagonal`;
    /// `edge` where a group of columns begins.
    style: Vec<&'static str>,
}

impl Matrix {
    pub(super) fn of(matrix: &Reachability, classes: &[Class<'_>], shown: &[usize]) -> Self {
        let mut by_pair: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
        for entry in &matrix.entries {
            by_pair.entry((&entry.from, &entry.to)).or_default().push(entry);
        }
        let firsts: BTreeSet<usize> = Kind::ALL
            .iter()
            .filter_map(|kind| shown.iter().copied().find(|place| classes[*place].kind == *kind))
            .collect();
        let row = |place: usize| {
            let from = &classes[place];
            let cells = shown.iter().map(|to| {
                let entries = by_pair.get(&(from.id, classes[*to].id)).map(Vec::as_slice).unwrap_or_default();
                let mut cell = Cell::of(entries);
                let marks = [("diagonal", place == *to), ("edge", firsts.contains(to))];
                cell.style.extend(marks.into_iter().filter(|(_, holds)| *holds).map(|(word, _)| word));
                cell
            });
            Row {
                place,
                id: from.id.to_owned(),
                parts: from.label.split('+').map(ToOwned::to_owned).collect(),
                members: members(from),
                names: from.members.iter().take(MOST_NAMES).cloned().collect(),
                more: more(from.members.len()),
                cells: cells.collect(),
            }
        };
        let groups = Kind::ALL.iter().map(|kind| Group {
            heading: kind.heading(),
            rows: shown
                .iter()
                .filter(|place| classes[**place].kind == *kind)
                .map(|place| row(*place))
                .collect(),
        });
        Self {
            groups: groups.filter(|group| !group.rows.is_empty()).collect(),
            pairs: classes.len() * classes.len(),
            open_pairs: by_pair.len(),
            classes: classes.len(),
            hidden: classes.len() - shown.len(),
        }
    }

    pub(super) const fn pairs(&self) -> usize {
        self.pairs
    }

    pub(super) const fn open_pairs(&self) -> usize {
        self.open_pairs
    }

    pub(super) const fn classes(&self) -> usize {
        self.classes
    }
}

impl Cell {
    fn of(entries: &[&Entry]) -> Self {
        let own = entries.iter().any(|entry| entry.own);
        let mut between: Vec<&Entry> = entries.iter().copied().filter(|entry| !entry.own).collect();
        between.sort_by_key(|entry| entry.proto);
        let all_of = |proto| {
            between
                .iter()
                .any(|entry| entry.proto == proto && entry.ports.first().is_some_and(|p| p.is_all()))
        };
        let icmp = between.iter().any(|entry| entry.proto == Proto::Icmp);
        let openings = between.iter().map(|entry| entry.ports.len().max(1)).sum();
        if all_of(Proto::Tcp) && all_of(Proto::Udp) && icmp {
            let tokens = vec!["all ports".to_owned()];
            return Self { openings, own, tokens, more: 0, style: vec!["open", "all"] };
        }
        let tokens = between.iter().flat_map(|entry| match (entry.proto, entry.ports.as_slice()) {
            (Proto::Icmp, _) => vec!["icmp".to_owned()],
            (proto, [all]) if all.is_all() => vec![format!("all {proto}")],
            (Proto::Tcp, ports) => ports.iter().map(|ports| range(*ports)).collect(),
            (proto, ports) => ports.iter().map(|ports| format!("{}/{proto}", range(*ports))).collect(),
        });
        let mut tokens: Vec<String> = tokens.collect();
        // A line that says "1 more" is no shorter than the one it hides.
        let keep = if tokens.len() == MOST_TOKENS + 1 { MOST_TOKENS + 1 } else { MOST_TOKENS };
        let more = tokens.len().saturating_sub(keep);
        tokens.truncate(keep);
        let style = vec![if entries.is_empty() { "shut" } else { "open" }];
        Self { openings, tokens, more, own, style }
    }
}

/// How many members are not named; empty where all are.
fn more(members: usize) -> String {
    if members > MOST_NAMES { thousands(members - MOST_NAMES) } else { String::new() }
}

fn members(class: &Class<'_>) -> String {
    let (one, many) = match class.kind {
        Kind::Machines => ("machine", "machines"),
        Kind::People => ("person", "people"),
        Kind::Other => ("member", "members"),
    };
    match class.members.len() {
        0 if class.kind == Kind::Machines => "from pools".to_owned(),
        n => count(n, one, many),
    }
}
