//! `keystone-primer refresh`

use std::fmt::Write as _;

use serde_json::Value;

use super::client::Client;
use super::{Said, lab_mark, secret};
use crate::cli::Refresh;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Refresh) -> Result<Said, Refusal> {
    let secret = secret::ask(client, arguments.opening)?;
    let done = client.ask(&Command::Refresh { secret: Some(secret) })?;
    let list = |name: &str| -> String {
        let rows = done[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        rows.collect::<Vec<_>>().join(", ")
    };
    let mut text = lab_mark(&done).to_owned();
    let keys = list("keys");
    // Writing to a String cannot fail.
    let _ = if done["ended"].as_bool() == Some(true) {
        writeln!(text, "the last refresh of {keys} came to its end: {} uses its new share, too", list("late"))
    } else {
        writeln!(text, "new shares of {keys} are in use; the keys are the same")
    };
    let missing = list("missing");
    let _ = if missing.is_empty() {
        writeln!(text, "  every primer destroyed its old shares")
    } else {
        writeln!(text, "  {missing} did not say that it uses its own: run this again when it is on")
    };
    let _ = writeln!(
        text,
        "  this is no revocation: whoever has {} old shares has the key, and copies of a folder hold old shares.\n  \
         Where that may be, make new keys: keystone-primer emergency-rotate --all-credentials\n\
         Next: keystone-primer test-wake, on every primer",
        done["quorum"]
    );
    Ok(Said::new(done, text))
}
