//! What IAM's actions are: the resources that each works on, and the condition keys that are in its requests.
//!
//! The table is a slice of the AWS Service Authorization Reference (`data/service-authorization.json` names its
//! source). A condition on a key that is not in an action's request is never true, so that an allow with it allows
//! nothing; IAM accepts such a policy without a word.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

const DATA: &str = include_str!("../data/service-authorization.json");

/// All known services.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Table {
    /// Where the table comes from.
    pub source: String,
    /// On what terms.
    pub licence: String,
    /// Keys that every request has.
    pub global_keys: BTreeMap<String, KeyType>,
    /// Services by prefix: `ec2`.
    pub services: BTreeMap<String, Service>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// What values the service's condition keys have.
    pub key_types: BTreeMap<String, KeyType>,
    /// ARNs of resource types, with `${Placeholder}`s.
    pub resources: BTreeMap<String, String>,
    /// Actions by name.
    pub actions: BTreeMap<String, Action>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Keys that its request has for every resource.
    pub keys: Vec<String>,
    /// Types of resources that it works on. None: only `*` names what it works on.
    pub resources: BTreeMap<String, ResourceUse>,
}

/// An action's use of a type of resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceUse {
    /// Whether every request names one.
    pub required: bool,
    /// Keys that its request has for that resource.
    pub keys: Vec<String>,
}

/// What values a condition key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum KeyType {
    /// Text.
    String,
    /// The name of a resource.
    #[serde(rename = "ARN")]
    Arn,
    /// A number.
    Numeric,
    /// `true` or `false`.
    Bool,
    /// A point in time.
    Date,
    /// An address or a range of them.
    #[serde(rename = "IPAddress")]
    IpAddress,
    /// Several texts.
    ArrayOfString,
    /// Several names of resources.
    #[serde(rename = "ArrayOfARN")]
    ArrayOfArn,
}

impl Table {
    /// The table that this crate carries.
    ///
    /// # Errors
    /// When the data file is no table; a test proves that it is one.
    pub fn load() -> Result<&'static Self, String> {
        static TABLE: LazyLock<Result<Table, String>> =
            LazyLock::new(|| serde_json::from_str(DATA).map_err(|error| error.to_string()));
        TABLE.as_ref().map_err(Clone::clone)
    }

    /// The service and the action of a name like `ec2:RunInstances`. IAM ignores the case of both.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<(&Service, &Action)> {
        let (prefix, name) = name.split_once(':')?;
        let service = self.services.get(&prefix.to_ascii_lowercase())?;
        let action = service.actions.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some((service, action.1))
    }

    /// Whether every request has that key.
    #[must_use]
    pub fn is_global(&self, key: &str) -> bool {
        self.global_keys.keys().any(|known| same_key(known, key))
    }

    /// What values a key has.
    #[must_use]
    pub fn key_type(&self, service: &Service, key: &str) -> Option<KeyType> {
        let known = service.key_types.iter().chain(&self.global_keys);
        known.into_iter().find(|(known, _)| same_key(known, key)).map(|(_, kind)| *kind)
    }
}

impl Service {
    /// Types among those that the action works on which an ARN names. `*` names them all.
    #[must_use]
    pub fn types_of<'a>(&'a self, action: &'a Action, arn: &str) -> Vec<&'a str> {
        if arn == "*" {
            return action.resources.keys().map(String::as_str).collect();
        }
        let fits = action.resources.keys().filter_map(|kind| {
            let form = self.resources.get(kind)?;
            names(form, arn).then(|| (literal_length(form), kind.as_str()))
        });
        let fits: Vec<_> = fits.collect();
        // `arn:aws:s3:::b/k` fits the form of a bucket too, whose name has no slash: the form that says most is meant.
        let most = fits.iter().map(|(length, _)| *length).max();
        fits.into_iter().filter(|(length, _)| Some(*length) == most).map(|(_, kind)| kind).collect()
    }
}

/// Whether `key` is the key `known`, which may end in a placeholder: `aws:RequestTag/${TagKey}`. IAM ignores case.
#[must_use]
pub fn same_key(known: &str, key: &str) -> bool {
    match known.split_once("${") {
        None => known.eq_ignore_ascii_case(key),
        Some((stem, _)) => {
            key.len() > stem.len()
                && key.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem))
        }
    }
}

/// Whether `arn`, which may hold `*`, lies within `form`: placeholders take any text, all else must be there.
fn names(form: &str, arn: &str) -> bool {
    let mut rest = arn;
    let mut pieces = Vec::new();
    let mut form_rest = form;
    while let Some((literal, after)) = form_rest.split_once("${") {
        pieces.push(literal);
        form_rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    pieces.push(form_rest);
    for (n, piece) in pieces.iter().enumerate() {
        let last = n + 1 == pieces.len();
        rest = if n == 0 {
            let Some(rest) = rest.strip_prefix(piece) else { return false };
            rest
        } else if last {
            return if piece.is_empty() {
                !rest.is_empty()
            } else {
                rest.len() > piece.len() && rest.ends_with(piece)
            };
        } else {
            // The placeholder before this piece takes at least one character, and ends where the piece first occurs.
            let skip = rest.chars().next().map_or(0, char::len_utf8);
            let Some(at) = rest.get(skip..).and_then(|tail| tail.find(piece)) else { return false };
            if skip == 0 {
                return false;
            }
            rest = &rest[skip + at + piece.len()..];
            rest
        };
    }
    rest.is_empty()
}

fn literal_length(form: &str) -> usize {
    form.split("${")
        .enumerate()
        .map(|(n, part)| if n == 0 { part.len() } else { part.split_once('}').map_or(0, |(_, p)| p.len()) })
        .sum()
}
