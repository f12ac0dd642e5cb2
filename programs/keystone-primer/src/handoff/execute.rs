//! The steps, one after the other, until there is none.

use std::thread;
use std::time::{Duration, Instant};

use super::etcd::Etcd;
use super::journal::Journal;
use super::plan::{Goal, Step, Stop, Survey};
use crate::commands::Client;
use crate::refusal::Refusal;

/// How often somebody is asked who has to do something first.
const PAUSE: Duration = Duration::from_millis(500);

/// How it is done.
pub struct Options<'o> {
    /// Who is asked.
    pub etcd: &'o Etcd,
    /// How long a member may take to start and to get everything.
    pub patience: Duration,
    /// Tells what happens.
    pub tell: &'o dyn Fn(&str),
}

fn everybody(goal: &Goal) -> Vec<String> {
    goal.to.iter().chain(&goal.from).cloned().collect()
}

/// Hands over, from wherever an earlier run ended. The steps that it did.
pub fn run(client: &Client, goal: &Goal, options: &Options<'_>) -> Result<Vec<String>, Refusal> {
    let mut journal = match Journal::load(client)? {
        Some(journal) if journal.goal == *goal => journal,
        Some(other) => {
            return Err(Refusal::new(format!(
                "a handoff to {} is under way, and this one is to {}",
                other.goal.to.join(", "),
                goal.to.join(", ")
            ))
            .fix("finish it with the inventory that it began with, or take it back: keystone-primer handoff --abort"));
        }
        None => {
            let journal = Journal::new(goal.clone());
            journal.save(client)?;
            journal
        }
    };
    let done = follow(options, goal, |survey| survey.next(goal), &mut |step| {
        match step {
            Step::Add(node) => {
                journal.added.insert(node.clone());
            }
            Step::Remove(_) => journal.removing = true,
            _ => return Ok(()),
        }
        journal.save(client)
    })?;
    Ok(done)
}

/// Takes a handoff back that has taken nobody out yet.
pub fn abort(client: &Client, options: &Options<'_>) -> Result<Vec<String>, Refusal> {
    let journal = Journal::load(client)?
        .ok_or_else(|| Refusal::new("no handoff is under way").fix("keystone-cluster health"))?;
    if journal.removing {
        return Err(Refusal::new("primers may have left already, so there is no way back")
            .fix("keystone-primer handoff goes on"));
    }
    let goal = journal.goal.clone();
    let done = follow(options, &goal, |survey| survey.back(&goal, &journal.added), &mut |_| Ok(()))?;
    journal.end(client)?;
    Ok(done)
}

fn follow(
    options: &Options<'_>,
    goal: &Goal,
    next: impl Fn(&Survey) -> Result<Step, Stop>,
    before: &mut dyn FnMut(&Step) -> Result<(), Refusal>,
) -> Result<Vec<String>, Refusal> {
    let (etcd, nodes) = (options.etcd, everybody(goal));
    let mut done = Vec::new();
    let mut waited: Option<(Step, Instant)> = None;
    let mut told = String::new();
    loop {
        let survey = etcd.survey(&nodes)?;
        let step = match next(&survey) {
            Ok(step) => step,
            Err(Stop::Done) => return Ok(done),
            Err(Stop::Quorum(why)) => {
                return Err(Refusal::new(format!("it stops here: {why}"))
                    .fix("keystone-cluster health, then keystone-primer handoff again"));
            }
        };
        let since = match &waited {
            Some((same, since)) if *same == step => *since,
            _ => {
                // What is announced is written down.
                before(&step)?;
                (options.tell)(&step.to_string());
                waited = Some((step.clone(), Instant::now()));
                Instant::now()
            }
        };
        // Whatever was refused, the next survey tells what is left to do.
        let refused = match carry_out(etcd, &nodes, &survey, &step) {
            Ok(true) => {
                done.push(step.to_string());
                continue;
            }
            Ok(false) => String::new(),
            Err(refusal) => refusal.message,
        };
        if !refused.is_empty() && refused != told {
            (options.tell)(&format!("{step}: not yet, {refused}"));
            told.clone_from(&refused);
        }
        if since.elapsed() >= options.patience {
            return Err(Refusal::new(format!(
                "{step}: that took longer than {} s{}{refused}",
                options.patience.as_secs(),
                if refused.is_empty() { "" } else { ", and in the end " }
            ))
            .fix("see to it, then keystone-primer handoff again; or keystone-primer handoff --abort"));
        }
        thread::sleep(PAUSE);
    }
}

/// Whether the step is done; not, if somebody else has to do something first. An error if it is refused for now.
fn carry_out(etcd: &Etcd, nodes: &[String], survey: &Survey, step: &Step) -> Result<bool, Refusal> {
    let id = |node: &str| survey.member(node).map(|member| member.id).unwrap_or_default();
    match step {
        Step::Await(_) => Ok(false),
        Step::Add(node) => etcd.add(nodes, node).map(|()| true),
        Step::Promote(node) => etcd.promote(nodes, id(node)).map(|()| true),
        Step::Remove(node) => etcd.remove(nodes, node, id(node)).map(|()| true),
        Step::Lead(node) => {
            let leader = survey.members.iter().find(|member| Some(member.id) == survey.leader);
            let leader = leader.ok_or_else(|| Refusal::new("nobody leads"))?;
            etcd.lead(&leader.node, id(node)).map(|()| true)
        }
    }
}
