//! Every change to a policy that changes who reaches whom is found, and the message names the pair, the port and the
//! rule. The inventory is that of the case `proof`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::path::Path;

use keystone_gen_acl::{AccessPolicy, Document, Matrix, POLICY, prove};
use keystone_generator::Generator;
use keystone_model::{Cluster, Format, Inventory, Trust};
use serde_json::{Value, json};

fn cluster() -> Cluster {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/proof/cluster.toml");
    Inventory::read(&fs::read(path).unwrap(), Format::Toml).unwrap().cluster
}

/// A rendered policy to be changed.
struct Rendered {
    cluster: Cluster,
    policy: Value,
    rules: Vec<String>,
}

impl Rendered {
    fn new() -> Self {
        let cluster = cluster();
        let artifacts = AccessPolicy.render(&cluster, &Trust::default()).unwrap();
        let policy = artifacts.iter().find(|artifact| artifact.path == POLICY).unwrap();
        let rules = Document::of(&cluster).rules;
        Self { policy: serde_json::from_str(&policy.contents).unwrap(), cluster, rules }
    }

    /// The one element of `acls` that a rule of the inventory became; the first, where it became several.
    fn acl(&mut self, rule: &str) -> &mut Value {
        let number = self.rules.iter().position(|name| name == rule).unwrap();
        &mut self.policy["acls"][number]
    }

    fn remove(&mut self, rule: &str) {
        let number = self.rules.iter().position(|name| name == rule).unwrap();
        self.policy["acls"].as_array_mut().unwrap().remove(number);
    }

    fn add(&mut self, rule: Value) {
        self.policy["acls"].as_array_mut().unwrap().push(rule);
    }

    fn verdict(&self) -> Result<(), String> {
        let intended = Matrix::intended(&self.cluster);
        prove(&self.cluster, &intended, &self.policy.to_string()).map_err(|mismatch| mismatch.to_string())
    }
}

fn push(list: &mut Value, text: &str) {
    list.as_array_mut().unwrap().push(json!(text));
}

#[track_caller]
fn assert_found(change: impl FnOnce(&mut Rendered), said: &str) {
    let mut rendered = Rendered::new();
    assert_eq!(rendered.verdict(), Ok(()));
    change(&mut rendered);
    assert_eq!(rendered.verdict().unwrap_err(), said);
}

#[test]
fn a_destination_more() {
    assert_found(
        |r| push(&mut r.acl("access developers")["dst"], "tag:primer:6443"),
        "`carol` to `primer-1` by tcp: the inventory opens nothing, the policy 6443 (by acls/23)",
    );
}

#[test]
fn a_destination_less() {
    assert_found(
        |r| r.acl("access developers")["dst"] = json!(["tag:control-plane:443"]),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy 443 (by access developers, acls/23)",
    );
}

#[test]
fn a_rule_removed() {
    assert_found(
        |r| r.remove("service etcd-peer"),
        "`control-1` to `primer-1` by tcp: the inventory opens 22,443,2379-2380,8443, the policy 22,443,2379,8443 (by service coordinator, service coordinator-state, service etcd-client, service etcd-peer, service relay, acls/1, acls/2, acls/3, acls/14)",
    );
}

#[test]
fn a_rule_of_people_removed() {
    assert_found(
        |r| r.remove("ssh developers-debug"),
        "`carol` to `worker-1` by tcp: the inventory opens 22,8000-8100, the policy 8000-8100 (by access range, ssh developers-debug, acls/26)",
    );
}

#[test]
fn a_port_widened() {
    assert_found(
        |r| r.acl("access developers")["dst"] = json!(["tag:control-plane:6443-6444"]),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy 6443-6444 (by access developers, acls/23)",
    );
}

#[test]
fn a_port_narrowed() {
    assert_found(
        |r| r.acl("access range")["dst"] = json!(["tag:worker:8000-8099"]),
        "`carol` to `worker-1` by tcp: the inventory opens 22,8000-8100, the policy 22,8000-8099 (by access range, ssh developers-debug, acls/26, acls/28)",
    );
}

#[test]
fn a_port_moved() {
    assert_found(
        |r| r.acl("service kubelet")["dst"] = json!(["tag:control-plane:10251", "tag:worker:10251"]),
        "`control-1` to `monitor-1` by tcp: the inventory opens 3100,10250, the policy 3100 (by service kubelet, service loki, acls/10)",
    );
}

#[test]
fn a_tag_changed() {
    assert_found(
        |r| r.acl("ssh developers-debug")["dst"] = json!(["tag:control-plane:22"]),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy 22,6443 (by access developers, acls/23, acls/28)",
    );
}

#[test]
fn a_source_more() {
    assert_found(
        |r| push(&mut r.acl("access admins")["src"], "group:developers"),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy 1-65535 (by access developers, acls/19, acls/23)",
    );
}

#[test]
fn a_machine_as_source() {
    assert_found(
        |r| push(&mut r.acl("service etcd-client")["src"], "tag:worker"),
        "`worker-1` to `control-1` by tcp: the inventory opens 443,6443,8443, the policy 443,2379,6443,8443 (by service coordinator, service kubernetes-api, service relay, acls/1, acls/3, acls/9, acls/15)",
    );
}

