//! The transfer of leadership: the control plane joins the primers' etcd as learners, votes, leads, and the primers leave.
//!
//! etcd does the consensus; here is only the order of the steps. Which one comes next follows from who is a member now and
//! from nothing that was remembered, so it does not matter where an earlier run ended. The journal holds the intention, and
//! what has to be known to take it back.

pub(crate) mod etcd;
mod execute;
mod journal;
mod plan;

pub(crate) use execute::{Options, abort, run};
pub(crate) use journal::Journal;
pub use plan::{Goal, Member, Step, Stop, Survey};
