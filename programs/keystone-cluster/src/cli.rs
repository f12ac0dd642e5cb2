//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use keystone_generator::{Generate, Input};

/// One inventory, every file that a cluster's nodes need.
///
/// `render` turns the inventory into the mesh's policy and relay map, user-data, kubeconfigs, custom resources, identity
/// documents and NixOS options; reads each of them again with the rules of the program it is for; proves that the
/// policy opens what the inventory means and nothing else; and draws all of it on one page.
#[derive(Debug, Parser)]
#[command(
    name = "keystone-cluster",
    version,
    after_help = "Exit codes: 0 done; 1 the input is wrong, or something \
    could not be read or written, and nothing was changed; 2 the command line is wrong."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write everything that the inventory describes
    Render(Render),
    /// Do all that `render` does, and write nothing
    Check(Check),
    /// Write the list of everyone's age recipients, for `age -R` and `hosts/trust/recipients.txt`
    Recipients(Recipients),
    /// Print shell completions or the manual page
    Generate {
        /// What to print
        what: Generate,
    },
}

#[derive(Debug, Args)]
pub struct Source {
    /// The inventory, as TOML or, with the ending .json, as JSON
    pub inventory: PathBuf,
    /// Folder with public material [default: `trust` beside the inventory]
    #[arg(long, value_name = "DIR")]
    pub trust: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

impl Source {
    /// Where to read from.
    pub fn input(&self) -> Input {
        Input { inventory: self.inventory.clone(), trust: self.trust.clone() }
    }
}

#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    pub source: Source,
    /// Folder to write. It is replaced as a whole, and only if it is new, empty or an earlier result
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub source: Source,
}

#[derive(Debug, Args)]
pub struct Recipients {
    /// The inventory
    pub inventory: PathBuf,
    /// File to write; without it the list is printed
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
