//! `keystone-cluster secrets`, as it is typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use keystone_secrets::Source;
use keystone_secrets::work::Settings;

/// Files encrypted with age: secrets.nix and secrets/*.age as agenix and ragenix have them, and a lock beside.
///
/// Everything is decrypted and encrypted in memory, and all files change together or none. `secrets/lock.json` says what
/// every file is; it is signed with an admin's SSH key, and `verify` needs no private key to see what is not as it should be.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done, and all is well; 1 something is wrong, or open: the message says whether anything was \
changed; 2 the command line is wrong."
)]
pub struct Secrets {
    #[command(subcommand)]
    pub command: SecretsCommand,
    #[command(flatten)]
    pub common: SecretsCommon,
}

#[derive(Debug, Args)]
pub struct SecretsCommon {
    /// Folder of secrets.nix
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub root: PathBuf,
    /// The inventory, relative to that folder
    #[arg(long, value_name = "FILE", default_value = "hosts/cluster.toml", global = true)]
    pub inventory: PathBuf,
    /// File with your identity: of age, an SSH key, or the handle of a plugin [default: what is in ~/.config/age/keystone-admin.txt
    /// and ~/.ssh]
    #[arg(short = 'i', long = "identity", value_name = "FILE", global = true)]
    pub identities: Vec<PathBuf>,
    /// SSH key that signs the lock; with a public one, an agent or a security key does [default: `~/.ssh/id_ed25519` if it may]
    #[arg(long, value_name = "FILE", global = true)]
    pub sign_key: Option<PathBuf>,
    /// Where to read who opens what: from secrets.nix if it and Nix are here, else from the inventory
    #[arg(long, value_name = "WHERE", default_value = "either", global = true)]
    pub rules: RulesFrom,
    /// Fail where memory cannot be kept from being swapped out, instead of warning
    #[arg(long, global = true)]
    pub require_mlock: bool,
    /// Do everything in memory, and write nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RulesFrom {
    Either,
    Nix,
    Inventory,
}

impl SecretsCommon {
    pub fn settings(&self) -> Settings {
        Settings {
            root: self.root.clone(),
            inventory: self.inventory.clone(),
            identities: self.identities.clone(),
            sign_key: self.sign_key.clone(),
            rules: match self.rules {
                RulesFrom::Either => Source::Either,
                RulesFrom::Nix => Source::Nix,
                RulesFrom::Inventory => Source::Inventory,
            },
            require_mlock: self.require_mlock,
            dry_run: self.dry_run,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Every secret, and who opens it
    List,
    /// Print what a secret holds
    Show {
        /// Its name
        name: String,
    },
    /// Change a secret in $EDITOR, or take it from standard input where that is no terminal
    Edit {
        /// Its name
        name: String,
    },
    /// Encrypt for those whom the rules name now; no value changes by that
    Rekey {
        /// Also files whose recipients are right
        #[arg(long)]
        all: bool,
    },
    /// Bring an interrupted change to its end, and say which
    Resume,
    /// Compare rules, lock and files, without any private key
    Verify {
        /// Fail where nobody signed the lock
        #[arg(long)]
        require_signed: bool,
    },
    /// Take files into the lock that agenix or somebody else wrote
    Adopt,
    /// Write an admin into the inventory, and encrypt for them
    AddAdmin {
        /// Their name
        name: String,
        /// Their public key: of age, or of SSH
        #[arg(long = "key", value_name = "KEY", required = true)]
        keys: Vec<String>,
        /// Their address
        #[arg(long)]
        email: String,
    },
    /// Take a person out of the inventory, and make new every value that they could ever read
    Revoke {
        /// Their name
        name: String,
    },
    /// Make new values, and what is made from them
    Rotate {
        /// Names of the secrets
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        names: Vec<String>,
        /// Every secret
        #[arg(long)]
        all: bool,
    },
    /// How old each value is, and what is open
    Status,
    /// Who opens what, and who could
    Audit,
}
