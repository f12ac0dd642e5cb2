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

/// The PIN of a token.
pub fn pin() -> Result<Zeroizing<String>, Refusal> {
    line("PIN of the token: ")
}

/// Number and kind of every slot.
fn kinds(client: &Client) -> Result<Vec<(Option<u64>, String)>, Refusal> {
    let slots = client.ask_or_do(&Command::ProtectorList)?;
    let slots = slots["slots"].as_array().cloned().unwrap_or_default();
    Ok(slots
        .iter()
        .map(|slot| (slot["id"].as_u64(), super::field(&slot["method"], "kind").to_owned()))
        .collect())
}

fn said(opening: Opening) -> bool {
    opening.passphrase || opening.paper || opening.pin
}

/// What opens a slot: what the command line says; otherwise what opens without a person, if there is such a slot.
pub fn ask(client: &Client, opening: Opening) -> Result<Secret, Refusal> {
    if !said(opening) && kinds(client)?.iter().any(|(_, kind)| matches!(kind.as_str(), "file" | "tpm2")) {
        return Ok(Secret::Unattended);
    }
    ask_person(client, opening)
}

/// What opens the slot of that number.
pub fn ask_for(client: &Client, id: Option<u32>, opening: Opening) -> Result<Secret, Refusal> {
    let Some(id) = id.filter(|_| !said(opening)) else { return ask(client, opening) };
    let kinds = kinds(client)?;
    match kinds.iter().find(|(number, _)| *number == Some(u64::from(id))).map(|(_, kind)| kind.as_str()) {
        Some("tpm2") => Ok(Secret::Tpm2),
        Some("paper") => sheet().map(Secret::Paper),
        Some("pkcs11") => pin().map(Secret::Pin),
        Some("passphrase") => line("passphrase of this primer: ").map(Secret::Passphrase),
        // One that does not exist is refused by who has the slots.
        _ => Ok(Secret::Unattended),
    }
}

/// What a person knows or has.
pub fn ask_person(client: &Client, opening: Opening) -> Result<Secret, Refusal> {
    let kinds = if said(opening) { Vec::new() } else { kinds(client)? };
    let has = |wanted: &str| kinds.iter().any(|(_, kind)| kind == wanted);
    if opening.paper || (has("paper") && !has("passphrase") && !has("pkcs11")) {
        return sheet().map(Secret::Paper);
    }
    if opening.pin || (has("pkcs11") && !has("passphrase")) {
        return pin().map(Secret::Pin);
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
