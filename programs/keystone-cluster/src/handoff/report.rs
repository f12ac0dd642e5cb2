//! What was done, and what comes next, for people and for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::execute::{Outcome, sentence, verb};
use super::hosts::Hosts;
use super::journal::Journal;
use super::plan::{Plan, Step};

pub struct Report {
    text: String,
    json: Value,
}

impl Report {
    pub fn nothing(to: &str, abort: bool) -> Self {
        let text = if abort {
            format!("Nothing is under way: {to} is the coordinator.\n")
        } else {
            format!("{to} is the coordinator already; nothing was done.\n")
        };
        Self { text, json: json!({ "ok": true, "to": to, "done": [] }) }
    }

    /// What would be done.
    pub fn dry(plan: &Plan, journal: &Journal, hosts: &Hosts) -> Self {
        let mut text = format!("A {} from {} to {} would be:\n", plan.kind, plan.from, plan.to);
        let mut steps = Vec::new();
        // Writing to a String cannot fail.
        for (number, step) in plan.steps.iter().copied().enumerate() {
            let before = journal.answer(step).is_some();
            let _ = write!(text, "{}. {}", number + 1, sentence(plan, step));
            let _ = writeln!(text, "{}", if before { " (done before)" } else { "" });
            let (node, words) = verb(plan, journal, step);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let command = match step {
                Step::Address => None,
                Step::Announce => Some(hosts.command("CANDIDATE", &words)),
                _ => Some(hosts.command(node, &words)),
            };
            if let Some(command) = &command {
                let _ = writeln!(text, "   {}", command.join(" "));
            }
            steps.push(json!({ "step": step, "done": before, "command": command }));
        }
        text.push_str("Nothing was done.\n");
        Self { text, json: json!({ "ok": true, "dryRun": true, "plan": plan, "steps": steps }) }
    }

    pub fn aborted(plan: &Plan) -> Self {
        let text = format!(
            "{} is the coordinator again, with the lease of generation {}. Nothing was lost.\n",
            plan.from, plan.state
        );
        Self { text, json: json!({ "ok": true, "aborted": true, "plan": plan }) }
    }

    pub fn done(plan: &Plan, resumed: bool, outcome: &Outcome) -> Self {
        let mut text = format!(
            "{} is the coordinator, with the lease of generation {} and {} rows of {}.\n",
            plan.to, plan.generation, outcome.rows, plan.from
        );
        if !outcome.silent.is_empty() {
            let _ = writeln!(
                text,
                "{} did not answer and will hear of it from the others.",
                outcome.silent.join(", ")
            );
        }
        if !outcome.address_changed {
            let _ = writeln!(
                text,
                "\nNodes know the addresses of all candidates. For laptops and machines that are yet to join, point the\n\
                 public name to the new address, if it is not there already:\n  {}  {}",
                plan.name, plan.address
            );
        }
        let _ = writeln!(
            text,
            "\nNext: set mesh.coordinator.node = \"{}\" in the inventory, so that commands look for it there.",
            plan.to
        );
        let json = json!({
            "ok": true,
            "plan": plan,
            "resumed": resumed,
            "silent": outcome.silent,
            "addressChanged": outcome.address_changed,
            "rows": outcome.rows,
        });
        Self { text, json }
    }

    pub fn show(&self, as_json: bool) -> String {
        if as_json { format!("{:#}\n", self.json) } else { self.text.clone() }
    }
}
