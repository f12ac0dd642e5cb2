//! The text itself.

use std::collections::BTreeMap;

use keystone_model::{Cluster, Name, Node, Pool, Provider, Role, Taint};
use serde::Serialize;

use crate::join_key::JoinKey;
use crate::{KEY_FILE, NODE_FILE};

/// User-data, under cloud-init's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserData {
    /// The host's name; of a pool's machine the cloud decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Nobody logs in with a password.
    pub ssh_pwauth: bool,
    /// Files to write before any command.
    pub write_files: Vec<WriteFile>,
    /// Commands, each a list of arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runcmd: Vec<Vec<String>>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriteFile {
    /// Where.
    pub path: String,
    /// Whose.
    pub owner: &'static str,
    /// Who may read it, in octal.
    pub permissions: &'static str,
    /// What is in it.
    pub content: String,
}

/// What a machine is: `/etc/keystone/node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFile<'a> {
    cluster: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a Name>,
    roles: Vec<Role>,
    labels: BTreeMap<&'a str, &'a str>,
    taints: &'a [Taint],
}

impl NodeFile<'_> {
    fn file(&self) -> WriteFile {
        WriteFile {
            path: NODE_FILE.to_owned(),
            owner: "root:root",
            permissions: "0644",
            // Strings and lists of strings: nothing in it can fail to be written.
            content: serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        }
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

impl UserData {
    /// For a rented server; with its key inside, if one is given.
    #[must_use]
    pub fn of_node(cluster: &Cluster, name: &Name, node: &Node, key: Option<&JoinKey>) -> Self {
        let file = NodeFile {
            cluster: &cluster.cluster.name,
            pool: None,
            roles: node.roles.clone(),
            labels: node.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            taints: &node.taints,
        };
        let mut write_files = vec![file.file()];
        write_files.extend(key.map(|key| WriteFile {
            path: KEY_FILE.to_owned(),
            owner: "root:root",
            permissions: "0600",
            content: format!("{}\n", key.reveal()),
        }));
        Self {
            hostname: Some(name.to_string()),
            ssh_pwauth: false,
            write_files,
            runcmd: vec![
                // cloud-init goes on after a failure, so this only says what to do; the client then fails by itself.
                // Path and message are arguments: the shell expands nothing in them.
                vec![
                    "sh".to_owned(),
                    "-c".to_owned(),
                    r#"test -s "$0" || echo "$1" >&2"#.to_owned(),
                    KEY_FILE.to_owned(),
                    format!(
                        "keystone: there is no join key in {KEY_FILE}; mint one with `keystone-cluster mesh enroll \
                         {name}` and deliver it beside this user-data"
                    ),
                ],
                // Tags come from the key: a client that asks for tags itself is refused by Headscale.
                vec![
                    "tailscale".to_owned(),
                    "up".to_owned(),
                    format!("--login-server={}", cluster.mesh.url),
                    format!("--auth-key=file:{KEY_FILE}"),
                    format!("--hostname={name}"),
                    "--accept-dns=true".to_owned(),
                    "--timeout=120s".to_owned(),
                ],
                // Also when the join failed: a key that was seen is minted anew.
                words(["rm", "-f", KEY_FILE]),
            ],
        }
    }

    /// For every machine of a pool. Nothing where a pool of a cloud has no place to prove what its machines are.
    #[must_use]
    pub fn of_pool(cluster: &Cluster, name: &Name, pool: &Pool) -> Option<Self> {
        let file = NodeFile {
            cluster: &cluster.cluster.name,
            pool: Some(name),
            roles: vec![pool.provider.role()],
            labels: pool.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            taints: &pool.taints,
        };
        let runcmd = match pool.provider {
            Provider::Aws => {
                let url = cluster.identity.join_url.as_ref()?;
                vec![words([
                    "keystone-join",
                    "--attest=aws-web-identity",
                    "--url",
                    url.as_str(),
                    "--pool",
                    name.as_str(),
                ])]
            }
            // The operator claims such a machine over its installer; it has nothing to do by itself.
            Provider::BareMetal => vec![],
        };
        Some(Self { hostname: None, ssh_pwauth: false, write_files: vec![file.file()], runcmd })
    }

    /// The text: cloud-init knows it by its first line.
    pub(crate) fn to_yaml(&self) -> Result<String, String> {
        let body = serde_saphyr::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("#cloud-config\n{body}"))
    }
}
