//! `keystone-cluster lab`

use std::process::ExitCode;

use super::print;
use crate::cli::{Lab, LabCommand};
use crate::lab;

pub fn run(arguments: Lab) -> ExitCode {
    let done = match arguments.command {
        LabCommand::Up { place, inventory, with, identities } => {
            lab::up(&place.dir, &inventory, &with, &identities)
        }
        LabCommand::Status { place, json } => lab::status(&place.dir, json),
        LabCommand::Launch { pid, program, arguments } => Err(lab::launch(&pid, &program, &arguments)),
        LabCommand::StopPrimer { number, place } => lab::stop_primer(&place.dir, number),
        LabCommand::Down { place, keep } => lab::down(&place.dir, keep),
    };
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
