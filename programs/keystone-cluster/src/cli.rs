//! The command line.

mod coordinator;
mod rotate;
mod secrets;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use keystone_generator::{Generate, Input};

pub use coordinator::{Common, CoordinatorCommand, CoordinatorVerb, Handoff, Overview, Takeover};
pub use secrets::{Secrets, SecretsCommand, SecretsCommon};

use keystone_primer::ask::At;
pub use rotate::{Kind, RotateKeys};

use crate::enroll::Expiration;
use crate::lab::With;

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
    /// How the cluster is: certificates, etcd, API servers, mesh, what was issued, how long it lasts without primers
    Health(Health),
    /// What a node does with its certificates
    Certificates {
        #[command(subcommand)]
        command: CertificatesCommand,
    },
    /// What an admin does with the mesh
    Mesh(Mesh),
    /// The cluster's secrets: encrypted, drift found, revoked
    Secrets(Secrets),
    /// Replace keys on the control plane, while all primers sleep
    RotateKeys(RotateKeys),
    /// Three primers on this machine, to try everything with
    Lab(Lab),
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

/// How the cluster is, seen from this machine.
///
/// What cannot be seen is unknown, and unknown is not healthy. On a node of the control plane everything can be seen:
/// members of etcd and API servers are asked with that node's own certificates.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 everything is healthy; 1 something is not; 2 the command line is wrong; 3 nothing \
is unhealthy, and something is unknown."
)]
pub struct Health {
    /// The inventory [default: hosts/cluster.toml where that exists, otherwise /etc/keystone/cluster.json]
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
    /// Folder with public material [default: `trust` beside the inventory]
    #[arg(long, value_name = "DIR")]
    pub trust: Option<PathBuf>,
    /// Folder of the encrypted files [default: `secrets` beside the inventory's folder, where there is one]
    #[arg(long, value_name = "DIR")]
    pub secrets: Option<PathBuf>,
    /// Folder of this node's certificates and keys
    #[arg(long, value_name = "DIR", default_value = "/var/lib/keystone/pki")]
    pub pki: PathBuf,
    /// Name of this node in the inventory [default: the machine's]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// How many days at least nothing may end
    #[arg(long, value_name = "DAYS", default_value_t = 20)]
    pub at_least: i64,
    /// Ask NAME:PORT at another address, over a tunnel for example; its certificate still has to be NAME's
    #[arg(long, value_name = "NAME:PORT=ADDRESS:PORT")]
    pub at: Vec<At>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum CertificatesCommand {
    /// Put a node's certificates and keys in their places, from the one document that is its secret
    ///
    /// The node's unit keystone-certificates runs it. A certificate that was renewed on the node since is younger than the
    /// secret's, and stays.
    Install {
        /// The decrypted secret `pki-<host>`
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The folder, which others cannot enter
        #[arg(long, value_name = "DIR", default_value = "/var/lib/keystone/pki")]
        to: PathBuf,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
}

/// Work on the mesh that joins the cluster's machines.
///
/// Needs a way to the coordinator, the machine on which Headscale runs: SSH to it inside the mesh, or a shell on it.
#[derive(Debug, Args)]
pub struct Mesh {
    #[command(subcommand)]
    pub command: MeshCommand,
}

#[derive(Debug, Subcommand)]
pub enum MeshCommand {
    /// Make the key with which a host joins the mesh, encrypted for that host
    Enroll(Enroll),
    /// Show which node is the coordinator, and how far each standby is
    Status(Overview),
    /// Move the coordinator to another node, without losing anything
    Handoff(Handoff),
    /// Make a standby the coordinator after the coordinator was lost
    Takeover(Takeover),
    /// What a node does about being the coordinator; the commands above say these over SSH
    #[command(hide = true)]
    Coordinator(CoordinatorCommand),
}

/// Make the key with which a host joins the mesh, encrypted for that host.
///
/// Headscale mints a key that opens the mesh once, for one machine, for a short while, and carries the tags of the host's
/// roles. The key goes to `secrets/mesh-join-HOST.age`, encrypted to the host and to every admin, exactly as secrets.nix
/// says. It is never printed, never an argument of a process, and never on disk in the clear.
///
/// The host joins by itself as soon as it has the file: with the system that is installed or deployed, or as
/// /var/lib/keystone/mesh/join.age. Once it has joined, the key is spent and needed no more, not even at a reboot.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  keystone-cluster mesh enroll worker-3
  keystone-cluster mesh enroll worker-3 --expiration 12h --replace
  keystone-cluster mesh enroll worker-3 --via root@control-1.keystone.internal
  keystone-cluster mesh enroll worker-3 --local --out -   (on the coordinator)

Exit codes: 0 done; 1 the input is wrong, or Headscale could not be asked, and nothing was written; 2 the command line \
is wrong.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Enroll {
    /// The host, as the inventory names it
    pub host: String,
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// How long the key may wait for its host: a number and s, m, h or d, at most 7d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub expiration: Expiration,
    /// Ask the coordinator by SSH as this user at this host [default: root at the coordinator's name in the mesh]
    #[arg(long, value_name = "USER@HOST", value_parser = destination)]
    pub via: Option<String>,
    /// Ask the Headscale of this machine, which is the coordinator
    #[arg(long, conflicts_with = "via")]
    pub local: bool,
    /// Folder of the encrypted files [default: `secrets` beside the inventory's folder]
    #[arg(long, value_name = "DIR")]
    pub secrets: Option<PathBuf>,
    /// Write to this file instead; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "secrets")]
    pub out: Option<PathBuf>,
    /// Write over a file that is there. Whether its key was used cannot be seen; one that was, or is old, is worth nothing
    #[arg(long)]
    pub replace: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Three real primers on this machine's loopback address, with keys that are to be trusted by nobody.
///
/// They run the whole ceremony, and stay: every verb of keystone-primer can be tried on them. A real Headscale and a real
/// control plane of Kubernetes run beside them where `up --with` asks for it. Nothing is installed, and
/// nothing outside the folder is written.
#[derive(Debug, Args)]
pub struct Lab {
    #[command(subcommand)]
    pub command: LabCommand,
}

#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Start the primers and hold the ceremony; what runs already is left as it is
    Up {
        #[command(flatten)]
        place: LabPlace,
        /// The inventory
        #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
        inventory: PathBuf,
        /// What else to start with the credentials that were made, on free ports of 127.0.0.1. Its programs are taken from
        /// PATH, or from where checks/peers/setup puts them
        #[arg(long, value_name = "PEERS", value_delimiter = ',')]
        with: Vec<With>,
        /// Folder of the throw-away identities that open what was made
        #[arg(long, value_name = "DIR", default_value = "checks/fixtures/identities")]
        identities: PathBuf,
    },
    /// What runs, and how the primers are
    Status {
        #[command(flatten)]
        place: LabPlace,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
    /// Note this process and become a program
    #[command(hide = true)]
    Launch {
        /// File to note it in
        #[arg(long)]
        pid: PathBuf,
        /// The program
        program: PathBuf,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Stop one primer, to see what the others do without it; `up` starts it again
    StopPrimer {
        /// Its number
        number: usize,
        #[command(flatten)]
        place: LabPlace,
    },
    /// Stop all primers and what runs beside them, and remove the folder
    Down {
        #[command(flatten)]
        place: LabPlace,
        /// Leave the folder
        #[arg(long)]
        keep: bool,
    },
}

#[derive(Debug, Args)]
pub struct LabPlace {
    /// Folder of the lab
    #[arg(long, value_name = "DIR", default_value = "lab")]
    pub dir: PathBuf,
}

/// What ssh takes for its destination, and nothing that it would take for an option.
fn destination(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_@:[]%/".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
        return Err(
            "write a user and a host, as `ssh` takes them: root@control-1.keystone.internal".to_owned()
        );
    }
    Ok(text.to_owned())
}
