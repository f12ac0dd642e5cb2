//! `mesh status`: who is the coordinator, and how far the standbys are.

use std::fmt::Write as _;

use keystone_generator::Input;
use serde_json::{Value, json};

use super::hosts::Hosts;
use super::survey::Survey;
use crate::cli;
use crate::coordinator::answer::Status;
use crate::refusal::Refusal;

/// A table of the candidates.
pub struct Overview {
    rows: Vec<Row>,
    /// One coordinator, which serves.
    pub well: bool,
}

struct Row {
    node: String,
    state: &'static str,
    generation: Option<u64>,
    follows: Option<String>,
    behind: Option<u64>,
    seconds: Option<u64>,
    detail: Option<String>,
}

pub fn overview(arguments: &cli::Overview) -> Result<Overview, Refusal> {
    let input = Input { inventory: arguments.common.inventory.clone(), trust: None };
    let (inventory, _) = input.inventory()?;
    let hosts = Hosts::new(&inventory.cluster, arguments.common.local)?;
    Ok(of(&Survey::of(&hosts)))
}

fn of(survey: &Survey) -> Overview {
    let holders = survey.holders();
    let well = matches!(holders.as_slice(), [one] if one.serving);
    let rows = survey
        .answers
        .iter()
        .map(|(node, answer)| match answer {
            Ok(status) => row(status, &holders),
            Err(error) => Row {
                node: node.clone(),
                state: "silent",
                generation: None,
                follows: None,
                behind: None,
                seconds: None,
                detail: Some(error.to_string()),
            },
        })
        .collect();
    Overview { rows, well }
}

fn row(status: &Status, holders: &[&Status]) -> Row {
    let mut row = Row {
        node: status.node.clone(),
        state: "standby",
        generation: None,
        follows: None,
        behind: None,
        seconds: None,
        detail: None,
    };
    if let Some(lease) = &status.lease {
        row.state = if status.serving { "coordinator" } else { "stopped" };
        row.generation = Some(lease.generation);
    } else if let Some(fenced) = &status.fenced {
        row.state = "fenced";
        row.generation = Some(fenced.generation);
        row.detail = Some(format!("gave way to {}", fenced.to));
    } else if let Some(copy) = &status.replica {
        row.generation = Some(copy.of.generation);
        row.follows = Some(copy.of.holder.clone());
        row.seconds = Some(copy.seconds);
        let log = holders.iter().find(|s| s.lease.as_ref() == Some(&copy.of)).and_then(|s| s.log.as_deref());
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        row.behind = log.and_then(number).zip(number(&copy.txid)).map(|(log, has)| log.saturating_sub(has));
    } else {
        row.state = "empty";
    }
    row
}

impl Overview {
    pub fn show(&self, as_json: bool) -> String {
        if as_json { format!("{:#}\n", self.json()) } else { self.text() }
    }

    fn text(&self) -> String {
        let columns = ["NODE", "STATE", "GENERATION", "FOLLOWS", "BEHIND", "LAST CHANGE"];
        let dash = || "-".to_owned();
        let mut table: Vec<[String; 6]> = vec![columns.map(str::to_owned)];
        for row in &self.rows {
            table.push([
                row.node.clone(),
                row.state.to_owned(),
                row.generation.map_or_else(dash, |number| number.to_string()),
                row.follows.clone().unwrap_or_else(dash),
                row.behind.map_or_else(dash, |number| number.to_string()),
                row.seconds.map_or_else(dash, |seconds| format!("{seconds} s ago")),
            ]);
        }
        let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let mut text = String::new();
        for row in &table {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        for row in &self.rows {
            if let Some(detail) = &row.detail {
                let _ = writeln!(text, "{}: {detail}", row.node);
            }
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "node": row.node,
                    "state": row.state,
                    "generation": row.generation,
                    "follows": row.follows,
                    "transactionsBehind": row.behind,
                    "secondsSinceChange": row.seconds,
                    "detail": row.detail,
                })
            })
            .collect();
        json!({ "ok": self.well, "candidates": rows })
    }
}
