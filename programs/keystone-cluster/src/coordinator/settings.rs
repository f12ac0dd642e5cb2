//! Where a node has what, as modules/mesh/standby.nix writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::CoordinatorError;

/// Where it lies on a node.
pub const PATH: &str = "/etc/keystone/coordinator.json";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// This node's name in the inventory.
    pub node: String,
    /// The coordinator's URL.
    pub url: String,
    /// Host of the URL.
    pub host: String,
    /// Port on which a candidate listens.
    pub port: u16,
    /// Folder with the lease.
    pub state: PathBuf,
    /// Folder that other candidates read: what is known, and the log.
    pub shared: PathBuf,
    /// Folder with the copy of another coordinator's state.
    pub standby: PathBuf,
    /// Headscale's database.
    pub database: PathBuf,
    /// Headscale's key.
    pub noise: PathBuf,
    /// Headscale's policy.
    pub policy: PathBuf,
    /// Held by whichever verb changes something.
    pub lock: PathBuf,
    /// This node's own SSH key, with which it asks others.
    pub identity: PathBuf,
    /// The account that answers such questions.
    pub account: String,
    /// The other candidates.
    pub peers: BTreeMap<String, Peer>,
}

/// Another candidate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Peer {
    /// Its name in the mesh.
    pub mesh_name: String,
    /// Its address outside the mesh.
    pub endpoint: String,
    /// Its SSH host key.
    pub host_key: String,
}

impl Settings {
    pub fn read(path: &Path) -> Result<Self, CoordinatorError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CoordinatorError::Settings { path: path.to_owned(), source })?;
        serde_json::from_str(&text).map_err(|error| CoordinatorError::BadSettings {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    pub fn lease(&self) -> PathBuf {
        self.state.join("lease")
    }

    pub fn fenced(&self) -> PathBuf {
        self.state.join("fenced")
    }

    pub fn received(&self) -> PathBuf {
        self.state.join("received.sqlite")
    }

    pub fn known(&self) -> PathBuf {
        self.shared.join("known")
    }

    pub fn log(&self) -> PathBuf {
        self.shared.join("log")
    }

    /// A place for the copy of what a coordinator had under one lease. Another lease is another log, and starts afresh.
    pub fn replica(&self, holder: &str, generation: u64, slot: &str) -> PathBuf {
        self.standby.join(format!("{holder}-{generation}")).join(slot).join("db.sqlite")
    }
}
