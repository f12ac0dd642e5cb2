//! `keystone-primer join`

use std::io::Read as _;

use zeroize::Zeroizing;

use super::client::Client;
use super::{Said, field};
use crate::cli::Join;
use crate::control::Command;
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Join) -> Result<Said, Refusal> {
    let mut token = Zeroizing::new(arguments.token.clone());
    if token.as_str() == "-" {
        token = Zeroizing::new(String::with_capacity(512));
        std::io::stdin()
            .take(4096)
            .read_to_string(&mut token)
            .map_err(|error| Refusal::new(format!("cannot read the token: {error}")))?;
    }
    let done = client.ask_or_do(&Command::Join { token })?;
    let mut text = format!(
        "{} joined the cluster {}; its key is {}\n",
        field(&done, "name"),
        field(&done, "cluster"),
        field(&done, "pin")
    );
    if done["ready"].as_bool() == Some(true) {
        text.push_str("Next: keystone-primer status\n");
    } else {
        text.push_str(
            "Nothing protects its shares yet. Next:\n  keystone-primer protector add passphrase\n  \
             keystone-primer protector add paper --recovery\n",
        );
    }
    Ok(Said::new(done, text))
}
