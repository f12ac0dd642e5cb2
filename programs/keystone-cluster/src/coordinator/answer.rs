//! What the verbs answer, as one JSON document each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lease::{Fenced, Lease};

/// How a candidate stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub node: String,
    /// Its own lease: it is the coordinator.
    pub lease: Option<Lease>,
    /// A lease on its way to another node.
    pub fenced: Option<Fenced>,
    /// The highest lease that it has heard of.
    pub known: Option<Lease>,
    /// Whether Headscale runs here.
    pub serving: bool,
    /// Headscale's version, as it says it.
    pub headscale: Option<String>,
    /// SHA-256 of Headscale's key, by which clients know it: two candidates must have the same.
    pub noise: Option<String>,
    /// Its public half as this node's own server tells it, where it serves.
    pub key: Option<String>,
    /// SHA-256 of the policy.
    pub policy: Option<String>,
    /// The last transaction in this coordinator's own log.
    pub log: Option<String>,
    /// What this standby has of a coordinator's log.
    pub replica: Option<Replica>,
}

/// A standby's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// Whose state it is.
    pub of: Lease,
    /// The last transaction in it.
    pub txid: String,
    /// Seconds since a transaction came in.
    pub seconds: u64,
}

/// What a database holds, to compare two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// SHA-256 of the schema and of every row.
    pub digest: String,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
}

/// The coordinator's state, after it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The last transaction in the log.
    pub txid: String,
    #[serde(flatten)]
    pub contents: Contents,
}

/// A coordinator that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The public key of the protocol, as clients fetch it.
    pub key: String,
}

/// A verb that leaves nothing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub done: bool,
}

/// What a check of the lease found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub known: Option<Lease>,
    /// Whether this node may serve.
    pub may_serve: bool,
}
