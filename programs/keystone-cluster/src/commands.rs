//! One file per command.

mod check;
mod lab;
mod mesh;
mod recipients;
mod render;
mod rotate_keys;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Command};

pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Render(arguments) => render::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Recipients(arguments) => recipients::run(&arguments),
        Command::Mesh(arguments) => mesh::run(arguments.command),
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
