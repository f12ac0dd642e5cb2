//! Reading the types of an inventory without stopping at the first mistake.
//!
//! serde stops where something does not fit. So the offending value is noted, cut out, and the rest is read again,
//! until it fits or nothing is left to cut.

use serde_json::Value;
use serde_path_to_error::Segment;

use crate::problem::{At, Problem, Step};
use crate::tables::Cluster;

/// After so many mistakes the rest is left for the next try: each costs one more reading.
pub(super) const MOST_ERRORS: usize = 100;

pub(super) struct Recovered {
    /// What could be read, if the top-level tables that must exist do.
    pub cluster: Option<Cluster>,
    pub problems: Vec<Problem>,
    /// Places that were cut out, as they are counted in the text.
    pub removed: Vec<At>,
}

pub(super) fn deserialize(mut value: Value) -> Recovered {
    let mut problems = Vec::new();
    let mut removed: Vec<At> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, Cluster>(&value) {
            Ok(cluster) => return Recovered { cluster: Some(cluster), problems, removed },
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let mut steps = steps(error.path());
        if let Some(field) = quoted_after(&message, "unknown field ")
            && steps.last() != Some(&Step::Key(field.to_owned()))
        {
            steps.push(Step::Key(field.to_owned()));
        }
        let at = as_written(&steps, &removed);
        // A field that is missing because it was cut out has been reported already.
        let follows = quoted_after(&message, "missing field ")
            .is_some_and(|field| removed.iter().any(|cut| *cut == at.clone().key(field)));
        if !follows {
            problems.push(problem(at.clone(), &message));
        }
        let cut = cut(&mut value, &steps);
        if !cut || problems.len() >= MOST_ERRORS {
            return Recovered { cluster: None, problems, removed };
        }
        removed.push(at);
    }
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// The place in the text: elements of arrays that were cut out count again.
fn as_written(steps: &[Step], removed: &[At]) -> At {
    let mut at = At::default();
    for step in steps {
        match step {
            Step::Key(key) => at = at.key(key),
            Step::Index(index) => {
                let mut index = *index;
                let mut gone: Vec<usize> = removed
                    .iter()
                    .filter_map(|cut| match cut.steps().split_last() {
                        Some((Step::Index(n), before)) if before == at.steps() => Some(*n),
                        _ => None,
                    })
                    .collect();
                gone.sort_unstable();
                for n in gone {
                    index += usize::from(n <= index);
                }
                at = at.index(index);
            }
        }
    }
    at
}

/// Removes the value at the end of the steps; false if there is none, or if it is the whole inventory.
fn cut(value: &mut Value, steps: &[Step]) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    let mut parent = value;
    for step in before {
        let next = match step {
            Step::Key(key) => parent.get_mut(key),
            Step::Index(index) => parent.get_mut(index),
        };
        match next {
            Some(next) => parent = next,
            None => return false,
        }
    }
    match (last, parent) {
        (Step::Key(key), Value::Object(fields)) => fields.shift_remove(key).is_some(),
        (Step::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

fn quoted_after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message.strip_prefix(start)?.strip_prefix('`')?.split('`').next()
}

/// Puts serde's sentence, or that of one of our types, into message and fix.
fn problem(at: At, message: &str) -> Problem {
    if let Some(field) = quoted_after(message, "unknown field ") {
        return Problem::error(at, format!("`{field}` is not a key of this table"), nearest(field, message));
    }
    if let Some(variant) = quoted_after(message, "unknown variant ") {
        return Problem::error(
            at,
            format!("`{variant}` is not a value of this key"),
            nearest(variant, message),
        );
    }
    if let Some(field) = quoted_after(message, "missing field ") {
        let place = if at.steps().is_empty() { "the inventory".to_owned() } else { format!("`{at}`") };
        return Problem::error(at, format!("{place} has no `{field}`"), format!("add `{field}`"));
    }
    if let Some((found, expected)) = message.split_once(", expected ") {
        let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
        return Problem::error(at, format!("{found} does not belong here"), format!("write {expected}"));
    }
    // Our own types say «`value` is wrong so; write it so», the value in backticks and free of semicolons or not.
    let value_ends = message
        .rfind('`')
        .filter(|_| message.starts_with('`'))
        .map_or(0, |_| message[1..].find("` ").map_or(0, |n| n + 1));
    match message[value_ends..].find("; ") {
        Some(n) => {
            let n = value_ends + n;
            Problem::error(at, &message[..n], &message[n + 2..])
        }
        None => Problem::error(at, message, "see docs/reference/inventory.md for what this key takes"),
    }
}

/// «did you mean», or all that is allowed.
fn nearest(written: &str, message: &str) -> String {
    let Some((_, allowed)) = message.split_once(", expected ") else {
        return "remove it".to_owned();
    };
    let allowed: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
    let best = allowed
        .iter()
        .map(|candidate| (strsim::jaro_winkler(written, candidate), *candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, candidate)) if likeness > 0.8 => format!("did you mean `{candidate}`?"),
        _ if allowed.is_empty() => "remove it".to_owned(),
        _ => format!("one of {}", allowed.iter().map(|a| format!("`{a}`")).collect::<Vec<_>>().join(", ")),
    }
}
