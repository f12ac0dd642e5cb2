//! `keystone-primer approve`

use super::client::Client;
use super::{Said, secret};
use crate::cli::Approve;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: Approve) -> Result<Said, Refusal> {
    let secret = secret::ask(client, arguments.opening)?;
    let done = client.ask(&Command::Approve { id: arguments.id, secret })?;
    let lines: Vec<&str> =
        done["summary"].as_array().into_iter().flatten().filter_map(|line| line.as_str()).collect();
    let text = format!("approved:\n    {}\n", lines.join("\n    "));
    Ok(Said::new(done, text))
}
