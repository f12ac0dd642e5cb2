//! `keystone-cluster`: what people do with a cluster from their own machine, and what its
//! nodes do when they are told to.

mod certificates;
mod cli;
mod commands;
mod coordinator;
mod enroll;
mod handoff;
mod health;
mod lab;
mod manifest;
mod output;
mod pipeline;
mod refusal;
mod summary;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A lab needs primers, and nothing but this program is built for `lab up`: called by the other name, it is one.
    if lab::is_primer(std::env::args_os().next()) {
        return keystone_primer::run(std::env::args_os());
    }
    commands::run(cli::Cli::parse())
}
