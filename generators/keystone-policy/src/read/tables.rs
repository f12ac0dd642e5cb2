//! `groups`, `hosts`, `tagOwners`, `autoApprovers`: objects whose names are the user's own.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::fields::{items, string, strings};
use crate::alias::{Alias, parse_net};
use crate::json::{Kind, Value};
use crate::place::{Place, Problems};
use crate::policy::At;

/// The members of an object. `null` stands for one without members.
fn members<'v>(value: &'v Value, place: &Place, problems: &mut Problems) -> Vec<(&'v str, &'v Value, Place)> {
    match &value.kind {
        Kind::Object(members) => members
            .iter()
            .map(|(offset, name, value)| (name.as_str(), value, place.member(name, *offset)))
            .collect(),
        Kind::Null => Vec::new(),
        other => {
            problems.push(place, format!("{} stands where an object belongs", other.name()));
            Vec::new()
        }
    }
}

pub fn groups(value: &Value, place: &Place, problems: &mut Problems) -> BTreeMap<String, At<Vec<String>>> {
    let mut groups = BTreeMap::new();
    for (name, value, place) in members(value, place, problems) {
        if !name.starts_with("group:") {
            problems.push(&place, format!("`{name}` is no name of a group; write `group:{name}`"));
        }
        let Kind::Array(list) = &value.kind else {
            problems.push(
                &place,
                format!("{} stands where the group's users belong; write an array", value.kind.name()),
            );
            continue;
        };
        let mut users = Vec::with_capacity(list.len());
        for (n, item) in list.iter().enumerate() {
            let place = place.element(n, item.offset);
            match &item.kind {
                Kind::String(user) if user.starts_with("group:") => problems.push(
                    &place,
                    format!("`{user}` is a group, and groups hold users; write its members here"),
                ),
                Kind::String(user) if user.contains('@') => users.push(user.clone()),
                Kind::String(user) => problems.push(
                    &place,
                    format!(
                        "`{user}` is no user; write a mail address, or `{user}@` for a user of that name"
                    ),
                ),
                other => problems.push(&place, format!("{} stands where a user belongs", other.name())),
            }
        }
        groups.insert(name.to_owned(), At { value: users, place });
    }
    groups
}

pub fn hosts(value: &Value, place: &Place, problems: &mut Problems) -> BTreeMap<String, At<IpNet>> {
    let mut hosts = BTreeMap::new();
    for (name, value, place) in members(value, place, problems) {
        if name.contains('@') || name.contains(':') {
            problems.push(&place, format!("`{name}` is no name of a host; leave out `@` and `:`"));
        }
        let Some(text) = string(value, &place, problems) else { continue };
        match parse_net(&text) {
            Some(net) => {
                hosts.insert(name.to_owned(), At { value: net, place });
            }
            None => problems.push(
                &place,
                format!("`{text}` is no address and no range; write `10.0.0.1` or `10.0.0.0/8`"),
            ),
        }
    }
    hosts
}

pub fn tag_owners(
    value: &Value,
    place: &Place,
    problems: &mut Problems,
) -> BTreeMap<String, At<Vec<At<Alias>>>> {
    let mut owners = BTreeMap::new();
    for (name, value, place) in members(value, place, problems) {
        if let Err(why) = tag_name(name) {
            problems.push(&place, why);
        }
        let list = self::owners(value, &place, "an owner", problems);
        owners.insert(name.to_owned(), At { value: list, place });
    }
    owners
}

/// What Headscale asks of a tag where it defines one or names it in a destination.
pub fn tag_name(tag: &str) -> Result<(), String> {
    let Some(name) = tag.strip_prefix("tag:") else {
        return Err(format!("`{tag}` is no tag; write `tag:{tag}`"));
    };
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(())
    } else {
        Err(format!("`{tag}` is no tag: after `tag:` comes a letter"))
    }
}

/// Users, groups and tags.
pub fn owners(value: &Value, place: &Place, what: &str, problems: &mut Problems) -> Vec<At<Alias>> {
    strings(value, place, false, problems)
        .into_iter()
        .filter_map(|text| {
            let name = &text.value;
            let alias = if name.contains('@') {
                Alias::User(name.clone())
            } else if name.starts_with("group:") {
                Alias::Group(name.clone())
            } else if name.starts_with("tag:") {
                Alias::Tag(name.clone())
            } else {
                problems.push(
                    &text.place,
                    format!("`{name}` is not {what}; write a user with `@`, a group or a tag"),
                );
                return None;
            };
            Some(At { value: alias, place: text.place })
        })
        .collect()
}

pub fn routes(value: &Value, place: &Place, problems: &mut Problems) -> Vec<(At<IpNet>, Vec<At<Alias>>)> {
    let mut routes: Vec<(At<IpNet>, Vec<At<Alias>>)> = Vec::new();
    for (name, value, place) in members(value, place, problems) {
        let approvers = owners(value, &place, "an approver", problems);
        let net = name.contains('/').then(|| parse_net(name)).flatten();
        match net {
            Some(net) if routes.iter().any(|(other, _)| other.value == net) => {
                problems.push(&place, format!("the route `{name}` stands twice; join the two"));
            }
            Some(net) => routes.push((At { value: net, place }, approvers)),
            // Go reads an empty text as the range that is none.
            None if name.is_empty() => {}
            None => {
                problems.push(&place, format!("`{name}` is no route; write a range such as `10.0.0.0/8`"));
            }
        }
    }
    routes
}

/// Names of capabilities.
pub fn capabilities(value: &Value, place: &Place, problems: &mut Problems) -> Vec<At<String>> {
    members(value, place, problems)
        .into_iter()
        .map(|(name, value, place)| {
            let _ = items(value, &place, problems);
            At { value: name.to_owned(), place }
        })
        .collect()
}
