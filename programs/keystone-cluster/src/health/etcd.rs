//! Members of etcd: each says that it is well, they are the ones that the inventory names, and all follow one leader.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use keystone_model::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use keystone_primer::ask::{Anchor, Fault};

use super::View;
use super::report::{Area, Point, State};

const PORT: u16 = 2379;
/// Certificates of a node by which members let it ask.
const LEAVES: [&str; 2] = ["etcd", "apiserver-etcd"];
const ASK_THERE: &str = "run it on a node of the control plane";

#[derive(Debug, Deserialize)]
struct Health {
    health: String,
    #[serde(default)]
    reason: String,
}

/// Numbers come as text: JSON has none of 64 bits.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    version: String,
    #[serde(default)]
    leader: String,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    is_learner: bool,
    header: Header,
}

#[derive(Debug, Deserialize)]
struct Header {
    member_id: String,
}

#[derive(Debug, Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_learner: bool,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

/// What one member says.
struct Seen {
    status: Status,
    members: Vec<Member>,
}

pub fn look(view: &View) -> Area {
    let nodes = view.control_plane();
    let answers: BTreeMap<&Name, Result<Seen, Fault>> = thread::scope(|scope| {
        let asked: Vec<_> = nodes.iter().map(|node| (*node, scope.spawn(move || ask(view, node)))).collect();
        asked.into_iter().filter_map(|(node, one)| Some((node, one.join().ok()?))).collect()
    });
    let mut points: Vec<Point> = answers.iter().map(|(node, answer)| member(node, answer)).collect();
    let seen: Vec<&Seen> = answers.values().filter_map(|answer| answer.as_ref().ok()).collect();
    if let Some(first) = seen.iter().find(|one| !one.members.is_empty()) {
        points.push(leader(&seen));
        points.extend(membership(&nodes, &first.members));
        points.push(quorum(&points, &answers, &first.members));
    }
    Area::new("etcd", points)
}

fn ask(view: &View, node: &Name) -> Result<Seen, Fault> {
    let status: Status = question(view, node, ("POST", "/v3/maintenance/status", "{}"))?;
    // A learner answers nothing else.
    if status.is_learner {
        return Ok(Seen { status, members: Vec::new() });
    }
    let health: Health = question(view, node, ("GET", "/health", ""))?;
    if health.health != "true" {
        return Err(Fault::Wrong(format!("it says of itself that it is not well: {}", health.reason)));
    }
    let Members { members } = question(view, node, ("POST", "/v3/cluster/member/list", "{}"))?;
    Ok(Seen { status, members })
}

fn question<T: DeserializeOwned>(view: &View, node: &Name, question: (&str, &str, &str)) -> Result<T, Fault> {
    let host = view.mesh_name(node);
    let answer = view.asker.ask((&host, PORT), Anchor::Bundle("etcd"), &LEAVES, question)?;
    // A member that is not well says so with 503 and the same form.
    serde_json::from_str(&answer.body).map_err(|_| {
        let first: String = answer.body.chars().take(120).collect();
        Fault::Wrong(format!("it answers {} with status {}: {first}", question.1, answer.status))
    })
}

fn member(node: &Name, answer: &Result<Seen, Fault>) -> Point {
    let what = format!("member {node}");
    match answer {
        Ok(Seen { status, .. }) if !status.errors.is_empty() => {
            Point::unhealthy(what, status.errors.join(", ")).fix("etcdctl alarm list")
        }
        Ok(Seen { status, .. }) if status.is_learner => {
            Point::unhealthy(what, "it is a learner, which does not vote").fix("keystone-primer handoff")
        }
        Ok(Seen { status, .. }) => {
            let leads = status.leader == status.header.member_id;
            Point::healthy(
                what,
                format!("version {}{}", status.version, if leads { ", the leader" } else { "" }),
            )
        }
        Err(Fault::Unseen(why)) => Point::unknown(what, why).fix(ASK_THERE),
        Err(Fault::Wrong(why)) => Point::unhealthy(what, why).fix(format!("on {node}: journalctl -u etcd")),
    }
}

fn leader(seen: &[&Seen]) -> Point {
    let leaders: BTreeSet<&str> = seen.iter().map(|one| one.status.leader.as_str()).collect();
    match leaders.first() {
        Some(one) if leaders.len() == 1 && !matches!(*one, "" | "0") => {
            Point::healthy("leader", format!("all {} that answered follow the same", seen.len()))
        }
        Some(_) if leaders.len() > 1 => {
            Point::unhealthy("leader", format!("members follow {} different ones", leaders.len()))
                .fix("etcdctl endpoint status --cluster")
        }
        _ => Point::unhealthy("leader", "there is none").fix("etcdctl endpoint status --cluster"),
    }
}

/// Who is a member and should not be, and the other way round.
fn membership(nodes: &[&Name], members: &[Member]) -> Vec<Point> {
    let mut points = Vec::new();
    let expected: BTreeSet<&str> = nodes.iter().map(|node| node.as_str()).collect();
    // One that was added and has not started yet has no name.
    let name = |member: &Member| {
        if member.name.is_empty() { member.peer_urls.join(",") } else { member.name.clone() }
    };
    let there: BTreeSet<String> = members.iter().map(name).collect();
    let absent: Vec<&str> = expected.iter().copied().filter(|node| !there.contains(*node)).collect();
    if !absent.is_empty() {
        points.push(
            Point::unhealthy("members", format!("{} are none, and the inventory says so", absent.join(", ")))
                .fix("etcdctl member list"),
        );
    }
    let more: Vec<&str> = there.iter().map(String::as_str).filter(|name| !expected.contains(name)).collect();
    if !more.is_empty() {
        points.push(
            Point::unhealthy(
                "members",
                format!("{} are members, and not on the control plane of the inventory", more.join(", ")),
            )
            .fix("keystone-primer handoff, if they are primers; otherwise etcdctl member remove"),
        );
    }
    if points.is_empty() {
        points.push(Point::healthy("members", format!("the {} of the inventory", expected.len())));
    }
    points
}

/// Whether the members that vote and are well are more than half of those that vote.
fn quorum(points: &[Point], answers: &BTreeMap<&Name, Result<Seen, Fault>>, members: &[Member]) -> Point {
    let voters = members.iter().filter(|member| !member.is_learner).count();
    let well = answers.keys().filter(|node| {
        let what = format!("member {node}");
        points.iter().any(|point| point.what == what && point.state == State::Healthy)
    });
    let well = well.count();
    let detail = format!("{well} of {voters} that vote are well");
    if well * 2 > voters {
        Point::healthy("quorum", detail)
    } else {
        Point::unhealthy("quorum", detail).fix("start those that are off: systemctl start etcd, on each")
    }
}
