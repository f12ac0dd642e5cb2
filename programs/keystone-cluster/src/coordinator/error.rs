//! Why a verb did not do what it was told.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::lease::Lease;

#[derive(Debug, Error)]
pub enum CoordinatorError {
    #[error("cannot read `{}`: {source}; only nodes that may be the coordinator have it", path.display())]
    Settings { path: PathBuf, source: io::Error },
    #[error("`{}` is not as modules/mesh writes it: {reason}", path.display())]
    BadSettings { path: PathBuf, reason: String },
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is damaged: {reason}; look at it, and restore it from what the other candidates know (`keystone-cluster mesh status`)", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot run `{program}`: {reason}")]
    Run { program: String, reason: String },
    #[error("{node} is not the coordinator: it has no lease; `keystone-cluster mesh status` tells who is")]
    NoLease { node: String },
    #[error(
        "{node} has the lease of generation {found}, and {expected} was meant; somebody else moved the coordinator, so plan anew"
    )]
    OtherGeneration { node: String, found: u64, expected: u64 },
    #[error(
        "{node} is on its way to {to} already (generation {generation}); finish that with `keystone-cluster mesh handoff {to}`, or take it back with `--abort`"
    )]
    FencedForOther { node: String, to: String, generation: u64 },
    #[error("{node} knows that {} is the coordinator (generation {}), so generation {generation} is too late", known.holder, known.generation)]
    Newer { node: String, known: Lease, generation: u64 },
    #[error(
        "the log does not hold what the database does: {database} in the database, {log} after a restore from the log; nothing was lost, take the coordinator back with `--abort` and look at `journalctl -u keystone-coordinator-log`"
    )]
    LogDiffers { database: String, log: String },
    #[error("the log holds no transaction yet; is keystone-coordinator-log.service running?")]
    EmptyLog,
    #[error(
        "{node} has no replica of {from} (generation {generation}); is keystone-coordinator-standby.service running?"
    )]
    NoReplica { node: String, from: String, generation: u64 },
    #[error(
        "{node} reached transaction {reached} of {wanted} in {seconds} s; look at `journalctl -u keystone-coordinator-standby` there"
    )]
    Behind { node: String, reached: String, wanted: String, seconds: u64 },
    #[error("SQLite finds the copy damaged: {0}")]
    Integrity(String),
    #[error(
        "{node} has no copy to start from; run the command that moves the coordinator from its beginning"
    )]
    NothingReceived { node: String },
    #[error(
        "Headscale on {node} does not answer at {url} within {seconds} s; look at `journalctl -u headscale` there"
    )]
    NoAnswer { node: String, url: String, seconds: u64 },
    #[error("another candidate answers at {url} ({peers}), so this one does not start")]
    OtherServes { url: String, peers: String },
    #[error("{holder} is the coordinator (generation {generation}), so this one does not start")]
    Superseded { holder: String, generation: u64 },
    #[error("nobody is known to be the coordinator yet")]
    NobodyToFollow,
    #[error("cannot answer: {0}")]
    Answer(String),
}
