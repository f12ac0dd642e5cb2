//! What AWS evaluates for each action: the resource types it is about and the condition keys it knows on each.
//!
//! The table is a slice of AWS's Service Authorization Reference, kept in `data/` together with where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

const SLICE: &str = include_str!("../data/service-authorization.json");
const ADDITIONS: &str = include_str!("../data/additions.json");
const GLOBAL: &str = include_str!("../data/global-condition-keys.json");

/// The table.
#[derive(Debug)]
pub struct Table {
    services: BTreeMap<String, Service>,
    global: BTreeMap<String, String>,
}

/// A service of AWS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    actions: BTreeMap<String, Action>,
    /// ARN templates by resource type.
    resources: BTreeMap<String, String>,
    /// Types of the condition keys of all its actions.
    key_types: BTreeMap<String, String>,
}

/// An action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its access level: List, Read, Write, Tagging, Permissions management.
    pub level: String,
    /// Condition keys it knows whatever the resource.
    pub keys: BTreeSet<String>,
    /// The types of its resources.
    pub resources: BTreeMap<String, ActionResource>,
}

/// A resource type of an action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionResource {
    /// Whether every request is about one.
    pub required: bool,
    /// Condition keys that the action knows on it.
    pub keys: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Slice {
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Additions {
    additions: Vec<Addition>,
}

#[derive(Deserialize)]
struct Addition {
    action: String,
    resource: String,
    keys: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Global {
    keys: BTreeMap<String, String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    #[allow(
        clippy::expect_used,
        reason = "the files are compiled in, and every test of this crate reads them"
    )]
    Table::read(SLICE, ADDITIONS, GLOBAL).expect("the tables in data/ are whole")
});

impl Table {
    /// The table that is compiled in.
    #[must_use]
    pub fn get() -> &'static Self {
        &TABLE
    }

    fn read(slice: &str, additions: &str, global: &str) -> Result<Self, serde_json::Error> {
        let Slice { mut services } = serde_json::from_str(slice)?;
        let Additions { additions } = serde_json::from_str(additions)?;
        let Global { keys: global } = serde_json::from_str(global)?;
        for addition in additions {
            let (service, name) = addition.action.split_once(':').unwrap_or((&addition.action, ""));
            let action = services.get_mut(service).and_then(|service| service.actions.get_mut(name));
            if let Some(action) = action {
                let new = ActionResource { required: false, keys: BTreeSet::new() };
                action.resources.entry(addition.resource).or_insert(new).keys.extend(addition.keys);
            }
        }
        Ok(Self { services, global })
    }

    /// A service by its prefix: `ec2`.
    #[must_use]
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        self.services.get(prefix)
    }

    /// Names of the services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// The type of a global condition key.
    #[must_use]
    pub fn global_type(&self, key: &str) -> Option<&str> {
        self.global.iter().find(|(template, _)| key_is(key, template)).map(|(_, kind)| kind.as_str())
    }
}

impl Service {
    /// An action by name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(name)
    }

    /// All actions, by name.
    pub fn actions(&self) -> impl Iterator<Item = (&str, &Action)> {
        self.actions.iter().map(|(name, action)| (name.as_str(), action))
    }

    /// The template of the ARNs of a resource type.
    #[must_use]
    pub fn template(&self, resource: &str) -> Option<&str> {
        self.resources.get(resource).map(String::as_str)
    }

    /// The type of a condition key.
    #[must_use]
    pub fn key_type(&self, key: &str) -> Option<&str> {
        self.key_types.iter().find(|(template, _)| key_is(key, template)).map(|(_, kind)| kind.as_str())
    }
}

impl Action {
    /// Whether the action knows `key` on the resource type `resource`.
    #[must_use]
    pub fn knows(&self, key: &str, resource: &str) -> bool {
        has(&self.keys, key) || self.resources.get(resource).is_some_and(|r| has(&r.keys, key))
    }
}

/// Whether `key` is one of `keys`, which may be templates.
#[must_use]
pub fn has(keys: &BTreeSet<String>, key: &str) -> bool {
    keys.iter().any(|template| key_is(key, template))
}

/// Whether `key` fills in `template`: `aws:RequestTag/team` fills in `aws:RequestTag/${TagKey}`. The reference writes
/// variables as `${Name}` or `<name>`, always at the end.
#[must_use]
pub fn key_is(key: &str, template: &str) -> bool {
    match template.find("${").or_else(|| template.find('<')) {
        Some(start) => key.strip_prefix(&template[..start]).is_some_and(|name| !name.is_empty()),
        None => key == template,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_together() {
        let table = Table::read(SLICE, ADDITIONS, GLOBAL).unwrap();
        for (prefix, service) in &table.services {
            for (name, action) in &service.actions {
                for (resource, of) in &action.resources {
                    assert!(service.template(resource).is_some(), "{prefix}:{name}: no ARN of {resource}");
                    for key in &of.keys {
                        assert!(service.key_types.contains_key(key), "{prefix}:{name}: no type of {key}");
                    }
                }
                for key in &action.keys {
                    assert!(service.key_types.contains_key(key), "{prefix}:{name}: no type of {key}");
                }
            }
        }
    }

    #[test]
    fn every_addition_adds_something() {
        let plain = Table::read(SLICE, r#"{"additions": []}"#, GLOBAL).unwrap();
        let Additions { additions } = serde_json::from_str(ADDITIONS).unwrap();
        for Addition { action, resource, keys } in additions {
            let (service, name) = action.split_once(':').unwrap();
            let action = plain.service(service).unwrap().action(name).unwrap();
            let knows = |key: &String| action.resources.get(&resource).is_some_and(|r| r.keys.contains(key));
            assert!(!keys.iter().all(knows), "the reference lists {name} on {resource} itself by now");
            assert!(plain.service(service).unwrap().template(&resource).is_some());
        }
    }

    #[test]
    fn templates_take_any_name() {
        assert!(key_is("aws:RequestTag/team", "aws:RequestTag/${TagKey}"));
        assert!(key_is("s3:ExistingObjectTag/team", "s3:ExistingObjectTag/<key>"));
        assert!(!key_is("aws:RequestTag/", "aws:RequestTag/${TagKey}"));
        assert!(!key_is("aws:RequestTags/team", "aws:RequestTag/${TagKey}"));
        assert!(!key_is("ec2:Regions", "ec2:Region"));
    }
}
