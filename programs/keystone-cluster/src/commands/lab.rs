//! `keystone-cluster lab`

use std::process::ExitCode;

use super::print;
use crate::cli::{Lab, LabCommand};
use crate::lab;

pub fn run(arguments: Lab) -> ExitCode {
    let done = match arguments.command {
        LabCommand::Up { place, inventory } => lab::up(&place.dir, &inventory),
        LabCommand::Status(place) => lab::status(&place.dir),
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
