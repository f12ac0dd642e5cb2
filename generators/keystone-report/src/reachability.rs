//! `reachability.json` as it is read: strictly, as a page that shows half a matrix would be believed.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::{PortRange, Proto};
use serde::Deserialize;

use crate::Error;

/// The matrix: classes of members that no rule can tell apart, and what is open between them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reachability {
    /// Members by class. A class of pools has none yet.
    pub classes: BTreeMap<String, Vec<String>>,
    /// What is open; a pair without entry is closed.
    pub entries: Vec<Entry>,
}

/// What one class opens to another by one transport.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub from: String,
    pub to: String,
    pub proto: Proto,
    pub ports: Vec<Ports>,
    pub rules: Vec<String>,
    /// Whether it holds among the own devices of each member, instead of between distinct members.
    #[serde(default, rename = "self")]
    pub own: bool,
}

/// First and last port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "(u16, u16)")]
pub(crate) struct Ports(pub u16, pub u16);

impl TryFrom<(u16, u16)> for Ports {
    type Error = String;

    fn try_from((first, last): (u16, u16)) -> Result<Self, String> {
        if first == 0 || first > last {
            return Err(format!(
                "`[{first}, {last}]` is no range of ports; write the lower one first, from 1"
            ));
        }
        Ok(Self(first, last))
    }
}

impl Ports {
    /// Whether these are all ports there are.
    pub(crate) fn is_all(self) -> bool {
        self == Self(PortRange::ALL.first(), PortRange::ALL.last())
    }
}

impl Reachability {
    /// Reads the matrix and holds it to its own rules.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let read: Self = serde_json::from_str(text).map_err(|error| Error::Matrix(error.to_string()))?;
        let mut class_of: BTreeMap<&str, &str> = BTreeMap::new();
        for (class, members) in &read.classes {
            for member in members {
                if let Some(first) = class_of.insert(member, class) {
                    return Err(Error::TwoClasses {
                        member: member.clone(),
                        first: first.to_owned(),
                        second: class.clone(),
                    });
                }
            }
        }
        let mut seen = BTreeSet::new();
        for (index, entry) in read.entries.iter().enumerate() {
            for class in [&entry.from, &entry.to] {
                if !read.classes.contains_key(class) {
                    return Err(Error::NoClass { index, class: class.clone() });
                }
            }
            if entry.own && entry.from != entry.to {
                return Err(Error::OwnOfOthers { index, from: entry.from.clone(), to: entry.to.clone() });
            }
            if (entry.proto == Proto::Icmp) != entry.ports.is_empty() {
                return Err(Error::PortsOf { index, proto: entry.proto });
            }
            if !seen.insert((&entry.from, &entry.to, entry.proto, entry.own)) {
                return Err(Error::Twice { index, from: entry.from.clone(), to: entry.to.clone() });
            }
        }
        Ok(read)
    }
}
