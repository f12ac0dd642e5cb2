//! Why the coordinator was not moved, or not wholly.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::plan::{Kind, Step};

#[derive(Debug, Error)]
pub enum HandoffError {
    #[error(
        "`{node}` cannot be the coordinator: only primers and control-plane nodes with an endpoint can, which are {candidates}"
    )]
    NotCandidate { node: String, candidates: String },
    #[error("`--local` is for the candidates themselves, and this machine is none: {0}")]
    NotLocal(String),
    #[error("neither XDG_STATE_HOME nor HOME is set; name the journal with `--journal FILE`")]
    NoHome,
    #[error("cannot write the journal `{}`: {source}", path.display())]
    Journal { path: PathBuf, source: io::Error },
    #[error("the journal `{}` is damaged in line {line}: {reason}; `keystone-cluster mesh status` shows how far it came, and without this file the same command goes on from there", path.display())]
    DamagedJournal { path: PathBuf, line: usize, reason: String },
    #[error("another run is writing the journal `{}`; wait for it to end", .0.display())]
    Busy(PathBuf),
    #[error("a {kind} to {to} is under way (`{}`); finish it with the same command, or take it back with `keystone-cluster mesh handoff {to} --abort`", path.display())]
    OtherUnderWay { kind: Kind, to: String, path: PathBuf },
    #[error(
        "{from} gave up being the coordinator for {to} and that is not finished; run `keystone-cluster mesh handoff {to}`, or take it back with `--abort`"
    )]
    FencedForOther { from: String, to: String },
    #[error(
        "no candidate is the coordinator ({seen}); if it is lost, `keystone-cluster mesh takeover {to}` makes {to} the coordinator with what it has"
    )]
    NoCoordinator { seen: String, to: String },
    #[error("{} are both coordinators; the one of the lower generation gives way as soon as it reaches another candidate: wait for that, or stop it", .0.join(" and "))]
    TwoCoordinators(Vec<String>),
    #[error("the coordinator is {found}, and `--from` says {expected}")]
    OtherCoordinator { found: String, expected: String },
    #[error("{node} does not answer: {reason}")]
    Silent { node: String, reason: String },
    #[error("{to} cannot follow {from}: {what} differ; deploy the same configuration to both first")]
    Different { from: String, to: String, what: &'static str },
    #[error(
        "{to} has no copy of what {from} has (generation {generation}); look at `journalctl -u keystone-coordinator-standby` there"
    )]
    NoCopy { to: String, from: String, generation: u64 },
    #[error(
        "{coordinator} is the coordinator and answers; move it with `keystone-cluster mesh handoff {to}`, which loses nothing"
    )]
    Alive { coordinator: String, to: String },
    #[error(
        "{better} has more of what the coordinator wrote than {to} (transaction {has} against {lacks}); take over there"
    )]
    Better { better: String, to: String, has: String, lacks: String },
    #[error("{to} has heard of no coordinator, so it has nothing to take over")]
    NothingToTake { to: String },
    #[error("cannot run `{program}`: {reason}")]
    Program { program: String, reason: String },
    #[error("cannot reach {node} by SSH: {said}")]
    Unreachable { node: String, said: String },
    #[error("{said}")]
    Refused { said: String },
    #[error("{node} answered something unexpected: {reason}; is it deployed with this version?")]
    Answer { node: String, reason: String },
    #[error("what {to} received is not what {from} had: {what}")]
    Mismatch { from: String, to: String, what: String },
    #[error(
        "{to} answers with the key {found}, and clients know {expected}; stop it (`systemctl stop headscale`) and look at secrets/headscale-noise.age"
    )]
    OtherKey { to: String, found: String, expected: String },
    #[error(
        "{to} has its lease already, so there is no way back but another handoff; run the same command without `--abort` to finish"
    )]
    TooLate { to: String },
    #[error("nothing can be taken back: {0}")]
    NothingToAbort(String),
    #[error("step `{step}` failed: {source}\n{hint}")]
    Step { step: Step, source: Box<HandoffError>, hint: String },
}
