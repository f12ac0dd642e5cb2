//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keystone_generator::Generate;

use crate::credentials::SUCCESSORS;

/// One of the machines that hold the root of trust of a cluster together.
///
/// No machine ever has the root key: each primer has a share, and more than half of them must agree to sign with it or to
/// open a backup. Every verb asks the daemon, `keystone-primer serve`, which the system runs.
#[derive(Debug, Parser)]
#[command(
    name = "keystone-primer",
    version,
    after_help = "Exit codes: 0 done; 1 not done, and nothing was changed unless it says so; 2 the command line is wrong."
)]
pub struct Cli {
    /// The primer's configuration [default: that of the variable `KEYSTONE_PRIMER_CONFIG`, otherwise /etc/keystone/primer.json]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin the root of trust on the first primer, and make the tokens with which the others join
    Init(Init),
    /// Join the primers that are there, with the token that one of them made
    Join(Join),
    /// Who is there, which keys exist, and whether anything is wrong
    Status(Status),
    /// Make every certificate and key that the inventory needs and that does not exist yet
    GenerateCredentials(GenerateCredentials),
    /// Have the root sign the certificate of a machine, by a quorum of primers
    SignCertificate(SignCertificate),
    /// Open a backup, by a quorum of primers
    DecryptBackup(DecryptBackup),
    /// Replace the root key by a new one, in steps between which machines are deployed
    RotateRootKeys(RotateRootKeys),
    /// Replace the backup key by a new one, and wrap the backups that exist anew
    RotateBackupKey(RotateBackupKey),
    /// Replace everything at once, as somebody else may have it
    EmergencyRotate(EmergencyRotate),
    /// Take the place of a primer that is lost for good, on the machine that replaces it
    Repair(Repair),
    /// Give every primer a new share of the same keys; this is no revocation
    Refresh(Refresh),
    /// What waits for your approval on this primer
    Pending,
    /// Agree to what another primer asks for
    Approve(Approve),
    /// Refuse what another primer asks for
    Deny(Deny),
    /// What opens this primer's shares
    Protector(Protector),
    /// Tokens with which primers join
    Token(Token),
    /// Hand the lead of etcd and of the mesh to the control plane
    Handoff(Handoff),
    /// Give etcd a quorum again, when those that are lost took it with them
    Recover(Recover),
    /// The first moment at which anything breaks while all primers are off, and what that is
    VerifyHandoff(VerifyHandoff),
    /// Whether this primer would be of use if it was needed, without using it for anything
    TestWake(TestWake),
    /// Go through everything that has to be right before this primer is switched off, then stop it
    PrepareOffline(PrepareOffline),
    /// Files that are carried between primers which share no network
    Session(Session),
    /// Run the daemon
    Serve(Serve),
    /// Print shell completions or the manual page
    Generate {
        /// What to print
        what: Generate,
    },
}

#[derive(Debug, Args)]
pub struct Init {
    /// The cluster's name
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
}

#[derive(Debug, Args)]
pub struct Join {
    /// The token; `-` reads it from standard input, where no process list shows it
    #[arg(long, value_name = "TOKEN")]
    pub token: String,
}

#[derive(Debug, Args)]
pub struct Status {
    /// Replay the whole record, without asking anybody
    #[arg(long)]
    pub verify: bool,
    /// Wait so many seconds for the keys and the root's certificate, if they do not exist yet
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
}

/// Make every certificate and key that the inventory needs and that does not exist yet.
///
/// Intermediates are signed by a quorum of primers. Everything private is encrypted, in memory, to whom secrets.nix names;
/// what is public goes to the trust folder. A second run changes nothing. An intermediate whose key somebody may know who left, as
/// secrets/lock.json says after `keystone-cluster secrets revoke`, is replaced before its time.
#[derive(Debug, Args)]
pub struct GenerateCredentials {
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// Folder of the encrypted files
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub secrets: PathBuf,
    /// Folder of public material
    #[arg(long, value_name = "DIR", default_value = "hosts/trust")]
    pub trust: PathBuf,
    /// What opens the keys of intermediates that exist
    #[arg(long, value_name = "FILE", default_value = "/etc/age/primer.txt")]
    pub identity: PathBuf,
    /// How many successors of each intermediate are signed in advance, with which the control plane rotates by itself
    #[arg(long, value_name = "N", default_value_t = SUCCESSORS, value_parser = clap::value_parser!(u8).range(0..=i64::from(SUCCESSORS)))]
    pub successors: u8,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Debug, Args)]
