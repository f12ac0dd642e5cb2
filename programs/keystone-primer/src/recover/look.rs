//! Who answers, of which cluster, and whether that is a quorum.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use serde_json::{Value, json};

use crate::ask::Fault;
use crate::handoff::etcd::Etcd;
use crate::refusal::Refusal;

/// A member that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The number of its cluster.
    pub cluster: u64,
    /// It knows one that leads: more than half of its cluster hear each other.
    pub led: bool,
    /// It finds nothing wrong with itself.
    pub well: bool,
    /// How much it has.
    pub applied: u64,
    /// Names of the members of its cluster.
    pub members: BTreeSet<String>,
}

/// What was seen of each node, or why nothing was.
pub type Sight = BTreeMap<String, Result<Seen, String>>;

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn one(etcd: &Etcd, node: &str) -> Result<Seen, String> {
    let ask = |path: &str, body: &Value| {
        etcd.ask(node, path, body).map_err(|(Fault::Unseen(why) | Fault::Wrong(why))| why)
    };
    let status = ask("/v3/maintenance/status", &json!({}))?;
    // Without a quorum a member still tells whom it knew.
    let listed = ask("/v3/cluster/member/list", &json!({ "linearizable": false }))?;
    let names = listed["members"].as_array().into_iter().flatten();
    Ok(Seen {
        cluster: number(&status["header"]["cluster_id"]),
        led: number(&status["leader"]) != 0,
        well: status["errors"].as_array().is_none_or(Vec::is_empty),
        applied: number(&status["raftAppliedIndex"]),
        members: names.filter_map(|member| member["name"].as_str().map(str::to_owned)).collect(),
    })
}

/// Asks all of them at once.
pub fn look(etcd: &Etcd, nodes: &BTreeSet<String>) -> Sight {
    thread::scope(|scope| {
        let asked: Vec<_> =
            nodes.iter().map(|node| (node.clone(), scope.spawn(move || one(etcd, node)))).collect();
        asked
            .into_iter()
            .map(|(node, work)| (node, work.join().unwrap_or_else(|_| Err("it cannot be asked".to_owned()))))
            .collect()
    })
}

/// Refuses while the old cluster works.
pub fn no_quorum(sight: &Sight, new: Option<u64>) -> Result<(), Refusal> {
    let led = sight.iter().find_map(|(node, seen)| {
        let seen = seen.as_ref().ok()?;
        (seen.led && Some(seen.cluster) != new).then_some(node)
    });
    match led {
        None => Ok(()),
        Some(node) => Err(Refusal::new(format!(
            "{node} answers, and somebody leads it: an operational quorum lives, and a second one would fork the record"
        ))
        .fix("keystone-cluster health; a member that is lost alone is taken out and added again")),
    }
}

/// The member that has most, if every other one was said to be lost.
pub fn survivor(
    sight: &Sight,
    lost: &BTreeSet<String>,
    members: &BTreeSet<String>,
) -> Result<Option<String>, Refusal> {
    no_quorum(sight, None)?;
    let known: BTreeSet<&String> =
        sight.values().flatten().flat_map(|seen| &seen.members).chain(members).collect();
    if let Some(stranger) = lost.iter().find(|name| !known.contains(name)) {
        return Err(Refusal::new(format!("{stranger} is no member of etcd, so it cannot be lost"))
            .fix("leave out its --lost"));
    }
    for name in known {
        match sight.get(name) {
            Some(Ok(_)) if lost.contains(name) => {
                return Err(Refusal::new(format!("{name} answers, so it is not lost"))
                    .fix(format!("leave out --lost {name}")));
            }
            Some(Ok(_)) => {}
            _ if lost.contains(name) => {}
            other => {
                let why = match other {
                    Some(Err(why)) => why.as_str(),
                    _ => "it is no node of the inventory",
                };
                return Err(Refusal::new(format!(
                    "{name} does not answer ({why}); it may be one of a quorum that this primer does not see"
                ))
                .fix(format!(
                    "when its etcd is off, and stays off until it is deployed anew: --lost {name}"
                )));
            }
        }
    }
    let there = sight.iter().filter_map(|(node, seen)| Some((seen.as_ref().ok()?.applied, node)));
    Ok(there.max_by_key(|(applied, _)| *applied).map(|(_, node)| node.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(led: bool, applied: u64) -> Seen {
        let members = ["control-1", "control-2", "control-3"].map(str::to_owned).into();
        Seen { cluster: 7, led, well: true, applied, members }
    }

    fn sight(rows: [Option<Seen>; 3]) -> Sight {
        let row = |row: Option<Seen>| row.ok_or_else(|| "nobody is there".to_owned());
        (1..).zip(rows).map(|(n, one)| (format!("control-{n}"), row(one))).collect()
    }

    #[test]
    fn who_has_most_is_taken_and_silence_has_to_be_explained() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let all = names(&["control-1", "control-2", "control-3"]);
        let cases = [
            (
                sight([Some(seen(false, 4)), Some(seen(false, 9)), None]),
                names(&["control-3"]),
                Ok("control-2"),
            ),
            (sight([Some(seen(false, 4)), None, None]), names(&["control-2", "control-3"]), Ok("control-1")),
            (
                sight([Some(seen(false, 4)), None, None]),
                names(&["control-2"]),
                Err("control-3 does not answer"),
            ),
            (
                sight([Some(seen(true, 4)), Some(seen(true, 4)), None]),
                names(&["control-3"]),
                Err("an operational quorum lives"),
            ),
            (
                sight([Some(seen(false, 4)), None, None]),
                all.clone(),
                Err("control-1 answers, so it is not lost"),
            ),
            (
                sight([Some(seen(false, 4)), None, None]),
                names(&["worker-1"]),
                Err("worker-1 is no member of etcd"),
            ),
        ];
        for (sight, lost, expected) in cases {
            let found = survivor(&sight, &lost, &all);
            match expected {
                Ok(node) => assert_eq!(found.unwrap().as_deref(), Some(node)),
                Err(text) => {
                    let error = found.unwrap_err().to_string();
                    assert!(error.contains(text), "{error}");
                }
            }
        }
        assert_eq!(survivor(&sight([None, None, None]), &all, &all), Ok(None));
        // One that leads the new cluster is no quorum of the old.
        assert!(no_quorum(&sight([Some(seen(true, 4)), None, None]), Some(7)).is_ok());
        assert!(no_quorum(&sight([Some(seen(true, 4)), None, None]), Some(8)).is_err());
    }
}
