//! `keystone-cluster certificates`

use std::process::ExitCode;

use super::print;
use crate::certificates::install;
use crate::cli::CertificatesCommand;
use crate::refusal::Refusal;

pub fn run(command: &CertificatesCommand) -> ExitCode {
    let CertificatesCommand::Install { from, to, json } = command;
    match install(from, to) {
        Ok(installed) if *json => print(&format!("{:#}\n", installed.json())),
        Ok(installed) => print(&installed.text()),
        Err(error) => Refusal::from(error).show(*json),
    }
}
