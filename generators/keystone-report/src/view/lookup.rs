//! What the script reads: the whole matrix, small.

use std::collections::BTreeMap;

use keystone_model::service::services;
use keystone_model::{AccessPort, Cluster, Name, SshAction};
use serde::Serialize;

use super::openings::ports;
use crate::classes::Class;
use crate::reachability::Reachability;

/// The matrix, with everything that repeats written once and referred to by its place.
#[derive(Debug, Serialize)]
pub(super) struct Lookup {
    classes: Vec<ClassRow>,
    rules: Vec<Rule>,
    openings: Vec<Opening>,
    entries: Vec<Entry>,
}

/// Label, what its members are, members.
#[derive(Debug, Serialize)]
struct ClassRow(String, &'static str, Vec<String>);

/// Name, what it is about.
#[derive(Debug, Serialize)]
struct Rule(String, String);

/// Ports as text, places of rules.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Opening(String, Vec<usize>);

/// Places of from, to and opening; 1 for own devices.
#[derive(Debug, Serialize)]
struct Entry(usize, usize, usize, u8);

impl Lookup {
    pub(super) fn of(cluster: &Cluster, matrix: &Reachability, classes: &[Class<'_>]) -> Self {
        let class_at: BTreeMap<&str, usize> =
            classes.iter().enumerate().map(|(n, class)| (class.id, n)).collect();
        let about = about(cluster);
        let mut rules = Vec::new();
        let mut rule_at: BTreeMap<&str, usize> = BTreeMap::new();
        let mut openings = Vec::new();
        let mut opening_at: BTreeMap<Opening, usize> = BTreeMap::new();
        let mut sorted: Vec<_> = matrix.entries.iter().collect();
        sorted.sort_by_key(|e| (class_at.get(&*e.from), class_at.get(&*e.to), e.own, e.proto));
        let entries = sorted.into_iter().filter_map(|entry| {
            let places: Vec<usize> = entry
                .rules
                .iter()
                .map(|rule| {
                    *rule_at.entry(rule).or_insert_with(|| {
                        rules.push(Rule(rule.clone(), about.get(rule).cloned().unwrap_or_default()));
                        rules.len() - 1
                    })
                })
                .collect();
            let opening = Opening(ports(entry.proto, &entry.ports), places);
            let opening = *opening_at.entry(opening).or_insert_with_key(|opening| {
                openings.push(opening.clone());
                openings.len() - 1
            });
            let (from, to) = (class_at.get(&*entry.from)?, class_at.get(&*entry.to)?);
            Some(Entry(*from, *to, opening, u8::from(entry.own)))
        });
        let entries = entries.collect();
        let classes = classes
            .iter()
            .map(|class| ClassRow(class.label.to_owned(), class.kind.heading(), class.members.to_vec()))
            .collect();
        Self { classes, rules, openings, entries }
    }
}

/// A sentence for each rule.
fn about(cluster: &Cluster) -> BTreeMap<String, String> {
    let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let mut about: BTreeMap<String, String> = services(cluster)
        .into_iter()
        .map(|service| (format!("service {}", service.name), service.purpose.to_owned()))
        .collect();
    for rule in &cluster.access {
        let ports: Vec<String> = rule
            .ports
            .iter()
            .map(|port| match port {
                AccessPort::Number(port) => port.to_string(),
                AccessPort::Range(range) => range.to_string(),
                AccessPort::Service(name) => name.to_string(),
            })
            .collect();
        let ports = if ports.is_empty() { String::new() } else { format!(" on {}", ports.join(", ")) };
        about.insert(
            format!("access {}", rule.name),
            format!("{} to {}{ports}", list(&rule.from), list(&rule.to)),
        );
    }
    for rule in &cluster.ssh {
        let check = match rule.action {
            SshAction::Accept => "",
            SshAction::Check => ", after a recent login",
        };
        about.insert(
            format!("ssh {}", rule.name),
            format!("{} as {} on {}{check}", list(&rule.from), rule.users.join(", "), list(&rule.to)),
        );
    }
    about
}
