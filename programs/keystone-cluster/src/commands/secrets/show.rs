//! What is said, for people and for machines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use keystone_secrets::overview::Line;
use keystone_secrets::verify::{Kind, Verdict};
use keystone_secrets::work::Outcome;
use serde_json::json;

use crate::commands::print;

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

// Writing to a String cannot fail, in this whole file.

pub fn list(lines: &[Line], as_json: bool) -> ExitCode {
    if as_json {
        return print(&format!("{:#}\n", json!({ "ok": true, "secrets": lines })));
    }
    let mut text = String::new();
    for line in lines {
        let there = if line.exists { "" } else { " (no file yet)" };
        let _ = writeln!(text, "{}{there}: {}", line.name, joined(&line.opens_for));
    }
    print(&text)
}

pub fn status(lines: &[Line], verdict: &Verdict, as_json: bool) -> ExitCode {
    if as_json {
        let shown =
            print(&format!("{:#}\n", json!({ "ok": verdict.ok, "secrets": lines, "verdict": verdict })));
        return if verdict.ok { shown } else { ExitCode::FAILURE };
    }
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.exists) {
        let _ = match (line.generation, &line.time, &line.who) {
            (Some(generation), Some(time), Some(who)) => {
                writeln!(text, "{}: value {generation}, written {time} by {who}", line.name)
            }
            _ => writeln!(text, "{}: the lock does not know it", line.name),
        };
        if let Some(stage) = &line.stage {
            let _ = writeln!(text, "  in rotation, {stage}");
        }
        if !line.also_known_to.is_empty() {
            let _ = writeln!(text, "  still known to {}", joined(&line.also_known_to));
        }
    }
    findings(&mut text, verdict);
    let shown = print(&text);
    if verdict.ok { shown } else { ExitCode::FAILURE }
}

pub fn audit(lines: &[Line], as_json: bool) -> ExitCode {
    let mut people: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.exists) {
        for name in &line.opens_for {
            people.entry(name).or_default().0.insert(line.name.clone());
        }
        for name in &line.also_known_to {
            people.entry(name).or_default().1.insert(line.name.clone());
        }
    }
    if as_json {
        let people: BTreeMap<&str, serde_json::Value> = people
            .into_iter()
            .map(|(name, (opens, knows))| (name, json!({ "opens": opens, "stillKnows": knows })))
            .collect();
        return print(&format!("{:#}\n", json!({ "ok": true, "readers": people })));
    }
    let mut text = String::new();
    for (name, (opens, knows)) in people {
        let _ = writeln!(
            text,
            "{name}: opens {}",
            if opens.is_empty() { "nothing".to_owned() } else { joined(&opens) }
        );
        if !knows.is_empty() {
            let _ = writeln!(text, "  still knows, and may not any more: {}", joined(&knows));
        }
    }
    print(&text)
}

pub fn verdict(verdict: &Verdict, as_json: bool) -> ExitCode {
    let mut text = String::new();
    if as_json {
        let _ = writeln!(text, "{:#}", json!(verdict));
    } else {
        findings(&mut text, verdict);
    }
    let shown = print(&text);
    if verdict.ok { shown } else { ExitCode::FAILURE }
}

fn findings(text: &mut String, verdict: &Verdict) {
    for finding in &verdict.findings {
        let word = if finding.kind == Kind::Unauthenticated && verdict.ok { "warning" } else { "error" };
        let place = finding.path.as_ref().map_or_else(String::new, |path| format!("{path}: "));
        let _ = writeln!(text, "{word}: {place}{}\n  {}", finding.message, finding.fix);
    }
    if verdict.claimed > 0 {
        let by =
            verdict.signed_by.as_deref().map_or("nobody vouches for".to_owned(), |by| format!("{by} claims"));
        let _ = writeln!(
            text,
            "of {} files only the number of recipients can be checked without a private key; who they are is what {by}",
            verdict.claimed
        );
    }
    let signed = verdict
        .signed_by
        .as_ref()
        .map_or_else(String::new, |by| format!(", signed by {by} by {}", verdict.basis));
    let state = if verdict.ok { "as they should be" } else { "NOT as they should be" };
    let _ = writeln!(text, "{} files, {state}{signed}", verdict.files);
}

pub fn outcome(outcome: &Outcome, as_json: bool) -> String {
    if as_json {
        return format!("{:#}\n", json!(outcome));
    }
    let mut text = String::new();
    let would = if outcome.dry_run { "would write" } else { "wrote" };
    for written in &outcome.written {
        let value = if written.new_value { ", a new value" } else { "" };
        let _ = writeln!(text, "{would} {} for {} recipients{value}", written.path, written.recipients);
    }
    if outcome.kept > 0 {
        let _ = writeln!(text, "{} files are right, and stay as they are", outcome.kept);
    }
    for path in &outcome.passed_over {
        let _ = writeln!(text, "passed over {path}, which is not yours");
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "{note}");
    }
    if !outcome.next.is_empty() {
        let _ = writeln!(text, "\nNext:");
        for next in &outcome.next {
            let _ = writeln!(text, "  {next}");
        }
    }
    if outcome.dry_run {
        let _ = writeln!(text, "Nothing was written.");
    }
    text
}
