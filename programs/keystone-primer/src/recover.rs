//! A new etcd cluster from what one member still has, when those that are lost took the quorum with them.
//!
//! The new cluster has a number of its own, which follows from its token and its members: a member of the old one that comes
//! back is a stranger to it. Nothing of the old one is changed or removed; each new member begins in a folder beside the old.

mod execute;
mod journal;
mod look;
mod make;

pub(crate) use execute::{Options, abort, look, run};
pub(crate) use journal::Journal;
pub(crate) use make::Access;
