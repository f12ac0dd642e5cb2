//! `keystone-primer init`

use std::fmt::Write as _;

use super::client::Client;
use super::{Said, field, lab_mark};
use crate::cli::Init;
use crate::clock;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Init) -> Result<Said, Refusal> {
    let done = client.ask_or_do(&Command::Init { cluster: arguments.cluster.clone() })?;
    let name = field(&done, "name");
    let mut text = lab_mark(&done).to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{name} began the cluster {}; its key is {}\n",
        field(&done, "cluster"),
        field(&done, "pin")
    );
    if done["ready"].as_bool() != Some(true) {
        let _ = writeln!(
            text,
            "Nothing protects its shares yet. Next, on {name}:\n  keystone-primer protector add passphrase\n  \
             keystone-primer protector add paper --recovery\n"
        );
    }
    let _ =
        writeln!(text, "Then, on the other primers, within the hour (each token works once, for one name):");
    for token in done["tokens"].as_array().into_iter().flatten() {
        let expiry = clock::shown(token["expiry"].as_u64().unwrap_or_default());
        let _ = writeln!(
            text,
            "\n  # on {}, until {expiry}\n  keystone-primer join --token {}",
            field(token, "name"),
            field(token, "token")
        );
    }
    let _ = writeln!(text, "\nThe keys are made when all of them have joined: keystone-primer status");
    Ok(Said::new(done, text))
}
