//! One name, one thing: nodes, people, pools and the machines of bare-metal pools share a name space, as all of
//! them appear in the mesh and in the reachability matrix.

use std::collections::BTreeMap;

use crate::intent::{ADMINS, ALL_PORTS, OWN_DEVICES};
use crate::problem::{At, Problem};
use crate::role::Role;
use crate::service;
use crate::tables::Cluster;
use crate::types::Name;

/// Names in the certificate of every API server; a kubelet's certificate has the bare name of its machine.
const TAKEN: [&str; 2] = ["kubernetes", "localhost"];

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<&Name, String> = BTreeMap::new();
    let nodes = cluster.nodes.keys().map(|n| (n, At::table("nodes").key(n)));
    let people = cluster.people.keys().map(|n| (n, At::table("people").key(n)));
    let pools = cluster.pools.keys().map(|n| (n, At::table("pools").key(n)));
    let hosts = cluster.pools.iter().flat_map(|(pool, p)| {
        p.hosts.keys().map(move |n| (n, At::table("pools").key(pool).key("hosts").key(n)))
    });
    for (name, at) in nodes.clone().chain(hosts.clone()).filter(|(name, _)| TAKEN.contains(&name.as_str())) {
        problems.push(Problem::error(
            at,
            format!("`{name}` is a name by which certificates of the API are known"),
            "give the machine another name: its kubelet's certificate would pass for the API's",
        ));
    }
    for (name, at) in nodes.chain(people).chain(pools).chain(hosts) {
        let here = at.to_string();
        if let Some(other) = owners.get(name) {
            problems.push(Problem::error(
                at,
                format!("`{name}` is the name of `{other}` already"),
                "give one of the two another name: nodes, people and pools share one name space in the mesh",
            ));
        } else {
            owners.insert(name, here);
        }
    }
    for name in cluster.groups.keys() {
        let at = || At::table("groups").key(name);
        let text = name.as_str();
        if text == ADMINS {
            problems.push(Problem::error(
                at(),
                "`admins` is the group of everyone with `admin = true`",
                "remove this table and set `admin = true` for its members",
            ));
        } else if Role::named(text).is_some() {
            problems.push(Problem::error(
                at(),
                format!("`{name}` is a role of machines, and a group holds people"),
                "give the group another name; access rules name roles directly",
            ));
        } else if text == OWN_DEVICES || text == ALL_PORTS || service::names().contains(&text) {
            problems.push(Problem::error(
                at(),
                format!("`{name}` has a meaning of its own in access rules"),
                "give the group another name",
            ));
        }
    }
}
