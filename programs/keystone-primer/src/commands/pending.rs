//! `keystone-primer pending`

use std::fmt::Write as _;

use super::client::Client;
use super::{Said, field};
use crate::clock;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client) -> Result<Said, Refusal> {
    let done = client.ask(&Command::Pending)?;
    let mut text = String::new();
    let waiting = done["waiting"].as_array().cloned().unwrap_or_default();
    if waiting.is_empty() {
        text.push_str("Nothing waits for your approval.\n");
    }
    for act in &waiting {
        let since = clock::shown(act["since"].as_u64().unwrap_or_default());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  from {}, since {since}", field(act, "id"), field(act, "from"));
        for line in act["summary"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "    {}", line.as_str().unwrap_or_default());
        }
        let _ = writeln!(
            text,
            "  agree:  keystone-primer approve {id}\n  refuse: keystone-primer deny {id} --reason WHY\n",
            id = field(act, "id")
        );
    }
    Ok(Said::new(done, text))
}
