//! `keystone-cluster check`

use std::process::ExitCode;
use std::time::Instant;

use super::print;
use crate::cli::Check;
use crate::pipeline::run_all;
use crate::refusal::Refusal;
use crate::summary::Summary;

pub fn run(arguments: &Check) -> ExitCode {
    let started = Instant::now();
    let source = &arguments.source;
    let result = source.input().load().map_err(Refusal::from).and_then(|loaded| {
        let rendered = run_all(&loaded)?;
        Ok(Summary::new(&source.inventory, &loaded, &rendered, None, started.elapsed()))
    });
    match result {
        Ok(summary) => print(&summary.show(source.json)),
        Err(refusal) => refusal.show(source.json),
    }
}
