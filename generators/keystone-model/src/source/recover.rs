//! Reading the types of an inventory without stopping at the first mistake.
//!
//! serde stops where something does not fit. So the offending value is noted and cut out, what must exist gets a
//! stand-in, and the rest is read again, until it fits. Collections that can be long are mended entry by entry, so
//! that a mistake costs one more reading of its entry and not of ten thousand.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::phrase::{missing_field, problem, unknown_field};
use super::stand_in::stand_in;
use crate::problem::{At, Problem, Step};
use crate::tables::{AccessRule, Cluster, Group, Node, Person, Pool, SshRule};
use crate::types::Name;

/// After so many mistakes the rest is left for the next try.
pub(super) const MOST_ERRORS: usize = 100;

#[derive(Default)]
pub(super) struct Recovered {
    /// What could be read; with stand-ins at the places in `damaged`.
    pub cluster: Option<Cluster>,
    pub problems: Vec<Problem>,
    /// Places that were cut out or stood in for, as they are counted in the text.
    pub damaged: Vec<At>,
    /// Places that have been stood in for. None is twice: a stand-in that does not fit would be for ever.
    stood_in: BTreeSet<At>,
}

pub(super) fn deserialize(mut value: Value) -> Recovered {
    // Without a mistake nobody has to know where one would be, which halves the time.
    let mut recovered = Recovered::default();
    if !value.is_object() {
        // serde would take a list for the fields in their order.
        recovered.note(Problem::error(At::default(), "the inventory is no table", "write its keys by name"));
        return recovered;
    }
    if let Ok(cluster) = Cluster::deserialize(&value) {
        recovered.lists_for_tables(&value, &cluster);
        recovered.cluster = Some(cluster);
        return recovered;
    }
    let mended = recovered.collections(&mut value);
    if !recovered.mend::<Cluster>(&mut value, &At::default()) {
        return recovered;
    }
    if let Some(tables) = value.as_object_mut() {
        tables.extend(mended);
    }
    if let Ok(cluster) = Cluster::deserialize(&value) {
        recovered.lists_for_tables(&value, &cluster);
        recovered.cluster = Some(cluster);
    }
    recovered
}

impl Recovered {
    /// Mends the collections that can be long, and takes them out of the inventory.
    fn collections(&mut self, value: &mut Value) -> Map<String, Value> {
        let mut mended = Map::new();
        let Some(tables) = value.as_object_mut() else { return mended };
        for (name, mend) in [
            ("groups", Self::entries::<Group> as fn(&mut Self, &mut Map<String, Value>, &At)),
            ("people", Self::entries::<Person>),
            ("nodes", Self::entries::<Node>),
            ("pools", Self::entries::<Pool>),
        ] {
            if let Some(Value::Object(entries)) = tables.get_mut(name) {
                mend(self, entries, &At::table(name));
                mended.extend(tables.shift_remove_entry(name));
            }
        }
        for (name, mend) in [
            ("access", Self::items::<AccessRule> as fn(&mut Self, &mut Vec<Value>, &At)),
            ("ssh", Self::items::<SshRule>),
        ] {
            if let Some(Value::Array(items)) = tables.get_mut(name) {
                mend(self, items, &At::table(name));
                mended.extend(tables.shift_remove_entry(name));
            }
        }
        mended
    }

    fn entries<T: DeserializeOwned>(&mut self, entries: &mut Map<String, Value>, at: &At) {
        entries.retain(|name, entry| {
            let at = at.clone().key(name);
            if let Err(error) = Name::from_str(name) {
                self.note(problem(at.clone(), &error.to_string()));
                self.damaged.push(at);
                return false;
            }
            self.fits_or_falls::<T>(entry, at)
        });
    }

    fn items<T: DeserializeOwned>(&mut self, items: &mut Vec<Value>, at: &At) {
        let mut n = 0;
        items.retain_mut(|item| {
            let at = at.clone().index(n);
            n += 1;
            self.fits_or_falls::<T>(item, at)
        });
    }

