//! Tells whether two files are the same inventory: `same_inventory hosts/cluster.toml from-nix.json`.
//!
//! Both must be accepted by the model. Shown with what Nix makes of the inventory through the rendered options.

use std::path::PathBuf;
use std::process::ExitCode;

use keystone_generator::Input;

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [first, second] = paths.as_slice() else {
        eprintln!("usage: same_inventory FILE.{{toml,json}} FILE.{{toml,json}}");
        return ExitCode::from(2);
    };
    let read = |path: &PathBuf| {
        let input = Input { inventory: path.clone(), trust: None };
        input.inventory().map(|(inventory, _)| inventory.cluster).map_err(|error| format!("{error:?}"))
    };
    match (read(first), read(second)) {
        (Ok(a), Ok(b)) if a == b => ExitCode::SUCCESS,
        (Ok(_), Ok(_)) => {
            eprintln!("`{}` and `{}` are read as different inventories", first.display(), second.display());
            ExitCode::FAILURE
        }
        (a, b) => {
            for error in [a.err(), b.err()].into_iter().flatten() {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}
