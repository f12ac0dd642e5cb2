//! Asking a person for what opens a slot. It is never an argument, and the terminal does not show it.

use std::io::{self, BufRead as _, IsTerminal as _};

use serde_json::Value;
use zeroize::Zeroizing;

use super::client::Client;
use crate::cli::Opening;
use crate::control::{Command, Secret};
use crate::refusal::Refusal;

/// A line, from the terminal without showing it, or from standard input.
fn line(prompt: &str) -> Result<Zeroizing<String>, Refusal> {
    let failed = |error: io::Error| Refusal::new(format!("cannot read what opens the slot: {error}"));
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(failed);
    }
    let mut text = Zeroizing::new(String::with_capacity(256));
    io::stdin().lock().read_line(&mut text).map_err(failed)?;
    let length = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(length);
    Ok(text)
}

/// Four lines of a sheet.
fn sheet() -> Result<Zeroizing<String>, Refusal> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    for number in 1..=4 {
        text.push_str(&line(&format!("line {number} of the sheet: "))?);
        text.push('\n');
    }
    Ok(text)
}

/// What opens a slot: what the command line says; otherwise what opens without a person, if there is such a slot.
pub fn ask(client: &Client, opening: Opening) -> Result<Secret, Refusal> {
    if opening.paper {
        return sheet().map(Secret::Paper);
    }
    if !opening.passphrase {
        let slots = client.ask_or_do(&Command::ProtectorList)?;
        let kinds: Vec<&str> = slots["slots"]
            .as_array()
            .map(|slots| slots.iter().filter_map(|slot| slot["method"]["kind"].as_str()).collect())
            .unwrap_or_default();
        if kinds.iter().any(|kind| matches!(*kind, "file" | "tpm2")) {
            return Ok(Secret::Unattended);
        }
        if kinds.iter().all(|kind| *kind == "paper") && !kinds.is_empty() {
            return sheet().map(Secret::Paper);
        }
    }
    line("passphrase of this primer: ").map(Secret::Passphrase)
}

/// A new passphrase, twice where a person types it.
pub fn new_passphrase() -> Result<Zeroizing<String>, Refusal> {
    let first = line("new passphrase: ")?;
    if io::stdin().is_terminal() && *line("the same again: ")? != *first {
        return Err(Refusal::new("the two passphrases differ; nothing was changed"));
    }
    Ok(first)
}

/// Whether there is a slot already.
pub fn has_slot(client: &Client) -> Result<bool, Refusal> {
    let slots: Value = client.ask_or_do(&Command::ProtectorList)?;
    Ok(slots["slots"].as_array().is_some_and(|slots| !slots.is_empty()))
}
