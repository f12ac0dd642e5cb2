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
mod counter;
mod courier;
mod credentials;
mod decrypting;
mod execute;
mod fault;
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
mod recover;
mod refreshing;
mod refusal;
mod repairing;
mod respond;
mod rotating;
mod rounds;
mod serve;
mod session;
mod sessions;
mod signing;
mod state;
mod status;
mod stick;
mod sticks;
mod store;
#[cfg(test)]
mod testing;
mod tls;
mod token;
mod transcript;
mod wake;
mod wrapped;

pub use refusal::Refusal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

/// What the control plane does while all primers are off.
pub mod rotation {
    pub use crate::credentials::{Places, Rotated, Rotation, Type, rotate};
    pub use keystone_pki::crl::Reason;
}

/// Readers of what strangers and sticks bring, for those who try to break them.
pub mod hostile {
    /// Reads a join token; what reads back is written in the one way.
    #[must_use]
    pub fn token(text: &str) -> Option<String> {
        crate::token::Token::parse(text).ok().map(|token| token.text().as_str().to_owned())
    }

    /// Reads the outside and the inside of a session file, without believing either: how many messages it has.
    #[must_use]
    pub fn session_file(bytes: &[u8]) -> Option<usize> {
        crate::stick::read(bytes).ok().map(|(_, contents)| contents.messages.len())
    }

    /// Reads a message of a ceremony, without believing it: its number.
    #[must_use]
    pub fn message(text: &str) -> Option<u32> {
        serde_json::from_str::<crate::message::Message>(text).ok().map(|message| message.number)
    }

    /// Receives a message from a connection: whether it is one.
    #[must_use]
    pub fn frame(mut bytes: &[u8]) -> bool {
        matches!(crate::frame::receive::<crate::peers::Request>(&mut bytes), Ok(Some(_)))
    }
}

/// The command line `keystone-primer`, from its arguments (the first is the program's name) to its exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    commands::run(cli::Cli::parse_from(arguments))
}
