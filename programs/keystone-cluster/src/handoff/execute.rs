//! Step by step, each written down before and after.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::scope;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::HandoffError;
use super::hosts::Hosts;
use super::journal::{Entry, Journal};
use super::plan::{Plan, Step};
use crate::coordinator::answer::{Done, Sealed, Serving, Status};

/// What is left to tell when all is done.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Candidates that did not answer, and hear of it when they come back.
    pub silent: Vec<String>,
    /// Whether the name's address was changed by a program.
    pub address_changed: bool,
    /// Rows that moved.
    pub rows: u64,
}

/// Does what is left of the plan.
pub fn execute(
    plan: &Plan,
    journal: &mut Journal,
    hosts: &Hosts,
    dns_command: Option<&Path>,
    tell: impl Fn(&str),
) -> Result<Outcome, HandoffError> {
    for (number, step) in plan.steps.iter().copied().enumerate() {
        let line = format!("{}/{} {}", number + 1, plan.steps.len(), sentence(plan, step));
        if journal.answer(step).is_some() {
            tell(&format!("{line}: done before"));
            continue;
        }
        tell(&line);
        if !journal.began(step) {
            journal.add(Entry::Began(step))?;
        }
        let answer = take(plan, journal, hosts, dns_command, step).map_err(|source| HandoffError::Step {
            step,
            hint: hint(plan, step),
            source: Box::new(source),
        })?;
        journal.add(Entry::Done { step, answer })?;
    }
    let outcome = outcome(journal);
    journal.close()?;
    Ok(outcome)
}

fn take(
    plan: &Plan,
    journal: &Journal,
    hosts: &Hosts,
    dns_command: Option<&Path>,
    step: Step,
) -> Result<Value, HandoffError> {
    let (node, verb) = verb(plan, journal, step);
    let words: Vec<&str> = verb.iter().map(String::as_str).collect();
    match step {
        Step::Fence => told::<Sealed>(hosts, node, &words),
        Step::Receive => {
            let answer = told::<Sealed>(hosts, node, &words)?;
            compare(plan, journal, &answer)?;
            Ok(answer)
        }
        Step::Adopt | Step::Retire => told::<Done>(hosts, node, &words),
        Step::Start => {
            let serving: Serving = hosts.tell(node, &words)?;
            match &plan.key {
                Some(expected) if *expected != serving.key => Err(HandoffError::OtherKey {
                    to: plan.to.clone(),
                    found: serving.key,
                    expected: expected.clone(),
                }),
                _ => Ok(json!(serving)),
            }
        }
        Step::Announce => {
            let others = hosts.names().into_iter().filter(|name| *name != plan.to);
            // All at once: those that sleep take their time not to answer.
            let silent: Vec<&str> = scope(|scope| {
                let words = &words;
                let told: Vec<_> = others
                    .map(|name| (name, scope.spawn(move || hosts.tell::<Done>(name, words).is_ok())))
                    .collect();
                told.into_iter()
                    .filter_map(|(name, thread)| (!thread.join().unwrap_or(false)).then_some(name))
                    .collect()
            });
            Ok(json!(silent))
        }
        Step::Address => match dns_command {
            Some(program) => change_address(program, plan).map(|()| json!(true)),
            None => Ok(json!(false)),
        },
    }
}

/// Who is told what in a step.
pub fn verb<'a>(plan: &'a Plan, journal: &Journal, step: Step) -> (&'a str, Vec<String>) {
    let generation = plan.generation.to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match step {
        Step::Fence => (&plan.from, words(&["fence", "--to", &plan.to, "--generation", &generation])),
        Step::Receive => {
            let state = plan.state.to_string();
            let mut receive = words(&["receive", "--from", &plan.from, "--generation", &state]);
            if plan.steps.contains(&Step::Fence) {
                let txid = sealed(journal).map_or("LAST".to_owned(), |sealed| sealed.txid);
                receive.extend(["--txid".to_owned(), txid]);
            }
            (&plan.to, receive)
        }
        Step::Adopt => (&plan.to, words(&["adopt", "--generation", &generation])),
        Step::Start => (&plan.to, words(&["start", "--generation", &generation])),
        Step::Retire => (&plan.from, words(&["retire", "--holder", &plan.to, "--generation", &generation])),
        Step::Announce | Step::Address => {
            ("", words(&["note", "--holder", &plan.to, "--generation", &generation]))
        }
    }
}

fn sealed(journal: &Journal) -> Option<Sealed> {
    serde_json::from_value(journal.answer(Step::Fence)?.clone()).ok()
}

