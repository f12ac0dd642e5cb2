//! `keystone-cluster health`

use std::process::ExitCode;

use super::print;
use crate::cli::Health;
use crate::health::{State, look};
use crate::refusal::Refusal;

pub fn run(arguments: &Health) -> ExitCode {
    let report = match look(arguments) {
        Ok(report) => report,
        Err(error) => return Refusal::from(error).show(arguments.json),
    };
    let printed = print(&if arguments.json { report.json() } else { report.text() });
    let state = report.state();
    if state == State::Healthy { printed } else { state.exit() }
}
