//! Classes in the order and under the names in which people read them.

use std::cmp::Reverse;

use keystone_model::Role;
use keystone_model::intent::ADMINS;

use crate::reachability::Reachability;

/// Most classes that the matrix shows; ten thousand machines have a dozen, and every class is in the lookup.
const MOST_SHOWN: usize = 48;

/// What the members of a class are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Machines,
    People,
    Other,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Machines, Self::People, Self::Other];

    /// As a heading.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Machines => "Machines",
            Self::People => "People",
            Self::Other => "Others",
        }
    }
}

/// A class.
#[derive(Debug, Clone)]
pub(crate) struct Class<'a> {
    /// As in `reachability.json`: `role:worker`.
    pub id: &'a str,
    pub kind: Kind,
    /// Without what the heading already says: `worker`.
    pub label: &'a str,
    pub members: &'a [String],
}

/// All classes: machines in the order of roles, then people, administrators first.
pub(crate) fn ordered(matrix: &Reachability) -> Vec<Class<'_>> {
    let mut classes: Vec<Class<'_>> = matrix.classes.iter().map(|(id, members)| class(id, members)).collect();
    classes.sort_by_key(|class| (class.kind, rank(class), class.id));
    classes
}

/// Places in `ordered` of the classes that the matrix shows: all, or the largest ones.
pub(crate) fn shown(classes: &[Class<'_>]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..classes.len()).collect();
    if places.len() > MOST_SHOWN {
        places.sort_by_key(|place| (classes[*place].kind, Reverse(classes[*place].members.len()), *place));
        places.truncate(MOST_SHOWN);
        places.sort_unstable();
    }
    places
}

fn class<'a>(id: &'a str, members: &'a [String]) -> Class<'a> {
    let (kind, label) = match id.split_once(':') {
        Some(("role", roles)) => (Kind::Machines, roles),
        Some(("group", groups)) => (Kind::People, groups),
        _ if id == "people" => (Kind::People, "no group"),
        _ => (Kind::Other, id),
    };
    Class { id, kind, label, members }
}

fn rank(class: &Class<'_>) -> usize {
    let first = class.label.split('+').next().unwrap_or_default();
    match class.kind {
        Kind::Machines => Role::ALL.iter().position(|role| role.as_str() == first).unwrap_or(Role::ALL.len()),
        Kind::People if class.id == "people" => 2,
        Kind::People => usize::from(!class.label.split('+').any(|group| group == ADMINS)),
        Kind::Other => 0,
    }
}
