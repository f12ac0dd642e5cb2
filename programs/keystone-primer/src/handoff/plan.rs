//! What comes next, from who is a member now.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Who shall vote in the end, and who shall not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Goal {
    /// Those that leave: the primers.
    pub from: Vec<String>,
    /// Those that take over, in the order in which they join.
    pub to: Vec<String>,
}

/// A member, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub id: u64,
    /// Its node; known by its peer URL while it has not started.
    pub node: String,
    /// It does not vote.
    pub learner: bool,
    /// It says that it is well.
    pub well: bool,
}

/// Who is a member now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// All members.
    pub members: Vec<Member>,
    /// The one that leads.
    pub leader: Option<u64>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a node a member that does not vote yet.
    Add(String),
    /// Wait until a member says that it is well.
    Await(String),
    /// Let a learner vote, as soon as it has everything.
    Promote(String),
    /// Let this one lead.
    Lead(String),
    /// Take a member out.
    Remove(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(node) => write!(f, "{node} joins as a learner"),
            Self::Await(node) => write!(f, "wait until the member {node} is well"),
            Self::Promote(node) => write!(f, "{node} votes"),
            Self::Lead(node) => write!(f, "{node} leads"),
            Self::Remove(node) => write!(f, "{node} leaves"),
        }
    }
}

/// Why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Everything is done.
    Done,
    /// It would cost the quorum.
    Quorum(String),
}

impl Survey {
    /// The member of a node.
    #[must_use]
    pub fn member(&self, node: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// Whether more than half of those that would vote without this one are well.
    #[must_use]
    pub fn bears_the_loss_of(&self, node: &str) -> bool {
        let left = || self.members.iter().filter(|member| !member.learner && member.node != node);
        left().filter(|member| member.well).count() * 2 > left().count()
    }

    /// The next step towards the goal.
    ///
    /// # Errors
    /// When there is none, or it would cost the quorum.
    pub fn next(&self, goal: &Goal) -> Result<Step, Stop> {
        for node in &goal.to {
            let step = match self.member(node) {
                None => Step::Add(node.clone()),
                Some(member) if !member.well => Step::Await(node.clone()),
                Some(member) if member.learner => Step::Promote(node.clone()),
                Some(_) => continue,
            };
            return Ok(step);
        }
        let leaving = goal.from.iter().filter_map(|node| self.member(node));
        self.lead_and_remove(&leaving.collect::<Vec<_>>(), &goal.to)
    }

    /// The next step back: those that were added leave.
    ///
    /// # Errors
    /// As [`Survey::next`].
    pub fn back(&self, goal: &Goal, added: &BTreeSet<String>) -> Result<Step, Stop> {
        let leaving: Vec<&Member> = goal
            .to
            .iter()
            .rev()
            .filter(|node| added.contains(*node))
            .filter_map(|node| self.member(node))
            .collect();
        self.lead_and_remove(&leaving, &goal.from)
    }

    /// Those leave, and somebody of `stay` leads before the one that leads does.
    fn lead_and_remove(&self, leaving: &[&Member], stay: &[String]) -> Result<Step, Stop> {
        let Some(first) = leaving.first() else { return Err(Stop::Done) };
        if leaving.iter().any(|member| Some(member.id) == self.leader) {
            let next = stay
                .iter()
                .filter_map(|node| self.member(node))
                .find(|member| member.well && !member.learner);
            return match next {
                Some(member) => Ok(Step::Lead(member.node.clone())),
                None => {
                    Err(Stop::Quorum("nobody who stays is well and votes, so nobody can lead".to_owned()))
                }
            };
        }
        // A learner has no vote to lose.
        if first.learner || self.bears_the_loss_of(&first.node) {
            Ok(Step::Remove(first.node.clone()))
        } else {
            Err(Stop::Quorum(format!("without {} too few of those that vote are well", first.node)))
        }
    }
}
