//! `keystone-gen-cloud-init`: see the library of the same name. With `--node` it prints one machine's text with its key.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use keystone_gen_cloud_init::{CloudInit, JoinKey, with_key};
use keystone_generator::{Common, Input, Mode, document, execute};
use keystone_model::Name;

/// Renders the user-data with which machines of clouds and rented servers join.
///
/// With --node and --join-key-file it prints the user-data of that one node with its single-use key inside. Whoever
/// reads that text can join as the node until the key is used or expires: hand it to the provider, and keep it nowhere.
#[derive(Debug, Parser)]
#[command(
    name = "keystone-gen-cloud-init",
    version,
    after_help = "Exit codes: 0 done, or nothing differs; 1 the input is wrong, or a file differs; 2 the command line is \
                  wrong."
)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Print the user-data of this one node, with its key
    #[arg(long, value_name = "NAME", requires = "join_key_file", conflicts_with_all = ["out", "only"])]
    node: Option<Name>,
    /// File with the single-use key that `keystone-cluster mesh enroll` minted for the node
    #[arg(long, value_name = "FILE", requires = "node")]
    join_key_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(what) = arguments.common.generate {
        return document(Arguments::command(), what);
    }
    match (&arguments.node, &arguments.join_key_file, &arguments.common.input) {
        (Some(_), ..) if arguments.common.mode != Mode::Print => {
            let message = "--node prints one text, and writes or compares no file; leave out --mode";
            let error = Arguments::command().error(ErrorKind::ArgumentConflict, message);
            eprint!("{}", error.render());
            ExitCode::from(2)
        }
        (Some(node), Some(file), Some(inventory)) => {
            let input = Input { inventory: inventory.clone(), trust: None };
            match one_node(&input, node, file) {
                Ok(text) => {
                    print!("{text}");
                    ExitCode::SUCCESS
                }
                Err(message) => {
                    eprintln!("error: {message}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => execute(&CloudInit, &arguments.common),
    }
}

fn one_node(input: &Input, node: &Name, file: &PathBuf) -> Result<String, String> {
    let (inventory, _) = input.inventory().map_err(|error| error.to_string())?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let key = text.trim().parse::<JoinKey>().map_err(|error| format!("`{}` {error}", file.display()))?;
    with_key(&inventory.cluster, node, &key).map_err(|error| error.to_string())
}
