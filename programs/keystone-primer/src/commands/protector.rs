//! `keystone-primer protector`

use std::fmt::Write as _;

use keystone_protector::SlotKind;

use super::client::Client;
use super::{Said, field, secret};
use crate::cli::{NewSlot, ProtectorCommand};
use crate::clock;
use crate::control::{Command, Device};
use crate::refusal::Refusal;

pub fn run(client: &Client, command: ProtectorCommand) -> Result<Said, Refusal> {
    match command {
        ProtectorCommand::List => list(client),
        ProtectorCommand::Add { kind, label, recovery, device, opening } => {
            let secret = if secret::has_slot(client)? { Some(secret::ask(client, opening)?) } else { None };
            let (kind, passphrase) = match kind {
                NewSlot::Passphrase => (SlotKind::Passphrase, Some(secret::new_passphrase()?)),
                NewSlot::Paper => (SlotKind::Paper, None),
                NewSlot::Tpm2 => (SlotKind::Tpm2, None),
                NewSlot::Pkcs11 => (SlotKind::Pkcs11, Some(secret::pin()?)),
            };
            let device = Device {
                pcrs: device.pcrs,
                module: device.module.unwrap_or_default(),
                token: device.token.unwrap_or_default(),
            };
            let done = client.ask_or_do(&Command::ProtectorAdd {
                kind,
                label,
                recovery,
                passphrase,
                device,
                secret,
            })?;
            let mut text = format!("slot {} ({kind}) was made\n", done["slot"]);
            if let Some(paper) = done["paper"].as_str() {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "\nPrint or copy these lines now; they are shown once and stored nowhere:\n\n{paper}\n\
                     Keep the sheet off this machine, and see that it opens: keystone-primer protector test {} --paper\n",
                    done["slot"]
                );
            }
            Ok(Said::new(done, text))
        }
        ProtectorCommand::Reseal { id, opening } => {
            let secret = secret::ask_person(client, opening)?;
            let done = client.ask_or_do(&Command::ProtectorReseal { id, secret })?;
            Ok(Said::new(done, format!("slot {id} opens in the state that this machine is in now\n")))
        }
        ProtectorCommand::Remove { id } => {
            let done = client.ask_or_do(&Command::ProtectorRemove { id })?;
            Ok(Said::new(done, format!("slot {id} was removed\n")))
        }
        ProtectorCommand::Test { id, opening } => {
            let secret = secret::ask_for(client, id, opening)?;
            let done = client.ask_or_do(&Command::ProtectorTest { id, secret })?;
            let text = format!("slot {} opens\n", done["slot"]);
            Ok(Said::new(done, text))
        }
    }
}

fn list(client: &Client) -> Result<Said, Refusal> {
    let done = client.ask_or_do(&Command::ProtectorList)?;
    let mut text = String::new();
    let slots = done["slots"].as_array().cloned().unwrap_or_default();
    if slots.is_empty() {
        text.push_str("There is no slot. Make the first: keystone-primer protector add passphrase\n");
    }
    for slot in &slots {
        let tested = slot["tested"]
            .as_u64()
            .map_or_else(|| "never tested".to_owned(), |at| format!("opened {}", clock::shown(at)));
        let place = if slot["recovery"].as_bool() == Some(true) { "recovery" } else { "everyday" };
        let _ = writeln!(
            text,
            "  {:<4}{:<12}{place:<10}{tested:<30}{}",
            slot["id"],
            field(&slot["method"], "kind"),
            field(slot, "label")
        );
    }
    for wanting in done["wanting"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "wanting: {}", wanting.as_str().unwrap_or_default());
    }
    Ok(Said::new(done, text))
}
