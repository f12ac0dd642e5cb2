//! Compares this reader with Headscale's own engine: `conformance JUDGE COUNT [FOLDER]`.
//!
//! JUDGE is the program of `checks/conformance/policy`. COUNT policies are generated, sound and broken, each with a
//! small random cluster; with FOLDER, every `*.hujson` below it is compared too (verdict only). Prints each difference
//! and a last line `N passed, N failed, 0 skipped`.

mod writer;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, ExitCode, Stdio};

use keystone_policy::reach::{Entry, Matrix, Node, Proto, User};
use keystone_policy::{Policy, PortRange, check};
use serde_json::{Value, json};
use writer::{Random, Writer};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, judge, count, folder @ ..] = arguments.as_slice() else {
        eprintln!("usage: conformance JUDGE COUNT [FOLDER]");
        return Ok(ExitCode::from(2));
    };
    let mut questions: Vec<Question> = (0..count.parse()?).map(Question::generate).collect();
    for folder in folder {
        collect(std::path::Path::new(folder), &mut questions)?;
    }
    let answers = ask(judge, &questions)?;
    let mut failed = 0;
    let mut accepted = 0;
    for (question, answer) in questions.iter().zip(&answers) {
        accepted += usize::from(answer["accepted"] == true);
        if let Err(why) = question.compare(answer) {
            failed += 1;
            println!("difference in {}: {why}\n{}\n", question.name, question.policy);
        }
    }
    println!("{accepted} of {} policies are accepted by Headscale", questions.len());
    println!("{} passed, {failed} failed, 0 skipped", questions.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn collect(folder: &std::path::Path, questions: &mut Vec<Question>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, questions)?;
        } else if path.extension().is_some_and(|e| e == "hujson") {
            let text = std::fs::read_to_string(&path)?;
            // Headscale's own recordings wrap the policy together with what a server answered.
            let policy = embedded_policy(&text).unwrap_or(text);
            questions.push(Question {
                name: path.display().to_string(),
                policy,
                users: vec![],
                nodes: vec![],
            });
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

fn ask(judge: &str, questions: &[Question]) -> Result<Vec<Value>, Failure> {
    let mut child = Command::new(judge).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("the judge has no input")?;
    let lines: Vec<String> = questions.iter().map(|q| q.to_json().to_string()).collect();
    let writer = std::thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));
    let output = BufReader::new(child.stdout.take().ok_or("the judge has no output")?);
    let answers =
        output.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<Vec<_>, Failure>>()?;
    writer.join().map_err(|_| "the writer stopped")??;
    if !child.wait()?.success() || answers.len() != questions.len() {
        return Err(format!("the judge answered {} of {} questions", answers.len(), questions.len()).into());
    }
    Ok(answers)
}

struct Question {
    name: String,
    policy: String,
    users: Vec<User>,
    nodes: Vec<Node>,
}

impl Question {
    fn generate(seed: u64) -> Self {
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
        Self { name: format!("seed {seed}"), policy: Writer { random, slips }.policy(), users, nodes }
    }

    fn to_json(&self) -> Value {
        let nodes: Vec<Value> = self
            .nodes
            .iter()
            .map(|n| json!({ "name": n.name, "user": n.user, "tags": n.tags, "addresses": n.addresses }))
            .collect();
        let users: Vec<Value> =
            self.users.iter().map(|u| json!({ "name": u.name, "email": u.email })).collect();
        json!({ "policy": self.policy, "users": users, "nodes": nodes })
    }

    fn compare(&self, answer: &Value) -> Result<(), String> {
        let ours = check(&self.policy);
        let error = answer["error"].as_str().unwrap_or_default();
        // Who exists is nothing that a text tells.
        let about_users = error.contains("user not found") || error.contains("multiple users");
        let accepted = answer["accepted"] == true || about_users;
        if ours.accepted != accepted {
            let messages: Vec<&String> = ours.errors.iter().map(|finding| &finding.message).collect();
            return Err(format!(
                "Headscale: accepted {accepted} ({error}); here: accepted {} {messages:?}",
                ours.accepted
            ));
        }
        if !accepted || about_users || self.nodes.is_empty() {
            return Ok(());
        }
        let policy = Policy::parse(&self.policy).map_err(|report| format!("{report:?}"))?;
        let matrix = Matrix::compute(&policy, &self.users, &self.nodes);
        // A member is a user with all devices: what one of them may do, the member may.
        let mut theirs: BTreeMap<(String, String), Opened> = BTreeMap::new();
        for opening in answer["open"].as_array().into_iter().flatten() {
            let name = |key: &str| {
                let node = self.nodes.iter().find(|node| opening[key] == node.name.as_str());
                node.map(member).unwrap_or_default()
            };
            let ports: Vec<[u16; 2]> =
                serde_json::from_value(opening["ports"].clone()).map_err(|error| error.to_string())?;
            let proto = opening["proto"].as_str().unwrap_or_default().to_owned();
            theirs.entry((name("from"), name("to"))).or_default().entry(proto).or_default().extend(ports);
        }
        for from in &self.nodes {
            for to in self.nodes.iter().filter(|to| to.name != from.name) {
                let (from, to) = (member(from), member(to));
                let ours = open(&matrix, &from, &to);
                let mut theirs: Vec<String> = theirs
                    .get(&(from.clone(), to.clone()))
                    .into_iter()
                    .flatten()
                    .map(|(proto, ports)| format!("{proto} {}", json!(merge(ports))))
                    .collect();
                theirs.sort();
                if ours != theirs {
                    return Err(format!("{from} to {to}: Headscale {theirs:?}, here {ours:?}"));
                }
            }
        }
        Ok(())
    }
}

/// Ports by transport.
type Opened = BTreeMap<String, Vec<[u16; 2]>>;

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

fn open(matrix: &Matrix, source: &str, target: &str) -> Vec<String> {
    let class = |name: &str| matrix.classes.iter().position(|members| members.iter().any(|m| m == name));
    let (Some(a), Some(b)) = (class(source), class(target)) else { return vec![] };
    let own = source == target;
    let mut open: Vec<String> = matrix
        .entries
        .iter()
        .filter(|entry| entry.from == a && entry.to == b && entry.own == own)
        .map(|entry: &Entry| {
            let ports: Vec<[u16; 2]> = entry.ports.iter().map(|range| [range.first, range.last]).collect();
            let proto = match entry.proto {
                Proto::Tcp => "tcp",
                Proto::Udp => "udp",
                Proto::Sctp => "sctp",
                Proto::Icmp => "icmp",
            };
            format!("{proto} {}", json!(ports))
        })
        .collect();
    open.sort();
    open
}
