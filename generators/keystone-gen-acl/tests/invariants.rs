//! What holds for the policy of the reference cluster, whatever its rules are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keystone_gen_acl::{AccessPolicy, POLICY, POLICY_WITH_TESTS, REACHABILITY};
use keystone_generator::{Generator, Input};
use keystone_model::{Cluster, Role};
use serde_json::{Value, json};

struct Rendered {
    cluster: Cluster,
    policy: Value,
    with_tests: Value,
    reachability: Value,
}

fn reference() -> Rendered {
    let inventory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml");
    let loaded = Input { inventory, trust: None }.load().unwrap();
    let cluster = loaded.inventory.cluster;
    let artifacts = AccessPolicy.render(&cluster, &loaded.trust).unwrap();
    AccessPolicy.verify(&artifacts).unwrap();
    assert_eq!(artifacts.len(), 3);
    let read = |path: &str| {
        let artifact = artifacts.iter().find(|artifact| artifact.path == path).unwrap();
        serde_json::from_str(&artifact.contents).unwrap()
    };
    Rendered {
        policy: read(POLICY),
        with_tests: read(POLICY_WITH_TESTS),
        reachability: read(REACHABILITY),
        cluster,
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Tag or group, and ports.
fn split(dst: &str) -> (&str, &str) {
    dst.rsplit_once(':').unwrap()
}

#[test]
fn every_rule_says_everything() {
    let policy = reference().policy;
    let rules = policy["acls"].as_array().unwrap();
    assert!(rules.len() > 30);
    for rule in rules {
        assert_eq!(keys(rule), BTreeSet::from(["action", "proto", "src", "dst"]));
        assert_eq!(rule["action"], "accept");
        let proto = rule["proto"].as_str().unwrap();
        assert!(["tcp", "udp", "sctp", "icmp", "ipv6-icmp"].contains(&proto), "{rule}");
        assert!(!texts(&rule["src"]).is_empty() && !texts(&rule["dst"]).is_empty(), "{rule}");
        assert!(!rule.to_string().contains("\"*"), "nothing is opened to or for everybody: {rule}");
    }
}

#[test]
fn what_is_named_is_defined_and_what_is_defined_is_named() {
    let policy = reference().policy;
    let defined: BTreeSet<&str> = &keys(&policy["groups"]) | &keys(&policy["tagOwners"]);
    let mut named = BTreeSet::from(["group:admins"]);
    for rule in policy["acls"].as_array().unwrap() {
        named.extend(texts(&rule["src"]));
        named.extend(texts(&rule["dst"]).into_iter().map(|dst| split(dst).0));
    }
    for rule in policy["ssh"].as_array().unwrap() {
        named.extend(texts(&rule["src"]));
        named.extend(texts(&rule["dst"]));
    }
    for owners in policy["tagOwners"].as_object().unwrap().values() {
        named.extend(texts(owners));
    }
    assert_eq!(named, defined);
}

#[test]
fn every_ssh_rule_has_its_port() {
    let policy = reference().policy;
    let ssh = policy["ssh"].as_array().unwrap();
    assert_eq!(ssh.len(), 2);
    for rule in ssh {
        for src in texts(&rule["src"]) {
            for dst in texts(&rule["dst"]) {
                let opens = |acl: &&Value| {
                    acl["proto"] == "tcp"
                        && texts(&acl["src"]).contains(&src)
                        && texts(&acl["dst"]).contains(&format!("{dst}:22").as_str())
                };
                let count = policy["acls"].as_array().unwrap().iter().filter(opens).count();
                assert_eq!(count, 1, "{src} to {dst}");
            }
        }
    }
    assert_eq!(ssh[0]["checkPeriod"], "12h");
}

/// Workers, ingress nodes and machines of clouds run other people's code.
#[test]
fn primers_are_out_of_reach_for_what_runs_workloads() {
    let Rendered { cluster, policy, reachability, .. } = reference();
    let coordinator = cluster.mesh.coordinator.port.number();
    let relay = cluster.mesh.relay.port.number();
    let stun = cluster.mesh.relay.stun_port.number();
    for role in [Role::Worker, Role::Ingress, Role::Cloud] {
        let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for rule in policy["acls"].as_array().unwrap() {
            if texts(&rule["src"]).contains(&role.tag().as_str()) {
                let to_primers =
                    texts(&rule["dst"]).into_iter().map(split).filter(|dst| dst.0 == "tag:primer");
                let ports = to_primers.map(|(_, ports)| ports.to_owned());
                found.entry(rule["proto"].as_str().unwrap()).or_default().extend(ports);
            }
        }
        found.retain(|_, ports| !ports.is_empty());
        let tcp = BTreeSet::from([coordinator.to_string(), relay.to_string()]);
        assert_eq!(
            found,
            BTreeMap::from([("tcp", tcp), ("udp", BTreeSet::from([stun.to_string()]))]),
            "{role}"
        );

        let from = format!("role:{role}");
        let entries = reachability["entries"].as_array().unwrap().iter();
        let openings: Vec<_> = entries
            .filter(|entry| entry["from"] == from.as_str() && entry["to"] == "role:primer")
            .map(|entry| (entry["proto"].as_str().unwrap(), entry["ports"].clone()))
            .collect();
        let both = json!([[coordinator, coordinator], [relay, relay]]);
        assert_eq!(openings, [("tcp", both), ("udp", json!([[stun, stun]]))], "{role}");
    }
}

#[test]
fn machines_keep_their_last_map() {
    let policy = reference().policy;
    assert_eq!(policy["nodeAttrs"], json!([{"target": ["*"], "attr": ["cache-network-maps"]}]));
}

#[test]
fn every_member_is_in_exactly_one_class() {
    let Rendered { cluster, reachability, .. } = reference();
    let classes = reachability["classes"].as_object().unwrap();
    let mut members: Vec<String> = classes.values().flat_map(texts).map(str::to_owned).collect();
    members.sort();
    let mut expected: Vec<String> =
        cluster.nodes.keys().chain(cluster.people.keys()).map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(members, expected);
    // The machines of a pool are not known yet; their class is.
    assert_eq!(classes["role:cloud"], json!([]));
}

#[test]
fn entries_are_sorted_and_unique() {
    let reachability = reference().reachability;
    let entries = reachability["entries"].as_array().unwrap();
    assert!(entries.len() > 50);
    let protos = ["tcp", "udp", "sctp", "icmp"];
    let mut before = None;
    for entry in entries {
        let fields = keys(entry);
        let own = entry.get("self").map(|own| own.as_bool().unwrap());
        assert_ne!(own, Some(false), "written only where it is true");
        let expected = BTreeSet::from(["from", "to", "proto", "ports", "rules"]);
        assert_eq!(&fields - &BTreeSet::from(["self"]), expected);
        let proto = protos.iter().position(|proto| entry["proto"] == *proto).unwrap();
        let class = |end: &str| {
            let name = entry[end].as_str().unwrap();
            assert!(reachability["classes"].get(name).is_some(), "no class {name}");
            name
        };
        // Classes come in the order of their roles and groups, entries of one pair side by side.
        let key = (class("from"), class("to"), own.is_some(), proto);
        assert!(before.is_none_or(|before| before < key), "{before:?} is not before {key:?}");
        before = Some(key);

        let ranges: Vec<(u64, u64)> = entry["ports"].as_array().unwrap().iter().map(range).collect();
        assert_eq!(ranges.is_empty(), entry["proto"] == "icmp", "{entry}");
        assert!(ranges.iter().all(|(first, last)| first <= last && *last <= 65535), "{entry}");
        assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "not merged: {entry}");
        let rules = texts(&entry["rules"]);
        assert!(!rules.is_empty() && rules.is_sorted(), "{entry}");
    }
}

fn range(pair: &Value) -> (u64, u64) {
    assert_eq!(pair.as_array().unwrap().len(), 2);
    (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap())
}

/// The file with tests is the policy and its tests; they deny SSH wherever no rule opens it.
#[test]
fn tests_only_add_to_the_policy() {
    let Rendered { policy, mut with_tests, cluster, .. } = reference();
    let tests = with_tests.as_object_mut().unwrap().remove("tests").unwrap();
    assert_eq!(with_tests, policy);
    let tests = tests.as_array().unwrap();
    let sources: BTreeSet<&str> = tests.iter().map(|test| test["src"].as_str().unwrap()).collect();
    for person in cluster.people.values() {
        assert!(sources.contains(person.email.to_string().as_str()), "{}", person.email);
    }
    for tag in keys(&policy["tagOwners"]) {
        let of_tag = tests.iter().find(|test| test["src"] == tag && test["proto"] == "tcp").unwrap();
        let denied = texts(&of_tag["deny"]);
        // Those who may become the coordinator read its state over SSH.
        let candidate = tag == "tag:primer" || tag == "tag:control-plane";
        for destination in ["tag:primer:22", "tag:control-plane:22"] {
            assert_eq!(denied.contains(&destination), !candidate, "{destination}: {of_tag}");
        }
        assert!(denied.contains(&"tag:worker:22"), "{of_tag}");
    }
}
