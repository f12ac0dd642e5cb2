//! `keystone-primer repair`

use std::fmt::Write as _;

use serde_json::Value;

use super::client::Client;
use super::{Said, field, lab_mark};
use crate::cli::Repair;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Repair) -> Result<Said, Refusal> {
    let done = client.ask(&Command::Repair { lost: arguments.lost.clone() })?;
    let list = |name: &str| -> String {
        let rows = done[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        rows.collect::<Vec<_>>().join(", ")
    };
    let mut text = lab_mark(&done).to_owned();
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "{} has the place of {} in {}", field(&done, "name"), arguments.lost, list("keys"));
    let missing = list("missing");
    if !missing.is_empty() {
        let _ = writeln!(text, "  {missing} does not know it yet: run this again when it is on");
    }
    let _ = writeln!(
        text,
        "  the shares are those of {}: where they may be in other hands, make new keys: keystone-primer emergency-rotate\n\
         Next: keystone-primer protector test, then keystone-primer test-wake",
        arguments.lost
    );
    Ok(Said::new(done, text))
}
