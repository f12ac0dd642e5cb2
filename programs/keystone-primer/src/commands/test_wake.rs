//! `keystone-primer test-wake`

use std::fmt::Write as _;

use super::client::Client;
use super::{Said, field, lab_mark, secret};
use crate::cli::Opening;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, opening: Opening) -> Result<Said, Refusal> {
    let secret = secret::ask(client, opening)?;
    let done = client.ask_or_do(&Command::TestWake { secret })?;
    let mut text = lab_mark(&done).to_owned();
    for share in done["shares"].as_array().into_iter().flatten() {
        let fingerprint = field(share, "fingerprint");
        let state = if share["works"].as_bool() == Some(true) { "works" } else { field(share, "error") };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  share {:<12}{:<34}{state}",
            field(share, "key"),
            fingerprint.get(..32).unwrap_or(fingerprint)
        );
    }
    let certificate = if done["rootCertificate"].as_bool() == Some(true) { "there" } else { "MISSING" };
    let _ = writeln!(text, "  {:<18}{certificate}", "root certificate");
    let _ = writeln!(text, "  {:<18}{} entries are right", "record", done["record"]["entries"]);
    for bad in done["record"]["bad"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "  {:<18}BAD: {}", "record", bad.as_str().unwrap_or_default());
    }
    let good = done["ok"].as_bool() == Some(true);
    if good {
        let _ = writeln!(
            text,
            "\n{} would be of use, by slot {}. Do the same on the other primers.",
            field(&done, "name"),
            done["slot"]
        );
    } else {
        let _ = writeln!(
            text,
            "\n{} would be of NO use as it is.\n  next: keystone-primer status --verify, on all primers",
            field(&done, "name")
        );
    }
    Ok(Said { json: done, text, bad: !good })
}
