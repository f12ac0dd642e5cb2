//! A primer: one of the machines that hold the root of trust together.
//!
//! A library, so that `keystone-cluster lab` can be three of them without anything being installed.

#![forbid(unsafe_code)]

mod act;
pub mod ask;
mod ceremony;
mod cli;
mod clock;
mod commands;
mod config;
mod control;
mod credentials;
mod decrypting;
mod execute;
mod frame;
mod groups;
pub mod handoff;
pub mod horizon;
mod join;
mod joining;
mod message;
mod node_key;
mod offline;
mod peers;
mod primer;
mod rebuild;
mod refusal;
mod respond;
mod serve;
mod session;
mod sessions;
mod signing;
mod state;
mod status;
mod store;
mod tls;
mod token;
mod transcript;
mod wake;

pub use refusal::Refusal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

/// The command line `keystone-primer`, from its arguments (the first is the program's name) to its exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    commands::run(cli::Cli::parse_from(arguments))
}
