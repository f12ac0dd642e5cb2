//! The candidates, and how each is told to do something: by SSH in the mesh, or here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use keystone_model::{Cluster, Role};
use serde::de::DeserializeOwned;

use super::error::HandoffError;
use crate::coordinator::settings::{self, Settings};
use crate::enroll::last_words;

/// A machine that may be the coordinator.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where SSH finds it.
    pub destination: String,
}

#[derive(Debug)]
pub struct Hosts {
    pub candidates: BTreeMap<String, Candidate>,
    /// The one that this machine is.
    local: Option<String>,
}

impl Hosts {
    pub fn new(cluster: &Cluster, local: bool) -> Result<Self, HandoffError> {
        let candidates = cluster
            .nodes
            .iter()
            .filter(|(_, node)| node.roles.iter().any(|role| Role::RELAY_HOSTS.contains(role)))
            .filter_map(|(name, node)| {
                let destination = format!("root@{name}.{}", cluster.mesh.base_domain);
                node.endpoint.as_ref()?;
                Some((name.to_string(), Candidate { destination }))
            })
            .collect();
        let local = if local {
            let settings = Settings::read(Path::new(settings::PATH))
                .map_err(|error| HandoffError::NotLocal(error.to_string()))?;
            Some(settings.node)
        } else {
            None
        };
        Ok(Self { candidates, local })
    }

    /// The candidate, or why it is none.
    pub fn candidate(&self, node: &str) -> Result<&Candidate, HandoffError> {
        self.candidates.get(node).ok_or_else(|| HandoffError::NotCandidate {
            node: node.to_owned(),
            candidates: self.names().join(", "),
        })
    }

    pub fn names(&self) -> Vec<&str> {
        self.candidates.keys().map(String::as_str).collect()
    }

    /// The command, word by word.
    pub fn command(&self, node: &str, verb: &[&str]) -> Vec<String> {
        let told = ["keystone-cluster", "mesh", "coordinator"].into_iter().chain(verb.iter().copied());
        if self.local.as_deref() == Some(node) {
            return told.map(str::to_owned).collect();
        }
        let destination = self.candidates.get(node).map_or(node, |candidate| &candidate.destination);
        ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--", destination]
            .into_iter()
            .chain(told)
            .map(str::to_owned)
            .collect()
    }

    /// Has a node do something, and reads what it answers.
    pub fn tell<T: DeserializeOwned>(&self, node: &str, verb: &[&str]) -> Result<T, HandoffError> {
        let command = self.command(node, verb);
        let output = spawn(&command)?;
        let said = || last_words(&String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(0) => serde_json::from_slice(&output.stdout)
                .map_err(|error| HandoffError::Answer { node: node.to_owned(), reason: error.to_string() }),
            // ssh's own; every other is that of the command there (ssh(1)).
            Some(255) => Err(HandoffError::Unreachable { node: node.to_owned(), said: said() }),
            Some(127) => Err(HandoffError::Answer { node: node.to_owned(), reason: said() }),
            _ => {
                let said = said();
                let said = said.strip_prefix("error: ").unwrap_or(&said).to_owned();
                Err(HandoffError::Refused { said })
            }
        }
    }
}

fn spawn(command: &[String]) -> Result<Output, HandoffError> {
    let program = command.first().map_or("", String::as_str);
    Command::new(program)
        .args(&command[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| HandoffError::Program { program: program.to_owned(), reason: error.to_string() })
}
