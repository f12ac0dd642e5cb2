//! `keystone-primer deny`

use super::Said;
use super::client::Client;
use crate::cli::Deny;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: Deny) -> Result<Said, Refusal> {
    let text = format!("refused: session {} ({})\n", arguments.id, arguments.reason);
    let done = client.ask(&Command::Deny { id: arguments.id, reason: arguments.reason })?;
    Ok(Said::new(done, text))
}
