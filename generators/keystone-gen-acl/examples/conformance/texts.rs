//! Random policies with random clusters, and policies of others: read here as Headscale reads them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use keystone_policy::reach::{Matrix, Node, Proto, User, Version};
use keystone_policy::{Policy, PortRange, check};
use serde_json::Value;

use crate::Case;
use crate::engine::{Answer, Failure, Opened, Question};
use crate::random::Random;
use crate::writer::Writer;

/// A policy as text.
pub struct Text {
    name: String,
    question: Question,
}

pub fn collect(folder: &Path, texts: &mut Vec<Text>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, texts)?;
        } else if path.extension().is_some_and(|e| e == "hujson") {
            let text = std::fs::read_to_string(&path)?;
            // Headscale's own recordings wrap the policy together with what a server answered.
            let policy = embedded_policy(&text).unwrap_or(text);
            let question = Question { policy, users: vec![], nodes: vec![] };
            texts.push(Text { name: path.display().to_string(), question });
        }
    }
    Ok(())
}

/// The policy of a recording, as text.
fn embedded_policy(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let input = value.get("input")?;
    let body = input.get("full_policy").or_else(|| input.get("policy"))?;
    Some(match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

impl Text {
    pub fn generate(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d);
        let users = (0..=random.below(4))
            .map(|n| User {
                name: format!("user{n}"),
                email: if random.chance(80) { format!("user{n}@example.com") } else { String::new() },
            })
            .collect::<Vec<_>>();
        let nodes = (0..random.below(7) + 2)
            .map(|n| {
                let address = u8::try_from(n + 1).unwrap_or(1);
                let tagged = random.chance(60);
                let mut addresses: Vec<IpAddr> = Vec::new();
                if random.chance(95) {
                    addresses.push(Ipv4Addr::new(100, 64, 0, address).into());
                }
                if addresses.is_empty() || random.chance(80) {
                    addresses.push(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, address.into()).into());
                }
                let mut tags: Vec<String> = Vec::new();
                if tagged {
                    for _ in 0..=random.below(2) {
                        let tag = format!("tag:t{}", random.below(3));
                        if !tags.contains(&tag) {
                            tags.push(tag);
                        }
                    }
                }
                let user = (!tagged).then(|| format!("user{}", random.below(users.len())));
                Node { name: format!("n{n}"), user, tags, addresses }
            })
            .collect();
        // Half of the policies are sound as far as one can write them so, the others have slips in every construct.
        let slips = if seed.is_multiple_of(2) { 0 } else { 4 };
        let question = Question { policy: Writer { random, slips }.policy(), users, nodes };
        Self { name: format!("seed {seed}"), question }
    }
}

impl Case for Text {
    fn name(&self) -> &str {
        &self.name
    }

    fn question(&self) -> &Question {
        &self.question
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        self.compare(answer).map_err(|why| format!("{why}\n{}", self.question.policy))
    }
}

impl Text {
    fn compare(&self, answer: &Answer) -> Result<(), String> {
        let Question { policy, users, nodes } = &self.question;
        let ours = check(policy);
        let error = &answer.error;
        // Who exists is nothing that a text tells.
        let about_users = error.contains("user not found") || error.contains("multiple users");
        let accepted = answer.accepted || about_users;
        if ours.accepted != accepted {
            let messages: Vec<&String> = ours.errors.iter().map(|finding| &finding.message).collect();
            return Err(format!(
                "Headscale: accepted {accepted} ({error}); here: accepted {} {messages:?}",
                ours.accepted
            ));
        }
        if !accepted || about_users || nodes.is_empty() {
            return Ok(());
        }
        let policy = Policy::parse(policy).map_err(|report| format!("{report:?}"))?;
        let matrices = Version::ALL.map(|version| (version, Matrix::over(version, &policy, users, nodes)));
        // A member is a user with all devices: what one of them may do, the member may.
        let mut theirs: BTreeMap<(String, String), Opened> = BTreeMap::new();
        let member_of =
            |name: &str| nodes.iter().find(|node| node.name == name).map(member).unwrap_or_default();
        for ((from, to), opened) in &answer.open {
            let pair = theirs.entry((member_of(from), member_of(to))).or_default();
            for (by, ports) in opened {
                pair.entry(by.clone()).or_default().extend(ports);
            }
        }
        let nothing = Opened::new();
        for from in nodes {
            for to in nodes.iter().filter(|to| to.name != from.name) {
                let (from, to) = (member(from), member(to));
                let ours: Opened = matrices
                    .iter()
                    .flat_map(|(version, matrix)| open(*version, matrix, &from, &to))
                    .collect();
                let mut theirs = theirs.get(&(from.clone(), to.clone())).unwrap_or(&nothing).clone();
                for ports in theirs.values_mut() {
                    *ports = merge(ports);
                }
                if ours != theirs {
                    return Err(format!("{from} to {to}: Headscale {theirs:?}, here {ours:?}"));
                }
            }
        }
        Ok(())
    }
}

fn member(node: &Node) -> String {
    match &node.user {
        Some(user) if node.tags.is_empty() => user.clone(),
        _ => node.name.clone(),
    }
}

fn merge(ports: &[[u16; 2]]) -> Vec<[u16; 2]> {
    let ranges = ports.iter().map(|[first, last]| PortRange { first: *first, last: *last }).collect();
    PortRange::merge(ranges).into_iter().map(|range| [range.first, range.last]).collect()
}

fn open(version: Version, matrix: &Matrix, source: &str, target: &str) -> Opened {
    let class = |name: &str| matrix.classes.iter().position(|members| members.iter().any(|m| m == name));
    let (Some(a), Some(b)) = (class(source), class(target)) else { return Opened::new() };
    let own = source == target;
    let between = matrix.entries.iter().filter(|entry| entry.from == a && entry.to == b && entry.own == own);
    between
        .map(|entry| {
            let proto = match entry.proto {
                Proto::Tcp => "tcp",
                Proto::Udp => "udp",
                Proto::Sctp => "sctp",
                Proto::Icmp => "icmp",
            };
            let ports = entry.ports.iter().map(|range| [range.first, range.last]).collect();
            ((version, proto.to_owned()), ports)
        })
        .collect()
}
