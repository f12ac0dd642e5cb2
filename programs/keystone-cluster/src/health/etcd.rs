//! Members of etcd: each says that it is well, they are the ones that the inventory names, and all follow one leader.
//!
//! A member that is of another cluster than the others, as one is that comes back after `recover` made a new one, counts for
//! nothing here.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use keystone_model::{Name, Role};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use keystone_primer::ask::{Anchor, Fault};

use super::View;
use super::report::{Area, Point, State};

const PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;
/// Certificates of a node by which members let it ask.
const LEAVES: [&str; 2] = ["etcd", "apiserver-etcd"];
const ASK_THERE: &str = "run it on a node of the control plane";
const START: &str = "start those that are off: systemctl start etcd, on each; if they are lost for good, on a primer: \
                     keystone-primer recover --mode quorum-restore";

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
    #[serde(default)]
    cluster_id: String,
}

#[derive(Debug, Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_learner: bool,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

/// What members tell each other, where numbers are numbers.
#[derive(Debug, Deserialize)]
struct Told {
    id: u64,
}

/// What one member says.
struct Seen {
    status: Status,
    /// Why it says of itself that it is not well.
    ill: Option<String>,
    members: Vec<Member>,
}

impl Seen {
    /// It knows one that leads, so more than half of its cluster hear each other.
    fn led(&self) -> bool {
        !matches!(self.status.leader.as_str(), "" | "0")
    }
}

pub fn look(view: &View) -> Area {
    let nodes = view.control_plane();
    let mut answers = ask_all(view, &nodes);
    answers.extend(primers(view, &answers));
    let seen: Vec<&Seen> = answers.values().filter_map(|answer| answer.as_ref().ok()).collect();
    let cluster = cluster(&seen);
    let seen: Vec<&Seen> = seen.into_iter().filter(|one| one.status.header.cluster_id == cluster).collect();
    let known: BTreeSet<&str> =
        seen.iter().flat_map(|one| &one.members).map(|member| member.id.as_str()).collect();
    let mut points: Vec<Point> = answers
        .iter()
        .map(|(node, answer)| match answer {
            Err(Fault::Unseen(why)) => silent(node, why, waits(view, node).as_ref(), &known),
            answered => member(node, answered, cluster),
        })
        .collect();
    let listed = seen.iter().filter(|one| !one.members.is_empty());
    // One that is led knows who is a member by now; one that is not may have missed something.
    if let Some(first) = listed.clone().find(|one| one.led()).or(listed.clone().next()) {
        points.push(leader(&seen));
        points.extend(membership(view, &nodes, &first.members));
        points.push(quorum(&points, &answers, &first.members));
    }
    Area::new("etcd", points)
}

fn ask_all<'v>(view: &'v View, nodes: &[&'v Name]) -> BTreeMap<&'v Name, Result<Seen, Fault>> {
    thread::scope(|scope| {
        let asked: Vec<_> = nodes.iter().map(|node| (*node, scope.spawn(move || ask(view, node)))).collect();
        asked.into_iter().filter_map(|(node, one)| Some((node, one.join().ok()?))).collect()
    })
}

/// Members on primers, where etcd began there and they have not handed over: they are asked when somebody says that one of
/// them is a member, or when nobody else says who is one. A primer that sleeps is no fault.
fn primers<'v>(
    view: &'v View,
    answers: &BTreeMap<&Name, Result<Seen, Fault>>,
) -> BTreeMap<&'v Name, Result<Seen, Fault>> {
    let members: BTreeSet<&str> = answers
        .values()
        .flatten()
        .flat_map(|seen| &seen.members)
        .map(|member| member.name.as_str())
        .collect();
    let mut primers = view.with(Role::Primer);
    primers.retain(|primer| members.is_empty() || members.contains(primer.as_str()));
    let mut asked = ask_all(view, &primers);
    asked.retain(|primer, answer| members.contains(primer.as_str()) || answer.is_ok());
    asked
}

/// The number of the cluster that counts: of those that somebody leads, or else of all, the one of which most are.
fn cluster<'s>(seen: &[&'s Seen]) -> &'s str {
    let mut of: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in seen {
        let count = of.entry(&one.status.header.cluster_id).or_default();
        count.0 += usize::from(one.led());
        count.1 += 1;
    }
    of.into_iter().max_by_key(|(_, count)| *count).map(|(cluster, _)| cluster).unwrap_or_default()
}