pub struct SignCertificate {
    /// The request to sign (PKCS #10, PEM or DER): its key is taken, and nothing else of it
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// The machine [default: the file's name without its ending]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// What the certificate is for; the root signs `node` and nothing else
    #[arg(long, value_name = "NAME", default_value = "node")]
    pub profile: String,
    /// Where the certificate goes [default: beside the request, with the ending .crt]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub opening: Opening,
}

/// Replace the root key by a new one, in steps between which machines are deployed.
///
/// Each run takes the next step: accept (a new root, the two vouch for each other, both are believed, and the next intermediates
/// are signed below the new one), issue (the new one signs), drop (the old one goes, and its shares are destroyed). Between the
/// first two the control plane takes the next intermediates into use: keystone-cluster rotate-keys --type intermediate. A run
/// that was stopped goes on where it was.
#[derive(Debug, Args)]
pub struct RotateRootKeys {
    #[command(flatten)]
    pub place: RotationPlace,
    /// Take the last step, after which the old root is nothing any more
    #[arg(long)]
    pub drop: bool,
}

/// Replace the backup key by a new one, and wrap the backups that exist anew.
///
/// The first run makes the new key, to which everything is encrypted from then on. Each file that is named, then or later, gets a
/// header for the new key: a quorum opens the old header, and the rest of the file stays as it is. Old shares open old files, and
/// nothing else, until --drop destroys them. A copy of an old file stays open to whoever has a quorum of old shares.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  keystone-primer rotate-backup-key                          (a new key)
  keystone-primer rotate-backup-key /backups/*.enc           (each of them is wrapped anew)
  keystone-primer rotate-backup-key --drop /backups/*.enc    (old shares are destroyed, if all of them are)")]
pub struct RotateBackupKey {
    /// Backups: age files, which are replaced
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A file with more of them, one path in a line
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// Destroy the old shares, if every backup that is named is wrapped anew
    #[arg(long)]
    pub drop: bool,
    /// With --drop: there is no backup that anybody still needs
    #[arg(long, requires = "drop", conflicts_with_all = ["files", "list"])]
    pub no_backups: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub opening: Opening,
}

/// Where everything lies that a rotation replaces.
#[derive(Debug, Args)]
pub struct RotationPlace {
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// Folder of the encrypted files
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub secrets: PathBuf,
    /// Folder of public material
    #[arg(long, value_name = "DIR", default_value = "hosts/trust")]
    pub trust: PathBuf,
    /// What opens the keys that exist
    #[arg(long, value_name = "FILE", default_value = "/etc/age/primer.txt")]
    pub identity: PathBuf,
    /// How many successors of each intermediate are signed in advance
    #[arg(long, value_name = "N", default_value_t = SUCCESSORS, value_parser = clap::value_parser!(u8).range(0..=i64::from(SUCCESSORS)))]
    pub successors: u8,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub opening: Opening,
}

/// Replace everything at once, as somebody else may have it: root, backup key, intermediates, certificates, values.
///
/// Nothing overlaps: what is not deployed yet is believed by nobody who is. A run that was stopped goes on where it was.
#[derive(Debug, Args)]
pub struct EmergencyRotate {
    /// Really everything
    #[arg(long)]
    pub all_credentials: bool,
    #[command(flatten)]
    pub place: RotationPlace,
}

#[derive(Debug, Args)]
pub struct DecryptBackup {
    /// The encrypted file, an age file to the recipient of backups
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Where the opened file goes [default: the input without its last ending]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What the file is, for those who approve; nothing proves it [default: its name]
    #[arg(long, value_name = "TEXT")]
    pub claim: Option<String>,
    #[command(flatten)]
    pub opening: Opening,
}

/// Where the repository's files are.
#[derive(Debug, Args)]
pub struct Repository {
    /// The inventory
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml")]
    pub inventory: PathBuf,
    /// Folder of the encrypted files
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub secrets: PathBuf,
    /// Folder of public material
    #[arg(long, value_name = "DIR", default_value = "hosts/trust")]
    pub trust: PathBuf,
}

/// Hand the lead to the control plane.
///
/// Its nodes join the primers' etcd as learners, one after the other; they vote as soon as they have everything; one of them
/// leads; the primers leave; and the mesh's coordinator moves. A run that ended anywhere goes on when it is started again, as
/// each step follows from who is a member now. Until the first primer left, --abort takes it back.
#[derive(Debug, Args)]
pub struct Handoff {
    #[command(flatten)]
    pub members: Members,
    /// Take back what was done
    #[arg(long)]
    pub abort: bool,
    /// Say what comes next, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the mesh's coordinator where it is
    #[arg(long)]
    pub without_mesh: bool,
}

/// How members of etcd are reached.
#[derive(Debug, Args)]
pub struct Members {
    #[command(flatten)]
    pub repository: Repository,
    /// Folder of this primer's certificates, with which members of etcd are asked
    #[arg(long, value_name = "DIR", default_value = "/var/lib/keystone/pki")]
    pub pki: PathBuf,
    /// How long a node may take to start its member, and a member to get everything
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub patience: u64,
    /// Ask NAME:PORT at another address, over a tunnel for example; its certificate still has to be NAME's
    #[arg(long, value_name = "NAME:PORT=ADDRESS:PORT")]
    pub at: Vec<crate::ask::At>,
    /// Peer URL of a node [default: port 2380 at its name in the mesh]
    #[arg(long, value_name = "NODE=URL", value_parser = assignment)]
    pub peer: Vec<(String, String)>,
}

/// Give etcd a quorum again, when those that are lost took it with them.
///
/// Everything that is left is saved from the member that has most, or taken from a file; a folder is made of it for each new
/// member, of a cluster with a number of its own; you copy the folders and deploy; the command waits until they run. A member
/// of the old cluster that comes back is a stranger to the new one. It refuses while a quorum answers. A run that ended
/// anywhere goes on when it is started again; until the first new member runs, --abort gives it up.
#[derive(Debug, Args)]
pub struct Recover {
    /// What is to be recovered
    #[arg(long)]
    pub mode: Mode,
    /// A member that is off, and stays off until it is deployed anew; once for each
    #[arg(long, value_name = "NODE")]
    pub lost: Vec<String>,
    /// Begin from a file that `etcdctl snapshot save` wrote, and not from a member
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// A new member; once for each [default: every node of the control plane]
    #[arg(long, value_name = "NODE")]
    pub member: Vec<String>,
    /// Where everything is put together; it holds the whole cluster
    #[arg(long, value_name = "DIR", default_value = "/var/lib/keystone/recovery")]
    pub work: PathBuf,
    /// Give up what was begun
    #[arg(long)]
    pub abort: bool,
    /// Say what is seen and what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub members: Members,
}

/// What is to be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The quorum of etcd
    QuorumRestore,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((node, url)) if !node.is_empty() && url.starts_with("https://") => {
            Ok((node.to_owned(), url.to_owned()))
        }
        _ => Err("write it as control-1=https://10.0.0.1:2380".to_owned()),
    }
}

/// The first moment at which anything breaks while all primers are off, and what that is.
///
/// It reads public files: certificates, intermediates and their successors, the next update of every list, and this primer's
/// join tokens. Exit code 1 also means: something is open, or ends too soon.
#[derive(Debug, Args)]
pub struct VerifyHandoff {
    #[command(flatten)]
    pub repository: Repository,
    /// How many days at least nothing may end
    #[arg(long, value_name = "DAYS", default_value_t = 20)]
    pub at_least: i64,
    /// Also write it for Prometheus, as the node exporter's textfile collector reads it
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Show everything that ends
    #[arg(long)]
    pub all: bool,
}

/// Whether this primer would be of use if it was needed.
///
/// Every share of it is opened and compared with what its group says of it; the record is replayed. Nothing is signed and
/// nothing is decrypted. Do it once a year, on each primer.
#[derive(Debug, Args)]
pub struct TestWake {
    #[command(flatten)]
    pub opening: Opening,
}

/// Go through everything that has to be right before this primer is switched off, then stop it.
///
/// It refuses while something is open: a primer with one slot or a recovery slot that was never tested, a share that does not
/// open, something that ends too soon, a cluster that is not healthy. Run it in the repository.
#[derive(Debug, Args)]
pub struct PrepareOffline {
    #[command(flatten)]
    pub repository: Repository,
    /// How many days at least nothing may end
    #[arg(long, value_name = "DAYS", default_value_t = 20)]
    pub at_least: i64,
    /// Go through the points, and change nothing
    #[arg(long)]
    pub check: bool,
    /// Do not let keystone-cluster look at the cluster; it is recorded that nobody did
    #[arg(long)]
    pub without_health: bool,
    /// Go on though a point is not known, of a primer that is lost
    #[arg(long)]
    pub accept_unknown: bool,
    #[command(flatten)]
    pub opening: Opening,
}

/// Take the place of a primer that is lost for good, on the machine that replaces it.
///
/// The machine has a name of its own, stands in the peers of every primer where the lost one stood, and has joined. A quorum of the
/// others computes the lost shares anew; none of them learns one. The shares stay the same, so this ends nothing for whoever has
/// a copy of them.
#[derive(Debug, Args)]
pub struct Repair {
    /// The primer that is lost
    #[arg(long, value_name = "NAME")]
    pub lost: String,
}

/// Give every primer a new share of the same keys; this is no revocation.
///
/// All primers take part. When each has its new share on disk all use the new ones and destroy the old ones; an old share makes
/// nothing with a new one. The keys stay the same, with every certificate and every backup. Whoever has as many OLD shares as a
/// quorum still has the key: after a theft make new keys, with emergency-rotate. A run that was stopped is started again.
#[derive(Debug, Args)]
pub struct Refresh {
    #[command(flatten)]
    pub opening: Opening,
}

/// How a slot is opened.
#[derive(Debug, Clone, Copy, Args)]
pub struct Opening {
    /// Ask for a passphrase, and not for what would open without a person
    #[arg(long, conflicts_with = "paper")]
    pub passphrase: bool,
    /// Ask for the four lines of a sheet of paper
    #[arg(long)]
    pub paper: bool,
    /// Ask for the PIN of a token
    #[arg(long, conflicts_with_all = ["passphrase", "paper"])]
    pub pin: bool,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// The session, as `pending` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Debug, Args)]
pub struct Deny {
    /// The session, as `pending` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Why, for the record
    #[arg(long, default_value = "no reason given")]
    pub reason: String,
}

#[derive(Debug, Args)]
pub struct Protector {
    #[command(subcommand)]
    pub command: ProtectorCommand,
}

#[derive(Debug, Subcommand)]
pub enum ProtectorCommand {
    /// Every slot, and what is wanting
    List,
    /// Make a slot; the first one makes the key that all of them open
    Add {
        /// What opens it
        kind: NewSlot,
        /// What people call it
        #[arg(long, default_value = "")]
        label: String,
        /// It is kept elsewhere, for the day on which this machine is lost
        #[arg(long)]
        recovery: bool,
        #[command(flatten)]
        device: Device,
        /// How an existing slot is opened for it
        #[command(flatten)]
        opening: Opening,
    },
    /// Bind a slot of the TPM to the state that the machine is in now; another slot opens for it
    Reseal {
        /// Its number
        id: u32,
        #[command(flatten)]
        opening: Opening,
    },
    /// Take a slot out
    Remove {
        /// Its number
        id: u32,
    },
    /// See whether a slot opens
    Test {
        /// Its number [default: the first that fits]
        id: Option<u32>,
        #[command(flatten)]
        opening: Opening,
    },
}

/// Slots that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewSlot {
    /// A passphrase
    Passphrase,
    /// A sheet of paper, which is printed once
    Paper,
    /// This machine's TPM, in the state in which the machine is now
    Tpm2,
    /// A token that speaks PKCS#11, by its PIN
    Pkcs11,
}

/// Which device, and what of it.
#[derive(Debug, Clone, Args)]
pub struct Device {
    /// With tpm2: the registers that must be as they are now. 0 is firmware, 4 the boot chain, 7 Secure Boot
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "0,4,7")]
    pub pcrs: Vec<u8>,
    /// With pkcs11: the module that speaks to the token
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// With pkcs11: the token's label
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
}

#[derive(Debug, Args)]
pub struct Token {
    #[command(subcommand)]
    pub command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token with which a declared primer joins, once and within the hour
    Create {
        /// The primer's name
        name: String,
    },
    /// Every token, without its secret
    List,
    /// Take a token back
    Revoke {
        /// Its number
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct Session {
    #[command(subcommand)]
    pub command: SessionCommand,
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// What waits to be carried, and to whom
    List,
    /// Write everything that is for one other primer to a file
    Export {
        /// For whom
        #[arg(long, value_name = "NAME")]
        to: String,
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Take in a file that another primer wrote
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Take the listening socket from standard input, as inetd hands it over
    #[arg(long)]
    pub inherited: bool,
}
