//! etcd's own answers, over its JSON gateway.

use std::collections::BTreeMap;
use std::thread;

use serde::Deserialize;
use serde_json::{Value, json};

use super::plan::{Member, Survey};
use crate::ask::{Anchor, Asker, Fault};
use crate::refusal::Refusal;

const PORT: u16 = 2379;
const LEAVES: [&str; 2] = ["etcd", "apiserver-etcd"];

/// The members of one cluster, asked with this machine's certificate.
pub struct Etcd {
    /// Who asks.
    pub asker: Asker,
    /// Names in the mesh by node.
    pub hosts: BTreeMap<String, String>,
    /// Peer URLs by node, of those that join.
    pub peers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Listed {
    members: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_learner: bool,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    leader: String,
    #[serde(default)]
    errors: Vec<String>,
}

impl Etcd {
    /// One question to one member.
    pub fn ask(&self, node: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let host = self.hosts.get(node).ok_or_else(|| Fault::Wrong(format!("{node} is no node")))?;
        let question = ("POST", path, &*body.to_string());
        let answer = self.asker.ask((host, PORT), Anchor::Bundle("etcd"), &LEAVES, question)?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if answer.status == 200 {
            return Ok(said);
        }
        let why =
            said["message"].as_str().or_else(|| said["error"].as_str()).unwrap_or("it says nothing more");
        Err(Fault::Wrong(format!("{node} answers {path} with status {}: {why}", answer.status)))
    }

    /// One question to whichever of these answers first.
    fn ask_any(&self, nodes: &[String], path: &str, body: &Value) -> Result<Value, Refusal> {
        let mut why = Vec::new();
        for node in nodes {
            match self.ask(node, path, body) {
                Ok(answer) => return Ok(answer),
                // Somebody decided: others would say the same. A learner decides nothing.
                Err(Fault::Wrong(reason))
                    if reason.contains("with status") && !reason.contains("not supported for learner") =>
                {
                    return Err(Refusal::new(reason));
                }
                Err(Fault::Wrong(reason) | Fault::Unseen(reason)) => why.push(format!("{node}: {reason}")),
            }
        }
        Err(Refusal::new(format!("no member of etcd answers: {}", why.join("; ")))
            .fix("keystone-cluster health, on a node of the control plane"))
    }

    /// Who is a member, how each is, and who leads.
    pub fn survey(&self, nodes: &[String]) -> Result<Survey, Refusal> {
        let listed = self.ask_any(nodes, "/v3/cluster/member/list", &json!({}))?;
        let Listed { members } = serde_json::from_value(listed)
            .map_err(|error| Refusal::new(format!("the list of members cannot be read: {error}")))?;
        let rows: Vec<(u64, Row)> =
            members.into_iter().filter_map(|row| Some((row.id.parse().ok()?, row))).collect();
        let states: Vec<(String, Option<Status>)> = thread::scope(|scope| {
            let asked: Vec<_> = rows
                .iter()
                .map(|(_, row)| {
                    let node = self.node_of(row);
                    scope.spawn(move || {
                        let status = self.ask(&node, "/v3/maintenance/status", &json!({})).ok();
                        (node, status.and_then(|status| serde_json::from_value(status).ok()))
                    })
                })
                .collect();
            asked.into_iter().filter_map(|one| one.join().ok()).collect()
        });
        let leader = states
            .iter()
            .filter_map(|(_, status)| status.as_ref()?.leader.parse().ok())
            .find(|leader| *leader != 0);
        let members = rows
            .iter()
            .zip(&states)
            .map(|((id, row), (node, status))| Member {
                id: *id,
                node: node.clone(),
                learner: row.is_learner,
                well: status.as_ref().is_some_and(|status| status.errors.is_empty() && status.leader != "0"),
            })
            .collect();
        Ok(Survey { members, leader })
    }

    /// One that has not started has no name yet, and is known by the URL under which it was added.
    fn node_of(&self, row: &Row) -> String {
        if !row.name.is_empty() {
            return row.name.clone();
        }
        let joined = self.peers.iter().find(|(_, url)| row.peer_urls.contains(url));
        joined.map_or_else(|| row.peer_urls.join(","), |(node, _)| node.clone())
    }

    /// Makes a node a learner.
    ///
    /// # Errors
    /// As of every change: what etcd refuses now, it may allow a moment later. It wants some seconds between two changes,
    /// and makes the number of a member from its URL and the second (`computeMemberID` of its membership), so that who left
    /// and comes back within one second is "not found".
    pub fn add(&self, nodes: &[String], node: &str) -> Result<(), Refusal> {
        let url = self.peers.get(node).ok_or_else(|| Refusal::new(format!("{node} has no peer URL")))?;
        let body = json!({ "peerURLs": [url], "isLearner": true });
        self.ask_any(nodes, "/v3/cluster/member/add", &body).map(drop)
    }

    /// Lets a learner vote.
    ///
    /// # Errors
    /// As for `add`; and while it does not have everything.
    pub fn promote(&self, nodes: &[String], id: u64) -> Result<(), Refusal> {
        self.ask_any(nodes, "/v3/cluster/member/promote", &json!({ "ID": id.to_string() })).map(drop)
    }

    /// Takes a member out. It is asked last itself: it stops before it answers.
    ///
    /// # Errors
    /// As for `add`.
    pub fn remove(&self, nodes: &[String], node: &str, id: u64) -> Result<(), Refusal> {
        let (itself, mut others): (Vec<_>, Vec<_>) = nodes.iter().cloned().partition(|one| one == node);
        others.extend(itself);
        self.ask_any(&others, "/v3/cluster/member/remove", &json!({ "ID": id.to_string() })).map(drop)
    }

    /// Lets another lead: only the leader itself can be asked for that.
    pub fn lead(&self, leader: &str, next: u64) -> Result<(), Refusal> {
        let body = json!({ "targetID": next.to_string() });
        match self.ask(leader, "/v3/maintenance/transfer-leadership", &body) {
            Ok(_) => Ok(()),
            Err(Fault::Wrong(why) | Fault::Unseen(why)) => {
                Err(Refusal::new(format!("{leader} does not give up the lead: {why}")))
            }
        }
    }
}
