//! Arguments of `rotate-keys`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use keystone_model::{Authority, Name};
use keystone_primer::rotation::Reason;

/// Replace keys on the control plane, while all primers sleep.
///
/// Intermediates are replaced by their next successors, which a quorum of primers signed in advance. Every certificate below
/// them is issued anew, and the ones before are believed until the overlap ends. Run it where a control-plane node's own age
/// identity is; nothing private leaves the encrypted files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  keystone-cluster rotate-keys --type intermediate
  keystone-cluster rotate-keys --type intermediate --finish     (after the overlap)
  keystone-cluster rotate-keys --type leaves
  keystone-cluster rotate-keys --type leaves --revoke control-2=key-compromise

Exit codes: 0 done; 1 not done, and nothing was changed; 2 the command line is wrong.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RotateKeys {
    /// What is replaced
    #[arg(long = "type", value_name = "WHAT")]
    pub kind: Kind,
    /// Only these intermediates [default: all]
    #[arg(long, value_name = "NAME", value_parser = authority)]
    pub only: Vec<Authority>,
    /// For how many days the ones before are believed too, so that every machine can be deployed meanwhile
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u16).range(0..=90))]
    pub overlap_days: u16,
    /// End the overlap: the ones before are believed no more
    #[arg(long)]
    pub finish: bool,
    /// With --type leaves: a machine or person whose certificates are taken back before they end. It gets new ones, and the old
    /// ones go on the lists of those who read one (etcd); the rest is said. REASON is key-compromise, superseded or
    /// cessation-of-operation
    #[arg(long, value_name = "NAME[=REASON]", value_parser = revocation)]
    pub revoke: Vec<(Name, Reason)>,
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// Folder of the encrypted files
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub secrets: PathBuf,
    /// Folder of public material
    #[arg(long, value_name = "DIR", default_value = "hosts/trust")]
    pub trust: PathBuf,
    /// What opens the keys: the age identity of a control-plane node
    #[arg(long, value_name = "FILE", default_value = "/etc/age/node.txt")]
    pub identity: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// What can be replaced without primers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Intermediates, and every certificate below them
    Intermediate,
    /// Certificates of machines and people that end soon
    Leaves,
}

fn authority(text: &str) -> Result<Authority, String> {
    Authority::ALL
        .into_iter()
        .find(|authority| *authority != Authority::Root && authority.as_str() == text)
        .ok_or_else(|| {
            "take one of kubernetes, etcd, front-proxy, node; the root is a quorum's: keystone-primer rotate-root-keys"
                .to_owned()
        })
}

fn revocation(text: &str) -> Result<(Name, Reason), String> {
    let (name, reason) = text.split_once('=').unwrap_or((text, "key-compromise"));
    let reason = match reason {
        "key-compromise" => Reason::KeyCompromise,
        "superseded" => Reason::Superseded,
        "cessation-of-operation" => Reason::CessationOfOperation,
        _ => return Err("a reason is key-compromise, superseded or cessation-of-operation".to_owned()),
    };
    Ok((name.parse().map_err(|error: keystone_model::ParseError| error.to_string())?, reason))
}
