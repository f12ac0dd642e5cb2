//! What a custodian brings along itself.

use keystone_model::Cluster;

use super::OtherRoot;
use crate::certificate::{Certificate, Contents, Time};
use crate::group::{Group, Signing};

/// What a custodian agrees to at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How far a requester's clock may be off, in seconds, in either direction.
    pub clock_tolerance: i64,
    /// Most successors of an intermediate that are signed in advance.
    pub successors: u8,
    /// Days that a list of revoked certificates is good.
    pub list_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { clock_tolerance: 3600, successors: 3, list_days: 365 }
    }
}

/// What a custodian knows itself: nothing of it comes from a requester.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// Its copy of the inventory.
    pub cluster: &'v Cluster,
    /// The group that is to sign.
    pub group: &'v Group<Signing>,
    /// The root's generation, from 1.
    pub generation: u32,
    /// The root's certificate. There is none before it has signed it.
    pub root: Option<&'v Certificate>,
    /// Other generations whose key the custodian knows, from its own part in making them or from its record.
    pub others: &'v [OtherRoot],
    /// Number of the last list of revoked certificates.
    pub last_list: u64,
    /// What it agrees to.
    pub policy: Policy,
    /// Its clock.
    pub now: Time,
}

impl View<'_> {
    pub(super) fn root(&self) -> Option<&Contents> {
        self.root.map(Certificate::contents).filter(|contents| {
            contents.key == crate::certificate::PublicKey::Ed25519(*self.group.public_key())
        })
    }
}
