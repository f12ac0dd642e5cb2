//! `keystone-primer session`

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::client::Client;
use super::{Said, field, lab_mark};
use crate::cli::SessionCommand;
use crate::control::Command;
use crate::refusal::Refusal;
use crate::stick;

pub fn run(client: &Client, command: SessionCommand) -> Result<Said, Refusal> {
    match command {
        SessionCommand::List => list(client),
        SessionCommand::Export { to, output } => export(client, to, &output),
        SessionCommand::Import { file } => import(client, &file),
    }
}

fn list(client: &Client) -> Result<Said, Refusal> {
    let done = client.ask(&Command::SessionList)?;
    let mut text = String::new();
    for (name, count) in done["waiting"].as_object().into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {name:<14}{count} messages: keystone-primer session export --to {name} --output FILE"
        );
    }
    if let Some(waiting) = done["pending"].as_u64().filter(|waiting| *waiting > 0) {
        let _ = writeln!(text, "  {waiting} sessions wait for your approval: keystone-primer pending");
    }
    if text.is_empty() {
        text.push_str("Nothing waits to be carried.\n");
    }
    Ok(Said::new(done, text))
}

fn export(client: &Client, to: String, output: &Path) -> Result<Said, Refusal> {
    let mut done = client.ask(&Command::SessionExport { to })?;
    let failed = |error: std::io::Error| {
        Refusal::file("write", output, &error).fix("name a file that does not exist: --output FILE")
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(failed)?;
    file.write_all(field(&done, "file").as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let text = format!(
        "{}{} messages and {} entries of the record, written to {}\nnext: on {}, keystone-primer session import FILE\n",
        lab_mark(&done),
        done["messages"],
        done["entries"],
        output.display(),
        field(&done, "to")
    );
    if let Some(document) = done.as_object_mut() {
        document.remove("file");
    }
    Ok(Said::new(done, text))
}

fn import(client: &Client, path: &Path) -> Result<Said, Refusal> {
    let failed = |error: std::io::Error| Refusal::file("read", path, &error);
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > stick::LONGEST as u64 {
        return Err(Refusal::new(format!(
            "`{}` has {length} bytes, and no session file is as long",
            path.display()
        )));
    }
    let file = String::from_utf8(fs::read(path).map_err(failed)?)
        .map_err(|_| Refusal::new(format!("`{}` is no session file: it is no text", path.display())))?;
    let done = client.ask(&Command::SessionImport { file })?;
    let mut text = lab_mark(&done).to_owned();
    let _ = writeln!(
        text,
        "{} messages and {} entries of the record, from {}",
        done["messages"],
        done["entries"],
        field(&done, "from")
    );
    for line in done["said"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "  {}", line.as_str().unwrap_or_default());
    }
    let _ = writeln!(text, "next: keystone-primer session list");
    Ok(Said::new(done, text))
}