fn told<T: DeserializeOwned>(hosts: &Hosts, node: &str, words: &[&str]) -> Result<Value, HandoffError> {
    let answer: Value = hosts.tell(node, words)?;
    serde_json::from_value::<T>(answer.clone())
        .map(|_| answer)
        .map_err(|error| HandoffError::Answer { node: node.to_owned(), reason: error.to_string() })
}

/// The new one must hold every row that the old one held.
fn compare(plan: &Plan, journal: &Journal, answer: &Value) -> Result<(), HandoffError> {
    let Some(sealed) = sealed(journal) else { return Ok(()) };
    let received: Sealed = serde_json::from_value(answer.clone())
        .map_err(|error| HandoffError::Answer { node: plan.to.clone(), reason: error.to_string() })?;
    if received.contents == sealed.contents {
        return Ok(());
    }
    let tables = sealed.contents.rows.iter().filter_map(|(table, rows)| {
        let there = received.contents.rows.get(table).copied().unwrap_or_default();
        (there != *rows).then(|| format!("{table} has {there} rows instead of {rows}"))
    });
    let what = tables.collect::<Vec<_>>();
    let what =
        if what.is_empty() { "rows are as many, and not the same".to_owned() } else { what.join(", ") };
    Err(HandoffError::Mismatch { from: plan.from.clone(), to: plan.to.clone(), what })
}

fn change_address(program: &Path, plan: &Plan) -> Result<(), HandoffError> {
    let name = program.display().to_string();
    let failed = |reason| HandoffError::Program { program: name.clone(), reason };
    let output = Command::new(program)
        .args([&plan.name, &plan.address])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(crate::enroll::last_words(&String::from_utf8_lossy(&output.stderr))))
}

fn outcome(journal: &Journal) -> Outcome {
    let received: Option<Sealed> =
        journal.answer(Step::Receive).and_then(|answer| serde_json::from_value(answer.clone()).ok());
    Outcome {
        silent: journal
            .answer(Step::Announce)
            .and_then(|answer| serde_json::from_value(answer.clone()).ok())
            .unwrap_or_default(),
        address_changed: journal.answer(Step::Address) == Some(&json!(true)),
        rows: received.map_or(0, |received| received.contents.rows.values().sum()),
    }
}

/// What a step does, for people.
pub fn sentence(plan: &Plan, step: Step) -> String {
    let Plan { from, to, generation, name, address, .. } = plan;
    match step {
        Step::Fence => format!("fence: {from} gives up the lease and stops Headscale"),
        Step::Receive => format!("receive: {to} has the last transactions, and checks them"),
        Step::Adopt => {
            format!("adopt: {to} takes the lease of generation {generation}; no way back from here")
        }
        Step::Start => format!("start: {to} serves, with the key that clients know"),
        Step::Retire => format!("retire: {from} becomes a standby"),
        Step::Announce => format!("announce: every candidate hears that {to} is the coordinator"),
        Step::Address => format!("address: {name} is {address}"),
    }
}

/// How to go on.
fn hint(plan: &Plan, step: Step) -> String {
    let again = "run the same command again to go on from here";
    let before =
        plan.steps.iter().position(|s| *s == step) < plan.steps.iter().position(|s| *s == Step::NO_RETURN);
    if before && plan.steps.contains(&Step::Fence) {
        return format!(
            "{again}, or `keystone-cluster mesh handoff {} --abort` to make {} the coordinator again",
            plan.to, plan.from
        );
    }
    again.to_owned()
}

/// Takes back what was begun.
pub fn abort(plan: &Plan, journal: &mut Journal, hosts: &Hosts) -> Result<(), HandoffError> {
    let state = plan.state.to_string();
    // The new one forgets its copy first: a step of a killed run that still works there ends before or fails after.
    let heard = hosts.tell::<Done>(&plan.to, &["note", "--holder", &plan.from, "--generation", &state]);
    // Where it was not begun, the new one cannot have a lease, and need not answer.
    if heard.is_ok() || journal.plan().is_none() || journal.began(Step::NO_RETURN) {
        let new: Status = hosts
            .tell(&plan.to, &["status"])
            .map_err(|error| HandoffError::Silent { node: plan.to.clone(), reason: error.to_string() })?;
        if new.lease.is_some_and(|lease| lease.generation >= plan.generation) {
            return Err(HandoffError::TooLate { to: plan.to.clone() });
        }
    }
    let old: Status = hosts.tell(&plan.from, &["status"])?;
    if old.fenced.is_none() && journal.plan().is_none() {
        return Err(HandoffError::NothingToAbort(format!("{} is the coordinator", plan.from)));
    }
    let generation = plan.generation.to_string();
    hosts.tell::<Done>(&plan.from, &["unfence", "--generation", &generation])?;
    journal.close()
}
