//! The command lines that move the coordinator.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::coordinator::settings;

/// What all of them take.
#[derive(Debug, Args)]
pub struct Common {
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// This machine is one of the candidates; do here, without SSH, what concerns it
    #[arg(long)]
    pub local: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Show which node is the coordinator, and how far each standby is.
///
/// Asks every candidate, primers and control-plane nodes with an endpoint, by SSH in the mesh. One that does not answer
/// is shown as such; that is no failure.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 there is one coordinator and it serves; 1 there is none, or more than one, or the \
input is wrong; 2 the command line is wrong."
)]
pub struct Overview {
    #[command(flatten)]
    pub common: Common,
}

/// Move the coordinator to another node, without losing anything.
///
/// The coordinator gives up its lease and stops; the new one receives the last transactions, checks that it has what the
/// old one had, takes the next lease and answers at the same URL with the same keys. Nodes, addresses and keys stay as
/// they are; the mesh goes on meanwhile, and only joining and changes wait.
///
/// Every step is written to a journal before and after it. A command that was killed goes on when it is run again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  keystone-cluster mesh handoff control-1 --dry-run
  keystone-cluster mesh handoff control-1 --dns-command ./dns-update
  keystone-cluster mesh handoff control-1 --abort
  keystone-cluster mesh handoff primer-1          (and back)

Exit codes: 0 done; 1 it did not happen, or not all of it, and what is said tells how to go on; 2 the command line is \
wrong.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Handoff {
    /// The node that becomes the coordinator, as the inventory names it
    pub to: String,
    /// Refuse unless this node is the coordinator now
    #[arg(long, value_name = "NODE")]
    pub from: Option<String>,
    #[command(flatten)]
    pub common: Common,
    /// The journal [default: `handoff-CLUSTER.journal` in `$XDG_STATE_HOME/keystone`]
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Program that points the public name to the new address; it is run with the name and the address
    #[arg(long, value_name = "PROGRAM")]
    pub dns_command: Option<PathBuf>,
    /// Take back what was begun; possible until the new coordinator has its lease
    #[arg(long, conflicts_with = "dry_run")]
    pub abort: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Make a standby the coordinator after the coordinator was lost.
///
/// What the lost coordinator wrote in its last seconds and no standby has is lost: nodes that joined or changed then must
/// do so again. If the lost one comes back, it hears of the newer lease from any other candidate and gives way; as long
/// as it can reach none of them, it serves beside the new one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  keystone-cluster mesh takeover control-2 --lose-unreplicated-changes --dry-run
  keystone-cluster mesh takeover control-2 --lose-unreplicated-changes

Exit codes: 0 done; 1 it did not happen, or not all of it, and what is said tells how to go on; 2 the command line is \
wrong.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Takeover {
    /// The node that becomes the coordinator, as the inventory names it
    pub to: String,
    /// Yes: what the lost coordinator did in its last seconds may be gone
    #[arg(long, required = true)]
    pub lose_unreplicated_changes: bool,
    #[command(flatten)]
    pub common: Common,
    /// The journal [default: `handoff-CLUSTER.journal` in `$XDG_STATE_HOME/keystone`]
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Program that points the public name to the new address; it is run with the name and the address
    #[arg(long, value_name = "PROGRAM")]
    pub dns_command: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What a node does about being the coordinator.
#[derive(Debug, Args)]
pub struct CoordinatorCommand {
    /// Where this node has what
    #[arg(long, value_name = "FILE", default_value = settings::PATH, global = true)]
    pub settings: PathBuf,
    #[command(subcommand)]
    pub verb: CoordinatorVerb,
}

#[derive(Debug, Subcommand)]
pub enum CoordinatorVerb {
    /// Tell how this node stands
    Status,
    /// Give up the lease and stop
    Fence {
        #[arg(long)]
        to: String,
        /// The generation that the next coordinator will have
        #[arg(long)]
        generation: u64,
    },
    /// Take a fence back
    Unfence {
        #[arg(long)]
        generation: u64,
    },
    /// Become a standby of the new coordinator
    Retire {
        #[arg(long)]
        holder: String,
        #[arg(long)]
        generation: u64,
    },
    /// Set a checked copy of a coordinator's state aside
    Receive {
        #[arg(long)]
        from: String,
        /// The generation of the coordinator whose state it is
        #[arg(long)]
        generation: u64,
        /// Wait for this transaction
        #[arg(long)]
        txid: Option<String>,
    },
    /// Put the copy in place and take the lease
    Adopt {
        #[arg(long)]
        generation: u64,
    },
    /// Start, and return when Headscale answers
    Start {
        #[arg(long)]
        generation: u64,
    },
    /// Hear who is the coordinator
    Note {
        #[arg(long)]
        holder: String,
        #[arg(long)]
        generation: u64,
    },
    /// Ask the other candidates, and give way to a later coordinator
    Check {
        /// Headscale is about to start: end with 1 if it must not
        #[arg(long)]
        starting: bool,
    },
    /// Copy the coordinator's log as it grows
    Follow,
}
