//! Asking Headscale for a key: on this machine, or by SSH on the coordinator's.

use std::io;
use std::process::{Command, Stdio};

use age::secrecy::zeroize::Zeroizing;
use keystone_model::{Cluster, Name};

use super::error::EnrollError;
use super::expiration::Expiration;
use super::preauthkey::PreAuthKey;
use crate::cli::Enroll;

/// Where Headscale is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Headscale {
    Here,
    Over { destination: String },
}

impl Headscale {
    /// What the command line says, and otherwise root at the coordinator's name in the mesh.
    pub fn choose(arguments: &Enroll, cluster: &Cluster, host: &Name) -> Result<Self, EnrollError> {
        if arguments.local {
            return Ok(Self::Here);
        }
        if let Some(destination) = &arguments.via {
            return Ok(Self::Over { destination: destination.clone() });
        }
        let coordinator = &cluster.mesh.coordinator.node;
        if coordinator == host {
            return Err(EnrollError::Coordinator(host.to_string()));
        }
        Ok(Self::Over { destination: format!("root@{coordinator}.{}", cluster.mesh.base_domain) })
    }

    /// The command, word by word. Single-use and lasting nodes are what Headscale makes unless told otherwise; the time
    /// is always said, and so is the tag, without which a key belongs to a person.
    pub fn command(&self, tags: &[String], expiration: Expiration) -> Vec<String> {
        let ssh = ["ssh", "-o", "ConnectTimeout=10", "--"];
        let expiration = expiration.to_string();
        let tags = tags.join(",");
        let headscale = [
            "headscale",
            "preauthkeys",
            "create",
            "--tags",
            &tags,
            "--expiration",
            &expiration,
            "--output",
            "json",
        ];
        match self {
            Self::Here => headscale.map(str::to_owned).to_vec(),
            Self::Over { destination } => {
                ssh.into_iter().chain([destination.as_str()]).chain(headscale).map(str::to_owned).collect()
            }
        }
    }

    /// Has a key made.
    pub fn mint(&self, tags: &[String], expiration: Expiration) -> Result<PreAuthKey, EnrollError> {
        let command = self.command(tags, expiration);
        let (program, fix) = match self {
            Self::Here => ("headscale", "leave out `--local` to ask the coordinator by SSH"),
            Self::Over { .. } => ("ssh", "install OpenSSH, or run this on the coordinator with `--local`"),
        };
        let output =
            Command::new(program).args(&command[1..]).stdin(Stdio::null()).output().map_err(|source| {
                match source.kind() {
                    io::ErrorKind::NotFound => EnrollError::NoProgram { program, fix },
                    _ => EnrollError::Run { program, source },
                }
            })?;
        let answer = Zeroizing::new(output.stdout);
        let place = self.place();
        if output.status.success() {
            return PreAuthKey::parse(&answer).map_err(|reason| EnrollError::Answer { place, reason });
        }
        let said = last_words(&String::from_utf8_lossy(&output.stderr));
        Err(match (self, output.status.code()) {
            // 255 is ssh's own; every other is that of the command there (ssh(1)).
            (Self::Over { .. }, Some(255)) => EnrollError::Unreachable { place, said },
            (Self::Over { .. }, Some(127)) => EnrollError::NoHeadscale { place, said },
            _ if said.starts_with("connecting to headscale") => EnrollError::NotCoordinator { place, said },
            _ => EnrollError::Headscale { place, said },
        })
    }

    fn place(&self) -> String {
        match self {
            Self::Here => "this machine".to_owned(),
            Self::Over { destination } => format!("`{destination}`"),
        }
    }
}

/// What a program said last: Headscale's `error`, which comes as JSON over several lines when JSON is asked for, or else
/// the last line. Escape codes of terminals are dropped, as another machine wrote this.
pub fn last_words(stderr: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Answer {
        error: String,
    }
    let from_json = stderr
        .find('{')
        .and_then(|start| serde_json::Deserializer::from_str(&stderr[start..]).into_iter::<Answer>().next())
        .and_then(Result::ok)
        .map(|answer| answer.error);
    let line = from_json
        .or_else(|| stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned))
        .unwrap_or_else(|| "it ended without a word".to_owned());
    let line: String = line.chars().filter(|c| !c.is_control()).take(600).collect();
    line.strip_prefix("Error: ").unwrap_or(&line).trim_end_matches('.').to_owned()
}
