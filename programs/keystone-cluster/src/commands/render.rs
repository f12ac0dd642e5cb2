//! `keystone-cluster render`

use std::process::ExitCode;
use std::time::Instant;

use super::print;
use crate::cli::Render;
use crate::output::Output;
use crate::pipeline::run_all;
use crate::refusal::Refusal;
use crate::summary::Summary;

pub fn run(arguments: &Render) -> ExitCode {
    match render(arguments) {
        Ok(summary) => print(&summary.show(arguments.source.json)),
        Err(refusal) => refusal.show(arguments.source.json),
    }
}

fn render(arguments: &Render) -> Result<Summary, Refusal> {
    let started = Instant::now();
    let source = &arguments.source;
    let loaded = source.input().load()?;
    // Whether the folder may be replaced is asked before the work, not after it.
    let output = Output::prepare(&arguments.out)?;
    let rendered = run_all(&loaded)?;
    output.replace(&rendered.files)?;
    Ok(Summary::new(&source.inventory, &loaded, &rendered, Some(&arguments.out), started.elapsed()))
}
