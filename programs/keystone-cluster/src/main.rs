//! `keystone-cluster`: what people do with a cluster from their own machine.

mod cli;
mod commands;
mod enroll;
mod manifest;
mod output;
mod pipeline;
mod refusal;
mod summary;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse())
}