    fn fits_or_falls<T: DeserializeOwned>(&mut self, value: &mut Value, at: At) -> bool {
        let fits = T::deserialize(&*value).is_ok() || self.mend::<T>(value, &at);
        if !fits {
            self.damaged.push(at);
        }
        fits
    }

    /// Cuts and stands in until the value fits; false if it never does, or if there are too many mistakes.
    fn mend<T: DeserializeOwned>(&mut self, value: &mut Value, base: &At) -> bool {
        while self.problems.len() < MOST_ERRORS {
            let Err(error) = serde_path_to_error::deserialize::<_, T>(&*value) else { return true };
            let message = error.inner().to_string();
            let mut steps = steps(error.path());
            if let Some(field) = missing_field(&message) {
                let place = self.place(base, &steps).key(field);
                // A field that is missing because it was cut out has been reported already.
                if !self.damaged.iter().any(|cut| place.is_within(cut)) {
                    self.note(problem(self.place(base, &steps), &message));
                }
                if let Some(stand_in) = stand_in(&place)
                    && self.stood_in.insert(place.clone())
                    && let Some(Value::Object(fields)) = find(value, &steps)
                {
                    fields.insert(field.to_owned(), stand_in);
                    self.damaged.push(place);
                    continue;
                }
            } else {
                if let Some(field) = unknown_field(&message)
                    && steps.last() != Some(&Step::Key(field.to_owned()))
                {
                    steps.push(Step::Key(field.to_owned()));
                }
                self.note(problem(self.place(base, &steps), &message));
            }
            let at = self.place(base, &steps);
            if !cut(value, &steps) {
                return false;
            }
            self.damaged.push(at);
        }
        false
    }

    /// A problem with what could be read, at its place in the text.
    pub(super) fn as_written(&self, problem: Problem) -> Problem {
        if self.damaged.is_empty() {
            return problem;
        }
        Problem { at: self.place(&At::default(), problem.at.steps()), ..problem }
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < MOST_ERRORS {
            self.problems.push(problem);
        }
    }

    /// serde takes a list for a table, its elements for the fields in their order. No other reader of the inventory
    /// would, and no reader of the text could tell what is meant.
    fn lists_for_tables(&mut self, value: &Value, cluster: &Cluster) {
        let Ok(read) = serde_json::to_value(cluster) else { return };
        let mut open = vec![(At::default(), value, &read)];
        while let Some((at, written, read)) = open.pop() {
            match (written, read) {
                (Value::Array(_), Value::Object(_)) => {
                    let at = self.place(&At::default(), at.steps());
                    self.note(Problem::error(at.clone(), "a list does not belong here", "write a table"));
                    self.damaged.push(at);
                }
                (Value::Array(written), Value::Array(read)) => {
                    let pairs = written.iter().zip(read).enumerate();
                    open.extend(
                        pairs
                            .filter(|(_, (_, r))| is_nested(r))
                            .map(|(n, (w, r))| (at.clone().index(n), w, r)),
                    );
                }
                (Value::Object(written), Value::Object(read)) => {
                    let pairs = written.iter().filter_map(|(key, w)| Some((key, w, read.get(key)?)));
                    open.extend(
                        pairs.filter(|(_, _, r)| is_nested(r)).map(|(key, w, r)| (at.clone().key(key), w, r)),
                    );
                }
                _ => {}
            }
        }
    }

    /// The place in the text: elements of arrays that were cut out count again.
    fn place(&self, base: &At, steps: &[Step]) -> At {
        let mut at = base.clone();
        for step in steps {
            match step {
                Step::Key(key) => at = at.key(key),
                Step::Index(index) => {
                    let mut index = *index;
                    let mut gone: Vec<usize> = self
                        .damaged
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
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
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

fn find<'v>(value: &'v mut Value, steps: &[Step]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })
}

/// Removes the value at the end of the steps; false if there is none, or if it is the whole value.
fn cut(value: &mut Value, steps: &[Step]) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    match (last, find(value, before)) {
        (Step::Key(key), Some(Value::Object(fields))) => fields.shift_remove(key).is_some(),
        (Step::Index(index), Some(Value::Array(items))) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}
