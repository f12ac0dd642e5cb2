//! User-data for cloud-init: how machines of clouds and rented servers join.

mod join_key;
mod read;
mod user_data;

pub use join_key::{JoinKey, JoinKeyError};
pub use read::{MAX_BYTES, Refusal, read_node, read_shared};
pub use user_data::{NodeFile, UserData, WriteFile};

use keystone_generator::{Artifact, Generator};
use keystone_model::{Cluster, Name, Trust};
use thiserror::Error;

/// Where a rented server finds its single-use key.
pub const KEY_FILE: &str = "/etc/keystone/join-key";
/// Where the kubelet's unit finds what the machine is: roles, labels, taints.
pub const NODE_FILE: &str = "/etc/keystone/node.json";

/// The generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct CloudInit;

/// Why there is no user-data.
#[derive(Debug, Error)]
pub enum Error {
    /// A machine of a cloud pool has nowhere to prove itself.
    #[error("the pool `{0}` needs `identity.joinUrl`")]
    NoJoinUrl(Name),
    /// A node that is not installed by cloud-init, or a pool, whose machines share one text.
    #[error(
        "`{0}` is no node with `cloudInit = true`; a key belongs to one machine, so pools and other nodes have none"
    )]
    NoSuchNode(Name),
    /// The text cannot be written.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// Its path below the output folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// cloud-init or the cloud would refuse the text, or it gives a secret away.
    #[error("`{path}` {refusal}")]
    Refused {
        /// Its path below the output folder.
        path: String,
        /// Why.
        refusal: Refusal,
    },
}

impl Generator for CloudInit {
    const NAME: &'static str = "keystone-gen-cloud-init";
    const ABOUT: &'static str = "Renders the user-data with which machines of clouds and rented servers join";
    type Error = Error;

    fn render(&self, cluster: &Cluster, _: &Trust) -> Result<Vec<Artifact>, Error> {
        let mut artifacts = Vec::new();
        for (name, node) in cluster.nodes.iter().filter(|(_, node)| node.cloud_init) {
            let path = format!("nodes/{name}/user-data.yaml");
            let text = write(&path, &UserData::of_node(cluster, name, node, None))?;
            artifacts.push(Artifact::new(path, text));
        }
        for (name, pool) in &cluster.pools {
            let path = format!("pools/{name}/user-data.yaml");
            let data =
                UserData::of_pool(cluster, name, pool).ok_or_else(|| Error::NoJoinUrl(name.clone()))?;
            let text = write(&path, &data)?;
            artifacts.push(Artifact::new(path, text));
        }
        artifacts.sort();
        Ok(artifacts)
    }

    fn verify(&self, artifacts: &[Artifact]) -> Result<(), Error> {
        for artifact in artifacts {
            let read = if artifact.path.starts_with("pools/") { read_shared } else { read_node };
            read(&artifact.contents)
                .map_err(|refusal| Error::Refused { path: artifact.path.clone(), refusal })?;
        }
        Ok(())
    }
}

/// The user-data of one node with its single-use key inside.
///
/// # Errors
/// When the node is not installed by cloud-init, or the text does not fit.
pub fn with_key(cluster: &Cluster, name: &Name, key: &JoinKey) -> Result<String, Error> {
    let node = cluster
        .nodes
        .get(name)
        .filter(|node| node.cloud_init)
        .ok_or_else(|| Error::NoSuchNode(name.clone()))?;
    let path = format!("nodes/{name}/user-data.yaml");
    let text = write(&path, &UserData::of_node(cluster, name, node, Some(key)))?;
    read_node(&text).map_err(|refusal| Error::Refused { path, refusal })?;
    Ok(text)
}

fn write(path: &str, data: &UserData) -> Result<String, Error> {
    data.to_yaml().map_err(|reason| Error::Write { path: path.to_owned(), reason })
}
