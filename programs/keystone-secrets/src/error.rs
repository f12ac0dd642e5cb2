//! Why nothing was done. No message holds a secret.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a command did nothing, or did not do all.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("there is no folder `{}`; run this where the cluster's secrets.nix lies, or name that folder with `--root DIR`", .0.display())]
    NoTree(PathBuf),
    #[error("`{}` is no inventory: {reason}; `keystone-cluster check` tells all of it", path.display())]
    Inventory { path: PathBuf, reason: String },

    #[error("cannot evaluate secrets.nix: {0}")]
    Evaluate(String),
    #[error("secrets.nix names `{path}`: {reason}")]
    Rule { path: String, reason: String },
    #[error("{path} would open for {have}, and has to for {need}; write them into the inventory")]
    Guard { path: String, have: String, need: String },
    #[error("{path}: `{key}` is no key that age encrypts to: {reason}")]
    Recipient { path: String, key: String, reason: String },
    #[error(
        "no rule names a secret `{0}`; `keystone-cluster secrets list` shows all, and hosts/cluster.toml or secrets.nix says who opens what"
    )]
    Unknown(String),
    #[error("`{0}` is no ordinary file, and is not replaced")]
    NotAFile(String),
    #[error("there is no {0}; make it with `keystone-cluster secrets edit` or `rotate`")]
    NoFile(String),

    #[error("cannot use the identity `{}`: {reason}", path.display())]
    Identity { path: PathBuf, reason: String },
    #[error("no identity is here; name yours with `-i FILE` (age identities, SSH keys, handles of plugins)")]
    NoIdentity,
    #[error("the plugin {plugin} did not do it: {reason}")]
    Plugin { plugin: String, reason: String },
    #[error("{}; name an identity that can with `-i FILE`, or let somebody do it who can", undecryptable(.0))]
    Undecryptable(Vec<(String, String)>),
    #[error(
        "{path} would not open for you any more, so nobody could tell whether it was written well; another admin has to do this"
    )]
    NotForCaller { path: String },
    #[error("{path} was encrypted and does not open again as it should: {reason}")]
    NotReopened { path: String, reason: String },
    #[error(
        "memory cannot be locked, so secrets could be swapped out to a disk: {0}; raise the limit (`ulimit -l`), or leave out `--require-mlock`"
    )]
    Mlock(String),
    #[error("the system has no random numbers")]
    Random,

    #[error("`{}` is being changed by somebody else", .0.display())]
    Busy(PathBuf),
    #[error("an earlier change was interrupted; `keystone-cluster secrets resume` brings it to its end")]
    Unfinished,
    #[error("{0} changed while this ran, so nothing was written; run it again")]
    Changed(String),
    #[error(
        "{path} is neither what it was before nor what it should become; put it back with `git checkout -- {path}`, then `keystone-cluster secrets resume`"
    )]
    Conflict { path: String },
    #[error("the journal `{}` is damaged: {reason}", path.display())]
    Journal { path: PathBuf, reason: String },
    #[error("cannot put {path} in its place: {source}; everything is as it was")]
    RolledBack { path: String, source: io::Error },
    #[error(
        "cannot put {path} in its place: {source}, nor the old files back: {again}; `keystone-cluster secrets resume` when that is possible"
    )]
    Stuck { path: String, source: io::Error, again: String },

    #[error("secrets/lock.json cannot be read: {0}; put it back with `git checkout -- secrets/lock.json`")]
    Lock(String),
    #[error(
        "the lock is not to be trusted: {0}; put it and its signature back with `git checkout`, or remove both and run `keystone-cluster secrets adopt`, which believes nothing of what they said"
    )]
    Distrusted(String),
    #[error("{} changed outside, and nobody vouches for what is in there; run `keystone-cluster secrets adopt` first", .0.join(", "))]
    Outside(Vec<String>),
    #[error("cannot sign with `{}`: {reason}", path.display())]
    Sign { path: PathBuf, reason: String },

    #[error("git: {0}")]
    Git(String),
    #[error(
        "this is a shallow clone: what a leaver could read is in the history that is not here; `git fetch --unshallow` first"
    )]
    Shallow,
    #[error("the history is not here ({0}), and without it nobody can tell what a leaver could read")]
    NoHistory(String),
    #[error(
        "none of the {0} secrets opens with this identity, so nothing was written; name another with `-i FILE`"
    )]
    NothingOpens(usize),
    #[error("the inventory has no person `{0}`, and its history neither")]
    Nobody(String),
    #[error("{0}")]
    Refused(String),
}

fn undecryptable(files: &[(String, String)]) -> String {
    let each: Vec<String> =
        files.iter().map(|(path, reason)| format!("{path} does not open: {reason}")).collect();
    each.join("; ")
}
