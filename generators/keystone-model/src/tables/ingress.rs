//! `[ingress]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Cidr, Domain, Name};

/// How requests from outside come in. Both ways can be used at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Ingress {
    /// Which ways are open.
    pub modes: Vec<IngressMode>,
    /// Addresses that ingress nodes announce for services of type `LoadBalancer`.
    #[schemars(example = ["203.0.113.128/28"])]
    pub load_balancer_cidrs: Vec<Cidr>,
    /// The tunnel (`modes` has `cloudflare-tunnel`).
    pub tunnel: Option<Tunnel>,
}

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IngressMode {
    /// Nodes with the role `ingress` and public addresses.
    Nodes,
    /// A tunnel that the cluster opens to Cloudflare.
    CloudflareTunnel,
}

/// A tunnel to Cloudflare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tunnel {
    /// Name of the tunnel.
    #[schemars(example = &"production")]
    pub name: Name,
    /// Host names that it serves. Never that of the mesh: Cloudflare does not pass Headscale's protocol.
    #[schemars(example = ["www.keystone.example"])]
    pub hostnames: Vec<Domain>,
}
