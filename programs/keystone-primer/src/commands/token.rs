//! `keystone-primer token`

use std::fmt::Write as _;

use super::client::Client;
use super::{Said, field};
use crate::cli::TokenCommand;
use crate::clock;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, command: TokenCommand) -> Result<Said, Refusal> {
    match command {
        TokenCommand::Create { name } => {
            let done = client.ask_or_do(&Command::TokenCreate { name })?;
            let until = clock::shown(done["expiry"].as_u64().unwrap_or_default());
            let text = format!(
                "On {}, until {until}:\n\n  keystone-primer join --token {}\n",
                field(&done, "name"),
                field(&done, "token")
            );
            Ok(Said::new(done, text))
        }
        TokenCommand::List => {
            let done = client.ask_or_do(&Command::TokenList)?;
            let now = done["now"].as_u64().unwrap_or_default();
            let mut text = String::new();
            for token in done["tokens"].as_array().into_iter().flatten() {
                let expiry = token["expiry"].as_u64().unwrap_or_default();
                let state = if token["used"].is_string() {
                    "used".to_owned()
                } else if token["revoked"].as_bool() == Some(true) {
                    "taken back".to_owned()
                } else if now >= expiry {
                    "ended".to_owned()
                } else {
                    format!("good until {}", clock::shown(expiry))
                };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  {}  {:<14}{state}", field(token, "id"), field(token, "name"));
            }
            Ok(Said::new(done, text))
        }
        TokenCommand::Revoke { id } => {
            let done = client.ask_or_do(&Command::TokenRevoke { id })?;
            let text = format!("token {} was taken back\n", field(&done, "id"));
            Ok(Said::new(done, text))
        }
    }
}
