//! What every node of a pool looks like.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::patterns;

/// What a node is for; the same roles as in the inventory, without the primer, which is never pooled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Runs people's pods.
    #[default]
    Worker,
    /// Runs Ceph daemons on its data volumes.
    Storage,
    /// Takes traffic from outside.
    Ingress,
    /// Runs etcd and the API server.
    ControlPlane,
}

/// What every node of a pool looks like.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// What the nodes are for: `worker`, `storage`, `ingress` or `controlPlane`.
    #[serde(default)]
    pub role: Role,

    /// Labels of the Node objects. Prefixes that Kubernetes, Karpenter or this system own are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    #[x_kube(
        validation = Rule::new("self.all(key, key.matches('^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))")
            .message("a label key is a name of at most 63 characters, with an optional DNS prefix and a slash before it"),
        validation = Rule::new("self.all(key, !key.matches('^([a-z0-9.-]+[.])?(kubernetes[.]io|k8s[.]io|karpenter[.]sh|keystone[.]systems)/'))")
            .message("labels under kubernetes.io (node-restriction included), k8s.io, karpenter.sh and keystone.systems are reserved"),
    )]
    pub labels: BTreeMap<String, String>,

    /// Annotations of the Node objects. The same prefixes are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations_schema")]
    #[x_kube(
        validation = Rule::new("self.all(key, !key.matches('^([a-z0-9.-]+[.])?(kubernetes[.]io|k8s[.]io|karpenter[.]sh|keystone[.]systems)/'))")
            .message("annotations under kubernetes.io, k8s.io, karpenter.sh and keystone.systems are reserved"),
    )]
    pub annotations: BTreeMap<String, String>,

    /// Taints that nodes keep. The kubelet registers with them, so no pod slips in before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub taints: Vec<Taint>,

    /// Taints that nodes start with and that something else (a CNI, a device plugin) takes away. A node
    /// counts as initialised when the last one is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key", "effect"]))]
    pub startup_taints: Vec<Taint>,

    /// The Kubernetes release of the kubelet. A change is drift. It may be up to three minors older than
    /// the API server and never newer, which the operator checks. Absent: the API server's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = patterns::KUBERNETES_VERSION))]
    pub kubernetes_version: Option<String>,

    /// The system that nodes run. A change is drift. Absent: what the image holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nixos_generation: Option<NixosGeneration>,
}

/// A built NixOS system and where it came from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NixosGeneration {
    /// The flake output, pinned to a revision, for people and for a rebuild.
    #[schemars(length(min = 1, max = 512), regex(pattern = patterns::FLAKE_REF))]
    pub flake_ref: String,

    /// The toplevel in the Nix store; what drift is judged by.
    #[schemars(length(max = 256), regex(pattern = patterns::STORE_PATH))]
    pub store_path: String,
}

/// What happens to pods that do not tolerate a taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// They are not scheduled.
    NoSchedule,
    /// They are scheduled only if there is no other node.
    PreferNoSchedule,
    /// They are not scheduled, and evicted.
    NoExecute,
}

/// A taint of a Node object.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// The key. Keys under `node.kubernetes.io` belong to the node controller.
    #[schemars(length(min = 1, max = 317), regex(pattern = patterns::LABEL_KEY))]
    #[x_kube(validation = Rule::new("!self.startsWith('node.kubernetes.io/')")
        .message("taints under node.kubernetes.io belong to the node controller"))]
    pub key: String,

    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = patterns::LABEL_VALUE))]
    pub value: Option<String>,

    /// What happens to pods that do not tolerate it: `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: TaintEffect,
}

fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": {"type": "string", "maxLength": 63, "pattern": patterns::LABEL_VALUE},
    })
}

fn annotations_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": {"type": "string", "maxLength": 4096},
    })
}
