//! Why a host was not enrolled. No message holds the key.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::expiration::Expiration;

#[derive(Debug, Error)]
pub enum EnrollError {
    #[error("the inventory has no node `{host}`; {fix}")]
    UnknownHost { host: String, fix: String },
    #[error(
        "`{host}` belongs to the pool `{pool}`; the inventory holds no age key of machines that come and go, so no file can be encrypted to one"
    )]
    Pool { host: String, pool: String },
    #[error(
        "`{0}` is where Headscale starts, and it makes its own key; if another machine is the coordinator by now, name it with `--via USER@HOST`"
    )]
    Coordinator(String),
    #[error("`{}` exists; if `{host}` has joined, no key is needed, and if not, its key was used or is too old: replace it with `--replace`", path.display())]
    Exists { path: PathBuf, host: String },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("there is no folder `{}`; run this where the cluster's flake.nix lies, or name the folder with `--secrets DIR`", .0.display())]
    NoFolder(PathBuf),
    #[error("there is no program `{program}` here; {fix}")]
    NoProgram { program: &'static str, fix: &'static str },
    #[error("cannot run `{program}`: {source}")]
    Run { program: &'static str, source: io::Error },
    #[error(
        "cannot reach {place} by SSH: {said}; name another way to the coordinator with `--via USER@HOST`, or run this on it with `--local`"
    )]
    Unreachable { place: String, said: String },
    #[error(
        "there is no `headscale` on {place}: {said}; only machines that may be the coordinator have it, which are primers and control-plane nodes"
    )]
    NoHeadscale { place: String, said: String },
    #[error(
        "Headscale does not answer on {place}: {said}; if another machine is the coordinator by now, name it with `--via USER@HOST`"
    )]
    NotCoordinator { place: String, said: String },
    #[error("Headscale on {place} made no key: {said}")]
    Headscale { place: String, said: String },
    #[error("Headscale on {place} answered something that holds no key: {reason}")]
    Answer { place: String, reason: String },
    #[error("a key was made, and could not be kept: {reason}; nobody has it, and it ends in {expiration}{}", by_hand(.id.as_deref()))]
    Unwritten { reason: String, id: Option<String>, expiration: Expiration },
}

fn by_hand(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (at once with `headscale preauthkeys expire --id {id}`)"))
}
