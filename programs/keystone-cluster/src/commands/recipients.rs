//! `keystone-cluster recipients`

use std::path::Path;
use std::process::ExitCode;

use keystone_generator::{Artifact, Input, write_all};
use keystone_model::recipients_file;

use super::print;
use crate::cli::Recipients;
use crate::refusal::Refusal;

pub fn run(arguments: &Recipients) -> ExitCode {
    let input = Input { inventory: arguments.inventory.clone(), trust: None };
    let text = match input.inventory() {
        Ok((inventory, _)) => recipients_file(&inventory.cluster),
        Err(error) => return Refusal::from(error).show(false),
    };
    let Some(out) = &arguments.out else { return print(&text) };
    let Some(name) = out.file_name() else {
        eprintln!("error: `{}` is no file", out.display());
        return ExitCode::FAILURE;
    };
    let artifact = Artifact::new(name.to_string_lossy(), text);
    match write_all(out.parent().unwrap_or(Path::new("")), &[artifact]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
