//! One file per command.

mod approve;
mod client;
mod decrypt_backup;
mod deny;
mod emergency_rotate;
mod generate_credentials;
mod handoff;
mod init;
mod join;
mod pending;
mod prepare_offline;
mod protector;
mod recover;
mod refresh;
mod repair;
mod roots;
mod rotate_backup_key;
mod rotate_root_keys;
mod secret;
mod serve;
mod session;
mod sign_certificate;
mod status;
mod test_wake;
mod token;
mod verify_handoff;

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use serde_json::{Value, json};

use crate::cli::{Cli, Command};
use crate::refusal::Refusal;
pub use client::Client;

/// What a command says: the document, and the same as text.
struct Said {
    json: Value,
    text: String,
    /// Whether the answer is a bad one, though the question was answered.
    bad: bool,
}

impl Said {
    fn new(json: Value, text: String) -> Self {
        Self { json, text, bad: false }
    }
}

pub fn run(cli: Cli) -> ExitCode {
    if let Command::Generate { what } = cli.command {
        return keystone_generator::document(Cli::command(), what);
    }
    let json = cli.json;
    match execute(cli) {
        Ok(said) => {
            let text = if json { format!("{:#}\n", said.json) } else { said.text };
            match io::stdout().write_all(text.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    eprintln!("error: cannot write the output: {error}");
                    ExitCode::FAILURE
                }
                _ if said.bad => ExitCode::FAILURE,
                _ => ExitCode::SUCCESS,
            }
        }
        Err(refusal) => {
            if json {
                println!("{:#}", json!({ "ok": false, "error": refusal }));
            } else {
                eprintln!("error: {refusal}");
            }
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<Said, Refusal> {
    let client = &Client::new(cli.config.as_deref())?;
    match cli.command {
        Command::Init(arguments) => init::run(client, &arguments),
        Command::Join(arguments) => join::run(client, &arguments),
        Command::Status(arguments) => status::run(client, &arguments),
        Command::GenerateCredentials(arguments) => generate_credentials::run(client, &arguments),
        Command::SignCertificate(arguments) => sign_certificate::run(client, &arguments),
        Command::RotateRootKeys(arguments) => rotate_root_keys::run(client, &arguments),
        Command::RotateBackupKey(arguments) => rotate_backup_key::run(client, &arguments),
        Command::EmergencyRotate(arguments) => emergency_rotate::run(client, &arguments),
        Command::DecryptBackup(arguments) => decrypt_backup::run(client, &arguments),
        Command::Repair(arguments) => repair::run(client, &arguments),
        Command::Refresh(arguments) => refresh::run(client, &arguments),
        Command::Pending => pending::run(client),
        Command::Approve(arguments) => approve::run(client, arguments),
        Command::Deny(arguments) => deny::run(client, arguments),
        Command::Protector(arguments) => protector::run(client, arguments.command),
        Command::Token(arguments) => token::run(client, arguments.command),
        Command::Handoff(arguments) => handoff::run(client, &arguments),
        Command::Recover(arguments) => recover::run(client, &arguments),
        Command::VerifyHandoff(arguments) => verify_handoff::run(client, &arguments),
        Command::TestWake(arguments) => test_wake::run(client, arguments.opening),
        Command::PrepareOffline(arguments) => prepare_offline::run(client, &arguments),
        Command::Session(arguments) => session::run(client, arguments.command),
        Command::Serve(arguments) => serve::run(client, &arguments),
        Command::Generate { .. } => Ok(Said::new(Value::Null, String::new())),
    }
}

/// The mark of everything that a lab says.
fn lab_mark(value: &Value) -> &'static str {
    if value["lab"].as_bool() == Some(true) { "This is a LAB: nothing of it is to be trusted.\n" } else { "" }
}

/// A program of ours lies in the same folder, or else somewhere in PATH.
fn beside(name: &str) -> PathBuf {
    let own = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(name)));
    own.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name))
}

/// A text field of an answer.
fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}
