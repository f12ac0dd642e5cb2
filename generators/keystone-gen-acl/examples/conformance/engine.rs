//! Headscale's engine as a program: a question a line, an answer a line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use keystone_policy::reach::{Node, User, Version};
use serde_json::{Value, json};

pub type Failure = Box<dyn std::error::Error>;

/// A policy with those whom it is for.
pub struct Question {
    pub policy: String,
    pub users: Vec<User>,
    pub nodes: Vec<Node>,
}

/// Ports by version of IP and transport; none for ICMP.
pub type Opened = BTreeMap<(Version, String), Vec<[u16; 2]>>;

pub struct Answer {
    pub accepted: bool,
    pub error: String,
    /// What is open from a machine to another.
    pub open: BTreeMap<(String, String), Opened>,
}

impl Question {
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
}

impl Answer {
    fn read(line: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(line)?;
        let mut open: BTreeMap<(String, String), Opened> = BTreeMap::new();
        for opening in value["open"].as_array().into_iter().flatten() {
            let text = |key: &str| opening[key].as_str().unwrap_or_default().to_owned();
            let version = if opening["ip"] == 4 { Version::V4 } else { Version::V6 };
            let ports = serde_json::from_value(opening["ports"].clone())?;
            open.entry((text("from"), text("to"))).or_default().insert((version, text("proto")), ports);
        }
        let error = value["error"].as_str().unwrap_or_default().to_owned();
        Ok(Self { accepted: value["accepted"] == true, error, open })
    }
}

/// Asks every question, and has each answer read as it comes: all of them together are a gigabyte.
pub fn ask<'q, T>(
    judge: &str,
    questions: impl Iterator<Item = &'q Question>,
    mut read: impl FnMut(usize, &Answer) -> T,
) -> Result<Vec<T>, Failure> {
    let mut child = Command::new(judge).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("the judge has no input")?;
    let lines: Vec<String> = questions.map(|q| q.to_json().to_string()).collect();
    let asked = lines.len();
    let writer = std::thread::spawn(move || lines.iter().try_for_each(|line| writeln!(input, "{line}")));
    let output = BufReader::new(child.stdout.take().ok_or("the judge has no output")?);
    let answers = output.lines().enumerate().map(|(n, line)| Ok(read(n, &Answer::read(&line?)?)));
    let answers = answers.collect::<Result<Vec<T>, Failure>>()?;
    writer.join().map_err(|_| "the writer stopped")??;
    if !child.wait()?.success() || answers.len() != asked {
        return Err(format!("the judge answered {} of {asked} questions", answers.len()).into());
    }
    Ok(answers)
}
