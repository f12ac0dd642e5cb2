//! `keystone-primer status`

use std::fmt::Write as _;

use super::client::Client;
use super::{Said, field, lab_mark};
use crate::cli::Status;
use crate::clock;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Status) -> Result<Said, Refusal> {
    if let Some(seconds) = arguments.wait {
        client.ask(&Command::Wait { seconds })?;
    }
    let status = client.ask_or_do(&Command::Status { verify: arguments.verify })?;
    let mut text = lab_mark(&status).to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Cluster {}, on {}\n", field(&status, "cluster"), field(&status, "name"));
    for primer in status["primers"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "  {:<14}{:<14}{}",
            field(primer, "name"),
            field(primer, "state"),
            primer["pin"].as_str().unwrap_or("-")
        );
        if let Some(detail) = primer["detail"].as_str() {
            let _ = writeln!(text, "  {:<14}{detail}", "");
        }
    }
    text.push('\n');
    match status["keys"].as_object() {
        Some(keys) if !keys.is_empty() => {
            for (name, fingerprint) in keys {
                let fingerprint = fingerprint.as_str().unwrap_or_default();
                let _ = writeln!(text, "  key {name:<10}{}", fingerprint.get(..32).unwrap_or(fingerprint));
                if status["decryptOnly"].as_array().is_some_and(|old| old.iter().any(|one| one == name)) {
                    let _ = writeln!(
                        text,
                        "  {:<14}decrypt-only, until keystone-primer rotate-backup-key --drop",
                        ""
                    );
                }
                if let Some(at) = status["refreshed"][name].as_u64() {
                    let _ = writeln!(text, "  {:<14}its shares were refreshed at {}", "", clock::shown(at));
                }
            }
        }
        _ => text.push_str("  no keys yet: they are made when all declared primers have joined\n"),
    }
    let _ = writeln!(text, "  record        {} entries by this primer", status["record"]["entries"]);
    let _ = writeln!(text, "  rollback      {}", field(&status, "rollback"));
    for wanting in status["protector"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "  protector     {}", wanting.as_str().unwrap_or_default());
    }
    if let Some(waiting) = status["waiting"].as_u64().filter(|waiting| *waiting > 0) {
        let _ = writeln!(text, "  waiting       {waiting} for your approval: keystone-primer pending");
    }
    let mut bad = status["rolledBack"].as_bool() == Some(true);
    if let Some(replay) = status["replay"].as_object() {
        let count = |name: &str| replay.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
        let _ = writeln!(
            text,
            "  replay        {} entries are right, {} of them seen by their author alone",
            count("entries"),
            count("unwitnessed")
        );
        for wrong in replay.get("bad").and_then(serde_json::Value::as_array).into_iter().flatten() {
            bad = true;
            let _ = writeln!(text, "  replay        BAD: {}", wrong.as_str().unwrap_or_default());
        }
    }
    let _ = writeln!(
        text,
        "\nOnly the root and the backup key need {} primers. Whoever can open the key of an intermediate (every primer, every\n\
         admin, every control-plane host) can issue below it until it is rotated.\n",
        status["quorum"]
    );
    let _ = writeln!(text, "Quorum: {}/{} primers healthy", status["healthy"], status["declared"]);
    Ok(Said { json: status, text, bad })
}
