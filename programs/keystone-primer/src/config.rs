//! `/etc/keystone/primer.json`, which the module writes, and every lab has its own of.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Where the module writes it.
pub const DEFAULT: &str = "/etc/keystone/primer.json";
/// Names another file.
pub const VARIABLE: &str = "KEYSTONE_PRIMER_CONFIG";

/// What a primer is told by its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Version of this file.
    pub schema: u32,
    /// This primer's name.
    pub node: String,
    /// What it is in ceremonies.
    pub role: String,
    /// The port on which it listens.
    pub port: u16,
    /// The cluster's name.
    pub cluster: String,
    /// Every primer as `host:port`, this one included. The first label of the host is its name; where it is not,
    /// `name=host:port`.
    pub peers: Vec<String>,
    /// The state folder.
    pub key_storage: PathBuf,
    /// How many primers a quorum needs.
    pub quorum_size: u16,
    /// File that receives the recipient of backups.
    #[serde(default)]
    pub backup_recipient: Option<PathBuf>,
    /// The cluster's inventory, from which a custodian rebuilds what it signs.
    #[serde(default)]
    pub inventory: Option<PathBuf>,
    /// Address to listen on instead of the mesh's.
    #[serde(default)]
    pub listen: Option<String>,
    /// File of the lab's key, and with it the mark that nothing here is to be trusted.
    #[serde(default)]
    pub lab_key: Option<PathBuf>,
    /// What is approved without a person.
    #[serde(default)]
    pub policy: Option<PathBuf>,
    /// The other primers are reached by files that people carry, and by nothing else.
    #[serde(default)]
    pub air_gapped: bool,
}

impl Config {
    /// Reads it from where the command line says, the environment, or the usual place.
    pub fn load(path: Option<&Path>) -> Result<Self, Refusal> {
        let path = path
            .map(Path::to_owned)
            .or_else(|| env::var_os(VARIABLE).map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(DEFAULT));
        let text = fs::read_to_string(&path).map_err(|error| {
            Refusal::file("read", &path, &error).fix(format!(
                "on a primer the NixOS module writes {DEFAULT}; elsewhere name the file: --config FILE"
            ))
        })?;
        let config: Self = serde_json::from_str(&text).map_err(|error| {
            Refusal::new(format!("`{}` is no configuration of a primer: {error}", path.display()))
        })?;
        config.check().map_err(|reason| Refusal::new(format!("`{}` {reason}", path.display())))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("is of version {}, and this program knows 1", self.schema));
        }
        let n = self.peers.len();
        if !(3..=15).contains(&n) || n.is_multiple_of(2) {
            return Err(format!(
                "names {n} primers; an odd number from 3 to 15 is needed, as a quorum is more than half of them"
            ));
        }
        let k = usize::from(self.quorum_size);
        if k * 2 <= n || k >= n {
            return Err(format!(
                "wants {k} of {n} primers for a quorum; it takes more than half, or two quorums could sign different \
                 things, and fewer than all, or one lost primer loses the key"
            ));
        }
        for peer in &self.peers {
            if peer
                .rsplit_once(':')
                .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
            {
                return Err(format!("names the peer `{peer}`, which is no `host:port`"));
            }
        }
        if self.peer_names().iter().all(|name| *name != self.node) {
            return Err(format!("does not name `{}` among its peers", self.node));
        }
        Ok(())
    }

    /// Names of all primers, in order of the list.
    #[must_use]
    pub fn peer_names(&self) -> Vec<String> {
        self.peers.iter().map(|peer| name_of(peer).to_owned()).collect()
    }

    /// Where the primer of that name answers.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<&str> {
        self.peers.iter().find(|peer| name_of(peer) == name).map(|peer| address_of(peer))
    }

    /// Whether nothing here is to be trusted.
    #[must_use]
    pub const fn lab(&self) -> bool {
        self.lab_key.is_some()
    }

    /// Where to listen: in the mesh only, if there is one.
    #[must_use]
    pub fn listen(&self) -> String {
        self.listen.clone().unwrap_or_else(|| match env::var("KEYSTONE_MESH_IP") {
            Ok(address) => format!("{address}:{}", self.port),
            Err(_) => format!("[::]:{}", self.port),
        })
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.key_storage.join("control.sock")
    }
}

fn address_of(peer: &str) -> &str {
    peer.split_once('=').map_or(peer, |(_, address)| address)
}

fn name_of(peer: &str) -> &str {
    if let Some((name, _)) = peer.split_once('=') {
        return name;
    }
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    host.split('.').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(peers: &[&str], quorum_size: u16) -> Config {
        Config {
            schema: 1,
            node: "primer-1".to_owned(),
            role: "primer".to_owned(),
            port: 6443,
            cluster: "production".to_owned(),
            peers: peers.iter().map(|&peer| peer.to_owned()).collect(),
            key_storage: "/secure/keys".into(),
            quorum_size,
            backup_recipient: None,
            inventory: None,
            listen: None,
            lab_key: None,
            policy: None,
            air_gapped: false,
        }
    }

    #[test]
    fn the_file_of_the_module_is_read() {
        let text = r#"{"airGapped":false,"backupRecipient":"/secure/backup.key","cluster":"production","inventory":"/etc/keystone/cluster.json","keyStorage":"/secure/keys","node":"primer-1","peers":["primer-1.internal:6443","primer-2.internal:6443","primer-3.internal:6443"],"policy":"/etc/keystone/primer-policy.json","port":6443,"quorumSize":2,"role":"primer","schema":1}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        config.check().unwrap();
        assert_eq!(config.peer_names(), ["primer-1", "primer-2", "primer-3"]);
        assert_eq!(config.endpoint("primer-2"), Some("primer-2.internal:6443"));
        assert_eq!(config.inventory.as_deref(), Some(Path::new("/etc/keystone/cluster.json")));
        assert_eq!(config.backup_recipient.as_deref(), Some(Path::new("/secure/backup.key")));
        assert_eq!((config.quorum_size, config.key_storage.as_path()), (2, Path::new("/secure/keys")));
        assert!(!config.lab() && !config.air_gapped);
        assert_eq!(config.policy.as_deref(), Some(Path::new("/etc/keystone/primer-policy.json")));
        let alone = text.replace("\"/etc/keystone/cluster.json\"", "null");
        assert_eq!(serde_json::from_str::<Config>(&alone).unwrap().inventory, None);
    }

    #[test]
    fn quorums_that_fork_or_that_lose_the_key_are_refused() {
        let three = ["primer-1:1", "primer-2:1", "primer-3:1"];
        let cases = [
            (config(&three, 1), "wants 1 of 3 primers"),
            (config(&three, 3), "wants 3 of 3 primers"),
            (config(&three[..2], 1), "names 2 primers; an odd number from 3 to 15"),
            (config(&["primer-2:1", "primer-3:1", "primer-4:1"], 2), "does not name `primer-1`"),
            (
                config(&["primer-1", "primer-2:1", "primer-3:1"], 2),
                "names the peer `primer-1`, which is no `host:port`",
            ),
        ];
        for (config, expected) in cases {
            let error = config.check().unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
