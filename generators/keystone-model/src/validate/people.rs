//! People and their groups.

use std::collections::{BTreeMap, BTreeSet};

use super::listed;
use crate::intent::ADMINS;
use crate::problem::{At, Problem};
use crate::role::Role;
use crate::tables::Cluster;
use crate::types::Name;

/// The role that administrators have.
const CLUSTER_ADMIN: &str = "cluster-admin";

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    people(cluster, problems);
    keys(cluster, problems);
    groups(cluster, problems);
    cycles(cluster, problems);
    if !cluster.people.values().any(|person| person.admin) {
        problems.push(
            Problem::error(
                At::table("people"),
                "nobody has `admin = true`",
                "make at least one person an admin, or nobody can open the cluster's secrets but its primers",
            )
            .resting_on(&["people"]),
        );
    }
}

fn people(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut emails = BTreeMap::new();
    for (name, person) in &cluster.people {
        let at = At::table("people").key(name);
        if let Some(other) = emails.insert(&person.email, name) {
            problems.push(Problem::error(
                at.clone().key("email"),
                format!("`{}` is the address of `{other}` too", person.email),
                "give each person an address of their own: Headscale knows people by it",
            ));
        }
        for (n, group) in person.groups.iter().enumerate() {
            let at = at.clone().key("groups").index(n);
            if group.as_str() == ADMINS && !person.admin {
                problems.push(
                    Problem::error(
                        at,
                        format!(
                            "`{name}` is no admin, and `admins` is the group of everyone with `admin = true`"
                        ),
                        "set `admin = true`, or take the group out",
                    )
                    .resting_on(&["people"]),
                );
            } else if group.as_str() != ADMINS && !cluster.groups.contains_key(group) {
                problems.push(unknown_group(cluster, at, group));
            }
        }
        let usable = person.ssh_keys.iter().filter(|key| key.kind().age_can_encrypt()).count();
        if person.admin && person.age_keys.is_empty() && usable == 0 {
            let has = match person.ssh_keys.first() {
                Some(key) => format!(
                    "has only keys that age cannot encrypt to ({})",
                    listed(key.as_str().split_ascii_whitespace().next())
                ),
                None => "has no key".to_owned(),
            };
            problems.push(Problem::error(
                at,
                format!("the admin `{name}` {has}"),
                "add `ageKeys = [\"age1…\"]`, made with `age-keygen`, or an SSH key of kind ssh-ed25519 or ssh-rsa",
            ));
        }
    }
}

/// A key belongs to one person or one machine: who has it is known by it, and whoever leaves takes it along.
fn keys(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<&str, (&str, &Name)> =
        cluster.nodes.iter().map(|(name, node)| (node.age_key.as_str(), ("node", name))).collect();
    let hosts = cluster.nodes.iter().filter_map(|(name, node)| Some((name, node.ssh_host_key.as_ref()?)));
    owners.extend(hosts.map(|(name, key)| (key.as_str(), ("node", name))));
    for (name, person) in &cluster.people {
        let at = At::table("people").key(name);
        let age = person.age_keys.iter().map(crate::types::AgeRecipient::as_str);
        let ssh = person.ssh_keys.iter().map(crate::types::SshPublicKey::as_str);
        let age = age.enumerate().map(|(n, key)| ("ageKeys", n, key));
        for (list, n, key) in age.chain(ssh.enumerate().map(|(n, key)| ("sshKeys", n, key))) {
            if let Some((kind, other)) = owners.insert(key, ("person", name)) {
                problems.push(Problem::error(
                    at.clone().key(list).index(n),
                    format!("the {kind} `{other}` has this key already"),
                    "write each key once, and give everyone a key of their own",
                ));
            }
        }
    }
}

fn groups(cluster: &Cluster, problems: &mut Vec<Problem>) {
    for (name, group) in &cluster.groups {
        for (n, inner) in group.includes.iter().enumerate() {
            let at = At::table("groups").key(name).key("includes").index(n);
            if inner.as_str() != ADMINS && !cluster.groups.contains_key(inner) {
                problems.push(unknown_group(cluster, at, inner));
            }
        }
        for (n, role) in group.cluster_roles.iter().enumerate() {
            if role.as_str() == CLUSTER_ADMIN {
                problems.push(Problem::error(
                    At::table("groups").key(name).key("clusterRoles").index(n),
                    format!("`{CLUSTER_ADMIN}` may do everything, and is for administrators"),
                    "set `admin = true` for people who need it, or give the group `edit` or `view`",
                ));
            }
        }
    }
    let populated: BTreeSet<Name> =
        crate::intent::groups_of_people(cluster).into_values().flatten().collect();
    for name in cluster.groups.keys().filter(|name| !populated.contains(*name)) {
        problems.push(
            Problem::warning(
                At::table("groups").key(name),
                format!("the group `{name}` has no members"),
                "add it to a person's `groups`, or remove it",
            )
            .resting_on(&["people"]),
        );
    }
}

/// Groups that include themselves, each cycle once, at its first group by name.
fn cycles(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    for start in cluster.groups.keys() {
        if done.contains(start) {
            continue;
        }
        // A walk along `includes` with the way it came, in a list of its own: thousands of nested groups would
        // exhaust the stack of a recursive one.
        let mut way: Vec<(&Name, usize)> = vec![(start, 0)];
        let mut on_way: BTreeMap<&Name, usize> = BTreeMap::from([(start, 0)]);
        while let Some((name, next)) = way.last_mut() {
            let inner = cluster.groups.get(*name).and_then(|group| group.includes.get(*next));
            *next += 1;
            let Some(inner) = inner else {
                done.insert(name);
                on_way.remove(name);
                way.pop();
                continue;
            };
            if let Some(begin) = on_way.get(inner) {
                let circle: Vec<&str> =
                    way[*begin..].iter().map(|(n, _)| n.as_str()).chain([inner.as_str()]).collect();
                let at = At::table("groups").key(inner).key("includes");
                problems.push(Problem::error(
                    at,
                    format!("groups include each other in a circle: {}", circle.join(" -> ")),
                    "remove one of these inclusions",
                ));
            } else if !done.contains(inner) {
                on_way.insert(inner, way.len());
                way.push((inner, 0));
            }
        }
    }
}

/// A group that nobody declared, or something else where a group belongs.
pub(super) fn unknown_group(cluster: &Cluster, at: At, name: &Name) -> Problem {
    if Role::named(name.as_str()).is_some() {
        return Problem::error(
            at,
            format!("`{name}` is a role of machines, and a group of people belongs here"),
            format!("name one of {}", listed(cluster.groups.keys().map(Name::as_str).chain([ADMINS]))),
        );
    }
    if cluster.people.contains_key(name) {
        return Problem::error(
            at,
            format!("`{name}` is a person, and a group belongs here"),
            "put the person in a group of their own, and name that",
        );
    }
    let nearest = cluster
        .groups
        .keys()
        .map(Name::as_str)
        .chain([ADMINS])
        .map(|group| (strsim::jaro_winkler(name.as_str(), group), group))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    let fix = nearest.map_or_else(
        || format!("declare it as `[groups.{name}]`"),
        |(_, group)| format!("did you mean `{group}`? If not, declare it as `[groups.{name}]`"),
    );
    Problem::error(at, format!("no group is named `{name}`"), fix).resting_on(&["groups"])
}
