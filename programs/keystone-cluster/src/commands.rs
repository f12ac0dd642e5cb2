//! One file per command.

mod certificates;
mod check;
mod health;
mod lab;
mod mesh;
mod recipients;
mod render;
mod rotate_keys;
mod secrets;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Command};

pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Render(arguments) => render::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Recipients(arguments) => recipients::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Certificates { command } => certificates::run(&command),
        Command::Mesh(arguments) => mesh::run(arguments.command),
        Command::Secrets(arguments) => secrets::run(&arguments),
        Command::RotateKeys(arguments) => rotate_keys::run(&arguments),
        Command::Lab(arguments) => lab::run(arguments),
        Command::Generate { what } => keystone_generator::document(Cli::command(), what),
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write the output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
