//! `keystone-cluster mesh`

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::print;
use crate::cli::{Enroll, MeshCommand};
use crate::coordinator;
use crate::enroll::{Done, Target, enroll};
use crate::handoff::{Report, handoff, overview, takeover};
use crate::refusal::Refusal;

pub fn run(command: MeshCommand) -> ExitCode {
    match command {
        MeshCommand::Enroll(arguments) => run_enroll(&arguments),
        MeshCommand::Handoff(arguments) => tell(handoff(&arguments), arguments.common.json),
        MeshCommand::Takeover(arguments) => tell(takeover(&arguments), arguments.common.json),
        MeshCommand::Status(arguments) => match overview(&arguments) {
            Ok(overview) => {
                let shown = print(&overview.show(arguments.common.json));
                if overview.well { shown } else { ExitCode::FAILURE }
            }
            Err(refusal) => refusal.show(arguments.common.json),
        },
        MeshCommand::Coordinator(command) => match coordinator::run(&command) {
            Ok(answer) => print(&format!("{answer}\n")),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn tell(outcome: Result<Report, Refusal>, as_json: bool) -> ExitCode {
    match outcome {
        Ok(report) => print(&report.show(as_json)),
        Err(refusal) => refusal.show(as_json),
    }
}

fn run_enroll(arguments: &Enroll) -> ExitCode {
    let to_stdout = matches!(Target::of(arguments), Target::StandardOutput);
    if to_stdout && arguments.json {
        return misused("`--out -` and `--json` would both write to standard output; take one of them");
    }
    if to_stdout && !arguments.dry_run && io::stdout().is_terminal() {
        return misused(
            "`--out -` writes an encrypted file, which is no text; send it to a file or a program",
        );
    }
    match enroll(arguments) {
        Ok(done) if arguments.json => print(&done.json()),
        Ok(done) if to_stdout && !arguments.dry_run => tell_beside(&done),
        Ok(done) => print(&done.text()),
        Err(refusal) => refusal.show(arguments.json),
    }
}

/// The file went to standard output, so what there is to say does not.
fn tell_beside(done: &Done) -> ExitCode {
    // Nobody who listens is no failure: the file is written.
    let _ = io::stderr().write_all(done.text().as_bytes());
    ExitCode::SUCCESS
}

/// Says what is wrong with the command line, as clap does.
fn misused(message: &str) -> ExitCode {
    eprintln!("error: {message}\n\nFor more information, try '--help'.");
    ExitCode::from(2)
}
