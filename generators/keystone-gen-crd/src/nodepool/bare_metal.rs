//! Machines that already run the installer and wait to be claimed.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::patterns;

/// The machines of a pool on bare metal. They are provisioned from outside: the operator claims a
/// machine that already runs the NixOS installer, and needs no management controller.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.hosts) != has(self.hostSelector)")
    .message("set exactly one of hosts and hostSelector"))]
pub struct BareMetal {
    /// Labels that a waiting host must announce to be claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_selector: Option<HostSelector>,

    /// The hosts by name; each is one machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mac"]))]
    pub hosts: Vec<Host>,
}

/// Labels that a waiting host must announce to be claimed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSelector {
    /// All of these must be announced.
    #[schemars(schema_with = "match_labels_schema")]
    pub match_labels: BTreeMap<String, String>,
}

/// One machine.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The Ethernet address that the machine boots from, in lower case with colons.
    #[schemars(length(min = 17, max = 17), regex(pattern = patterns::MAC))]
    pub mac: String,

    /// The disk that the system is installed to; everything on it is lost.
    #[schemars(length(max = 255), regex(pattern = patterns::DISK_BY_ID))]
    pub disk_by_id: String,

    /// Wake the machine by Wake-on-LAN when it is needed and asleep.
    #[serde(default)]
    pub wol: bool,
}

fn match_labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": patterns::LABEL_VALUE},
    })
}
