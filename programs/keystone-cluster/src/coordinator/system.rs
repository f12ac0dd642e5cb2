//! Other programs of the node.

use std::io;
use std::process::{Command, Output, Stdio};

use super::error::CoordinatorError;

pub const HEADSCALE: &str = "headscale.service";
pub const LOG: &str = "keystone-coordinator-log.service";
pub const STANDBY: &str = "keystone-coordinator-standby.service";

/// What a program wrote, if it ended well.
pub fn output(program: &str, arguments: &[&str]) -> Result<String, CoordinatorError> {
    let failed = |reason| CoordinatorError::Run { program: program.to_owned(), reason };
    let output = run(program, arguments).map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(crate::enroll::last_words(&String::from_utf8_lossy(&output.stderr))))
}

fn run(program: &str, arguments: &[&str]) -> io::Result<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output()
}

/// Whether a program ends well.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    run(program, arguments).is_ok_and(|output| output.status.success())
}

pub fn is_active(unit: &str) -> bool {
    succeeds("systemctl", &["is-active", "--quiet", unit])
}

/// Stops units, and returns when they have.
pub fn stop(units: &[&str]) -> Result<(), CoordinatorError> {
    systemctl("stop", units)
}

pub fn start(units: &[&str]) -> Result<(), CoordinatorError> {
    systemctl("start", units)
}

/// Asks for a restart without waiting for it.
pub fn restart_later(unit: &str) -> Result<(), CoordinatorError> {
    systemctl("restart", &["--no-block", unit])
}

fn systemctl(verb: &str, rest: &[&str]) -> Result<(), CoordinatorError> {
    let arguments: Vec<&str> = std::iter::once(verb).chain(rest.iter().copied()).collect();
    output("systemctl", &arguments).map(drop)
}
