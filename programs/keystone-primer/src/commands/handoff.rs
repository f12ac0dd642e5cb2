//! `keystone-primer handoff`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use keystone_model::{Cluster, Role};
use serde_json::{Value, json};

use super::client::Client;
use super::{Said, lab_mark, verify_handoff};
use crate::ask::Asker;
use crate::cli::{Handoff, Members};
use crate::handoff::etcd::Etcd;
use crate::handoff::{Goal, Journal, Options, abort, run as hand_over};
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &Handoff) -> Result<Said, Refusal> {
    let cluster = verify_handoff::inventory(client, &arguments.members.repository)?;
    let goal = goal(&cluster);
    let etcd = members(&cluster, &arguments.members);
    let tell = |text: &str| eprintln!("handoff: {text}");
    let options =
        Options { etcd: &etcd, patience: Duration::from_secs(arguments.members.patience), tell: &tell };
    let mark = lab_mark(&json!({ "lab": client.config.lab() })).to_owned();
    if arguments.dry_run {
        return dry_run(client, &etcd, &goal, &mark);
    }
    if arguments.abort {
        let done = abort(client, &options)?;
        let json = json!({ "ok": true, "aborted": true, "steps": done });
        return Ok(Said::new(json, format!("{mark}{}The handoff was taken back.\n", lines(&done))));
    }
    let done = hand_over(client, &goal, &options)?;
    if !arguments.without_mesh {
        mesh(&goal)?;
    }
    Journal::new(goal.clone()).end(client)?;
    let json = json!({ "ok": true, "aborted": false, "steps": done, "members": goal.to, "mesh": !arguments.without_mesh });
    let text = format!(
        "{mark}{}etcd is led by the control plane, {}. Next: keystone-cluster health, then keystone-primer verify-handoff\n",
        lines(&done),
        goal.to.join(", ")
    );
    Ok(Said::new(json, text))
}

fn lines(done: &[String]) -> String {
    let mut text = String::new();
    for step in done {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {step}");
    }
    text
}

fn goal(cluster: &Cluster) -> Goal {
    let with = |role: Role| {
        let nodes = cluster.nodes.iter().filter(move |(_, node)| node.roles.contains(&role));
        nodes.map(|(name, _)| name.to_string()).collect()
    };
    Goal { from: with(Role::Primer), to: with(Role::ControlPlane) }
}

/// The members of etcd, as the command line says they are reached.
pub fn members(cluster: &Cluster, arguments: &Members) -> Etcd {
    let hosts: BTreeMap<String, String> = cluster
        .nodes
        .keys()
        .map(|node| (node.to_string(), cluster.mesh.base_domain.child(node).to_string()))
        .collect();
    let mut peers: BTreeMap<String, String> =
        hosts.iter().map(|(node, host)| (node.clone(), format!("https://{host}:2380"))).collect();
    peers.extend(arguments.peer.iter().cloned());
    Etcd { asker: Asker::new(&arguments.repository.trust, &arguments.pki, &arguments.at), hosts, peers }
}

fn dry_run(client: &Client, etcd: &Etcd, goal: &Goal, mark: &str) -> Result<Said, Refusal> {
    let nodes: Vec<String> = goal.to.iter().chain(&goal.from).cloned().collect();
    let survey = etcd.survey(&nodes)?;
    let next = survey.next(goal).map(|step| step.to_string()).ok();
    let under_way = Journal::load(client)?.is_some();
    let members: Vec<Value> = survey
        .members
        .iter()
        .map(|member| {
            let leads = Some(member.id) == survey.leader;
            json!({ "node": member.node, "learner": member.learner, "well": member.well, "leads": leads })
        })
        .collect();
    let mut text = mark.to_owned();
    for member in &survey.members {
        let leads = if Some(member.id) == survey.leader { ", leads" } else { "" };
        let votes = if member.learner { "learner" } else { "votes" };
        let well = if member.well { "well" } else { "not well" };
        let _ = writeln!(text, "  {:<16}{votes}, {well}{leads}", member.node);
    }
    let next_said = next.as_deref().unwrap_or("nothing, or nothing that is safe");
    let _ = writeln!(text, "Next: {next_said}. Nothing was done.");
    Ok(Said::new(json!({ "ok": true, "underWay": under_way, "members": members, "next": next }), text))
}

/// The coordinator has a command of its own, with a journal of its own.
fn mesh(goal: &Goal) -> Result<(), Refusal> {
    let Some(node) = goal.to.first() else { return Ok(()) };
    let again = format!("keystone-cluster mesh handoff {node}, then keystone-primer handoff --without-mesh");
    let status = Process::new(super::beside("keystone-cluster"))
        .args(["mesh", "handoff", node])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Refusal::new(format!("cannot run keystone-cluster: {error}")).fix(again.clone()))?;
    if status.success() {
        return Ok(());
    }
    Err(Refusal::new(format!("the mesh's coordinator did not move ({status}); etcd has been handed over"))
        .fix(again))
}
