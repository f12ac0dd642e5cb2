//! `keystone-cluster`: what people do with a cluster from their own machine, and what its
//! nodes do when they are told to.

mod cli;
mod commands;
mod coordinator;
mod enroll;
mod handoff;
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