fn ask(view: &View, node: &Name) -> Result<Seen, Fault> {
    let status: Status = question(view, node, ("POST", "/v3/maintenance/status", "{}"))?;
    // A learner answers nothing else.
    if status.is_learner {
        return Ok(Seen { status, ill: None, members: Vec::new() });
    }
    let health: Health = question(view, node, ("GET", "/health", ""))?;
    if health.health != "true" {
        // Without a leader it still tells whom it knew.
        let known = question(view, node, ("POST", "/v3/cluster/member/list", r#"{"linearizable":false}"#));
        let members = known.map(|Members { members }| members).unwrap_or_default();
        return Ok(Seen { status, ill: Some(health.reason), members });
    }
    let Members { members } = question(view, node, ("POST", "/v3/cluster/member/list", "{}"))?;
    Ok(Seen { status, ill: None, members })
}

/// The members that one knows which was started while nobody leads it: until somebody does, it answers other members alone.
fn waits(view: &View, node: &Name) -> Option<BTreeSet<String>> {
    let host = view.mesh_name(node);
    let asked =
        view.asker.ask((&host, PEER_PORT), Anchor::Bundle("etcd"), &LEAVES[..1], ("GET", "/members", ""));
    let told: Vec<Told> = serde_json::from_str(&asked.ok()?.body).ok()?;
    Some(told.into_iter().map(|one| one.id.to_string()).collect())
}

/// One that does not answer clients.
fn silent(node: &Name, why: &str, waits: Option<&BTreeSet<String>>, known: &BTreeSet<&str>) -> Point {
    let what = format!("member {node}");
    match waits {
        None => Point::unknown(what, why).fix(ASK_THERE),
        Some(members) if known.is_empty() || members.iter().any(|id| known.contains(id.as_str())) => {
            Point::unhealthy(what, "it runs, and waits for more than half of the others").fix(START)
        }
        Some(_) => stranger(node),
    }
}

fn stranger(node: &Name) -> Point {
    let why =
        "it is of another cluster than the others, as one is that was left out when a quorum was restored";
    Point::unhealthy(format!("member {node}"), why).fix(format!(
        "on {node}: systemctl stop etcd; then deploy it with the keystone.etcd.restored of the others"
    ))
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

fn member(node: &Name, answer: &Result<Seen, Fault>, cluster: &str) -> Point {
    let what = format!("member {node}");
    match answer {
        Ok(Seen { status, .. }) if status.header.cluster_id != cluster => stranger(node),
        Ok(Seen { status, .. }) if status.errors.iter().any(|error| error.contains("NOSPACE")) => {
            // Each member tells of all alarms: `memberID:7 alarm:NOSPACE`.
            let own = format!("memberID:{} ", status.header.member_id);
            let whose = status.errors.iter().any(|error| error.starts_with(&own) && error.contains("NOSPACE"));
            let whose = if whose { "it" } else { "another member" };
            Point::unhealthy(what, format!("{whose} has no space left, so none takes writes (NOSPACE)"))
                .fix("make room, then etcdctl alarm disarm: docs/how-to/replace-a-member.md")
        }
        Ok(Seen { ill: Some(reason), .. }) => {
            Point::unhealthy(what, format!("it says of itself that it is not well: {reason}"))
                .fix(format!("on {node}: journalctl -u etcd"))
        }
        Ok(Seen { status, .. }) if !status.errors.is_empty() => {
            Point::unhealthy(what, status.errors.join(", ")).fix("etcdctl alarm list")
        }
        Ok(Seen { status, .. }) if status.is_learner => {
            Point::unhealthy(what, "it is a learner, which does not vote").fix(
                "when it has everything: etcdctl member promote, or on a primer keystone-primer handoff --without-mesh",
            )
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
    let led: Vec<&&Seen> = seen.iter().filter(|one| one.led()).collect();
    let leaders: BTreeSet<&str> = led.iter().map(|one| one.status.leader.as_str()).collect();
    let (all, few) = (seen.len(), led.len());
    match leaders.len() {
        0 => Point::unhealthy("leader", "there is none").fix(START),
        1 if all == few => Point::healthy("leader", format!("all {all} that answered follow the same")),
        1 => Point::unhealthy("leader", format!("{few} of {all} that answered follow one, the others none"))
            .fix("etcdctl endpoint status --cluster"),
        more => Point::unhealthy("leader", format!("members follow {more} different ones"))
            .fix("etcdctl endpoint status --cluster"),
    }
}

/// Who is a member and should not be, and the other way round.
fn membership(view: &View, nodes: &[&Name], members: &[Member]) -> Vec<Point> {
    let mut points = Vec::new();
    let expected: BTreeSet<&str> = nodes.iter().map(|node| node.as_str()).collect();
    // One that was added and has not started yet has no name, and is known by the URL under which it was added.
    let named: BTreeSet<&str> =
        members.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty()).collect();
    let mut waited: BTreeSet<&str> = BTreeSet::new();
    let mut strangers: Vec<String> =
        named.iter().filter(|name| !expected.contains(*name)).map(|&name| name.to_owned()).collect();
    for member in members.iter().filter(|one| one.name.is_empty()) {
        let host = |node: &&&Name| {
            let name = view.mesh_name(node);
            member.peer_urls.iter().any(|url| url.split(['/', ':']).any(|part| part == name))
        };
        match nodes.iter().find(host) {
            Some(node) => {
                waited.insert(node.as_str());
            }
            None => strangers.push(member.peer_urls.join(",")),
        }
    }
    let there = |node: &str| named.contains(node) || waited.contains(node);
    let absent: Vec<&str> = expected.iter().copied().filter(|node| !there(node)).collect();
    if !absent.is_empty() {
        points.push(
            Point::unhealthy("members", format!("{} are none, and the inventory says so", absent.join(", ")))
                .fix("etcdctl member add --learner: docs/how-to/replace-a-member.md; or on a primer: keystone-primer handoff --without-mesh"),
        );
    }
    if !waited.is_empty() {
        let waited: Vec<&str> = waited.into_iter().collect();
        points.push(
            Point::unhealthy("members", format!("{} were added and have not started", waited.join(", ")))
                .fix("there: systemctl restart etcd"),
        );
    }
    if !strangers.is_empty() {
        points.push(
            Point::unhealthy(
                "members",
                format!(
                    "{} are members, and not on the control plane of the inventory",
                    strangers.join(", ")
                ),
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
    // A learner that is well has a line that is not.
    let well = answers.keys().filter(|node| {
        let what = format!("member {node}");
        points.iter().any(|point| point.what == what && point.state == State::Healthy)
    });
    let well = well.count();
    let detail = format!("{well} of {voters} that vote are well");
    if well * 2 > voters {
        Point::healthy("quorum", detail)
    } else {
        Point::unhealthy("quorum", detail).fix(START)
    }
}
