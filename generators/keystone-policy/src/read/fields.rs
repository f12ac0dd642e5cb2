//! Objects with known names, arrays, and strings.

use crate::alias::Alias;
use crate::json::{Kind, Value};
use crate::place::{Place, Problems};
use crate::policy::At;

/// An object whose members are taken one by one; those that are left at the end are unknown.
pub struct Fields<'v> {
    left: Vec<(&'v str, usize, &'v Value)>,
    known: Vec<&'static str>,
    place: Place,
}

impl<'v> Fields<'v> {
    /// The members of an object. `null` stands for one without members.
    pub fn of(value: &'v Value, place: &Place, problems: &mut Problems) -> Option<Self> {
        let left = match &value.kind {
            Kind::Object(members) => members.iter().map(|(at, name, v)| (name.as_str(), *at, v)).collect(),
            Kind::Null => Vec::new(),
            other => {
                problems.push(place, format!("{} stands where an object belongs", other.name()));
                return None;
            }
        };
        Some(Self { left, known: Vec::new(), place: place.clone() })
    }

    /// The member of that name, whatever its case, as Headscale matches names. Another spelling of a name that was
    /// found is a name that stands twice.
    pub fn take(&mut self, name: &'static str, problems: &mut Problems) -> Option<(&'v Value, Place)> {
        self.known.push(name);
        let mut found = None;
        let place = &self.place;
        self.left.retain(|(written, offset, value)| {
            if !same_name(written, name) {
                return true;
            }
            let place = place.member(written, *offset);
            match found {
                None => found = Some((*value, Place { offset: value.offset, pointer: place.pointer })),
                // An exact repetition has been reported with all others.
                Some(_) if *written == name => {}
                Some(_) => problems.push(&place, format!("`{written}` is `{name}` again; join the two")),
            }
            false
        });
        found
    }

    /// Drops members whose name begins with `#`: Headscale ignores them in rules, for tools that keep notes there.
    pub fn ignore_notes(&mut self) {
        self.left.retain(|(name, ..)| !name.starts_with('#'));
    }

    /// Reports the members that nobody took.
    pub fn finish(self, problems: &mut Problems) {
        for (name, offset, _) in &self.left {
            let known: Vec<String> = self.known.iter().map(|known| format!("`{known}`")).collect();
            problems.push(
                &self.place.member(name, *offset),
                format!(
                    "`{name}` is a name that Headscale does not know here; it knows {}",
                    known.join(", ")
                ),
            );
        }
    }
}

/// Go's decoder folds case and, with it, drops `_` and `-` from names.
fn same_name(written: &str, known: &str) -> bool {
    let folded = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    written == known || folded(written) == folded(known)
}

/// The elements of an array with their places. `null` stands for no array at all.
pub fn items<'v>(
    value: &'v Value,
    place: &Place,
    problems: &mut Problems,
) -> Option<Vec<(&'v Value, Place)>> {
    match &value.kind {
        Kind::Array(list) => {
            Some(list.iter().enumerate().map(|(n, item)| (item, place.element(n, item.offset))).collect())
        }
        Kind::Null => None,
        other => {
            problems.push(
                place,
                format!("{} stands where an array belongs; write `[…]` around it", other.name()),
            );
            None
        }
    }
}

/// A string. `null` stands for an empty one.
pub fn string(value: &Value, place: &Place, problems: &mut Problems) -> Option<String> {
    match &value.kind {
        Kind::String(text) => Some(text.clone()),
        Kind::Null => Some(String::new()),
        other => {
            problems.push(place, format!("{} stands where a string belongs", other.name()));
            None
        }
    }
}

/// An array of strings, white space around each cut off where `trim` says so.
pub fn strings(value: &Value, place: &Place, trim: bool, problems: &mut Problems) -> Vec<At<String>> {
    let list = items(value, place, problems).unwrap_or_default();
    list.into_iter()
        .filter_map(|(item, place)| {
            let text = string(item, &place, problems)?;
            let value = if trim { go_trim(&text).to_owned() } else { text };
            Some(At { value, place })
        })
        .collect()
}

/// An array of aliases.
pub fn aliases(value: &Value, place: &Place, problems: &mut Problems) -> Vec<At<Alias>> {
    strings(value, place, true, problems)
        .into_iter()
        .filter_map(|text| match Alias::parse(&text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(why) => {
                problems.push(&text.place, why);
                None
            }
        })
        .collect()
}

/// Go's `strings.TrimSpace`, which knows the same white space as Rust.
pub fn go_trim(text: &str) -> &str {
    text.trim()
}