#[test]
fn a_user_more_in_a_group() {
    assert_found(
        |r| push(&mut r.policy["groups"]["group:admins"], "carol@keystone.example"),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy 1-65535 (by access developers, acls/19, acls/23)",
    );
}

#[test]
fn a_user_less_in_a_group() {
    assert_found(
        |r| r.policy["groups"]["group:developers"] = json!([]),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy nothing (by access developers)",
    );
}

#[test]
fn no_acls() {
    assert_found(
        |r| {
            r.policy.as_object_mut().unwrap().remove("acls");
        },
        "`alice` to `carol` by tcp: the inventory opens nothing, the policy 1-65535 (by the lack of `acls`)",
    );
}

#[test]
fn empty_acls() {
    assert_found(
        |r| r.policy["acls"] = json!([]),
        "`alice` to `control-1` by tcp: the inventory opens 1-65535, the policy nothing (by access admins)",
    );
}

#[test]
fn source_and_destination_swapped() {
    assert_found(
        |r| {
            *r.acl("service etcd-metrics") = json!({
                "action": "accept", "proto": "tcp",
                "src": ["tag:control-plane"], "dst": ["tag:monitoring:2381"],
            });
        },
        "`control-1` to `monitor-1` by tcp: the inventory opens 3100,10250, the policy 2381,3100,10250 (by service kubelet, service loki, acls/4, acls/8, acls/10)",
    );
}

#[test]
fn another_protocol() {
    assert_found(
        |r| r.acl("access developers")["proto"] = json!("udp"),
        "`carol` to `control-1` by tcp: the inventory opens 6443, the policy nothing (by access developers)",
    );
}

#[test]
fn no_protocol() {
    assert_found(
        |r| {
            r.acl("access developers").as_object_mut().unwrap().remove("proto");
        },
        "`carol` to `control-1` by udp: the inventory opens nothing, the policy 6443 (by acls/23)",
    );
}

#[test]
fn echo_closed() {
    assert_found(
        |r| {
            r.remove("access echo");
            r.remove("access echo");
        },
        "`carol` to `worker-1` by icmp: the inventory opens echo, the policy nothing (by access echo)",
    );
}

#[test]
fn echo_closed_in_one_version_of_ip() {
    assert_found(
        |r| r.remove("access echo"),
        "`carol` to `worker-1` by icmp over IPv4: the inventory opens echo, the policy nothing (by access echo)",
    );
    assert_found(
        |r| r.policy["acls"].as_array_mut().unwrap().retain(|rule| rule["proto"] != "ipv6-icmp"),
        "`alice` to `control-1` by icmp over IPv6: the inventory opens echo, the policy nothing (by access admins)",
    );
}

#[test]
fn own_devices_of_others() {
    assert_found(
        |r| r.acl("access sync")["dst"] = json!(["alice@keystone.example:22"]),
        "`carol` to `alice` by tcp: the inventory opens nothing, the policy 22 (by acls/27)",
    );
}

#[test]
fn own_devices_closed() {
    assert_found(
        |r| r.remove("access sync"),
        "`carol` to `carol` by tcp: the inventory opens 22, the policy nothing (by access sync)",
    );
}

#[test]
fn a_rule_for_everybody() {
    assert_found(
        |r| r.add(json!({"action": "accept", "proto": "tcp", "src": ["*"], "dst": ["*:1"]})),
        "`alice` to `carol` by tcp: the inventory opens nothing, the policy 1 (by acls/29)",
    );
}

#[test]
fn a_rule_about_an_address() {
    assert_found(
        |r| {
            let dst = ["100.64.0.6/32:22"];
            r.add(json!({"action": "accept", "proto": "tcp", "src": ["group:developers"], "dst": dst}));
        },
        "`carol` to `monitor-1` by tcp over IPv4: the inventory opens nothing, the policy 22 (by acls/29)",
    );
}

#[test]
fn a_grant_beside_the_rules() {
    assert_found(
        |r| r.policy["grants"] = json!([{"src": ["tag:worker"], "dst": ["tag:primer"], "ip": ["tcp:22"]}]),
        "`worker-1` to `primer-1` by tcp: the inventory opens 443,8443, the policy 22,443,8443 (by service coordinator, service relay, acls/1, acls/15, grants/0)",
    );
}

#[test]
fn a_tag_without_owner() {
    assert_found(
        |r| {
            r.policy["tagOwners"].as_object_mut().unwrap().remove("tag:worker");
        },
        "Headscale would refuse it at line 1, `/acls/1/src/2`: `tag:worker`: the tag is not defined; add it to `tagOwners`, with `[]` if nobody owns it",
    );
}

/// The order of rules, of their parts and of people is no matter.
#[test]
fn what_changes_nothing_is_no_mismatch() {
    let mut rendered = Rendered::new();
    rendered.policy["acls"].as_array_mut().unwrap().reverse();
    let groups = rendered.policy["groups"].as_object_mut().unwrap();
    groups.values_mut().for_each(|group| group.as_array_mut().unwrap().reverse());
    assert_eq!(rendered.verdict(), Ok(()));
}
