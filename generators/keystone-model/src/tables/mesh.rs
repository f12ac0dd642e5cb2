//! `[mesh]`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Cidr, Domain, Email, HttpsUrl, Name, Port};

/// The WireGuard mesh that Headscale coordinates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Mesh {
    /// Where clients find Headscale. It never changes in the life of a cluster; which machine answers there does.
    pub url: HttpsUrl,
    /// The zone of MagicDNS: `worker-1` answers as `worker-1.<baseDomain>`. The host of `url` must not lie in it.
    #[schemars(example = "keystone.internal")]
    pub base_domain: Domain,
    /// Addresses of the mesh.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// Whether clients may fall back on public relays.
    #[serde(default)]
    pub derp_fallback: DerpFallback,
    /// The machine on which Headscale starts, and where it answers. Standbys are all control-plane nodes.
    pub coordinator: Coordinator,
    /// The relays (DERP), one on every primer and every control-plane node, as primers sleep.
    #[serde(default)]
    pub relay: Relay,
    /// Certificates of coordinator and relays.
    pub tls: MeshTls,
    /// Resolvers that nodes ask for names outside the mesh. Without any, each keeps its own.
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^[0-9a-fA-F.:]+$")))]
    pub nameservers: Vec<IpAddr>,
}

/// Addresses of the mesh. Clients accept no others than these two ranges and parts of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Prefixes {
    /// Within 100.64.0.0/10.
    #[schemars(example = "100.64.0.0/10")]
    pub v4: Cidr,
    /// Within `fd7a:115c:a1e0::/48`.
    #[schemars(example = "fd7a:115c:a1e0::/48")]
    pub v6: Cidr,
}

impl Prefixes {
    /// The IPv4 range that clients accept (RFC 6598).
    pub const CLIENT_V4: Cidr = Cidr::fixed_v4(Ipv4Addr::new(100, 64, 0, 0), 10);
    /// The IPv6 range that clients accept.
    pub const CLIENT_V6: Cidr = Cidr::fixed_v6(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0), 48);
}

impl Default for Prefixes {
    fn default() -> Self {
        Self { v4: Self::CLIENT_V4, v6: Self::CLIENT_V6 }
    }
}

/// Whether clients may fall back on public relays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DerpFallback {
    /// Only our own relays. Headscale then starts without the Internet.
    #[default]
    None,
    /// The relays of Tailscale too. Headscale then does not start when it cannot fetch their list.
    Tailscale,
}

/// The machine on which Headscale starts, and where it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Coordinator {
    /// A primer, or a control-plane node once the handoff is done.
    #[schemars(example = "primer-1")]
    pub node: Name,
    /// The port on which it listens; that of `url` unless something forwards.
    #[serde(default = "https_port")]
    pub port: Port,
}

const fn https_port() -> Port {
    Port::fixed(443)
}

/// Ports of the relays (DERP).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Relay {
    /// Zone of the relays' public names: host `primer-1` answers as `primer-1.<domain>`. By default
    /// `relay.<cluster.domain>`.
    #[schemars(example = "relay.keystone.example")]
    pub domain: Option<Domain>,
    /// Port of the relay protocol (TLS). Not 443, which the coordinator has on the same machines.
    pub port: Port,
    /// Port of STUN (UDP).
    pub stun_port: Port,
}

impl Default for Relay {
    fn default() -> Self {
        Self { domain: None, port: Port::fixed(8443), stun_port: Port::fixed(3478) }
    }
}

/// Certificates of coordinator and relays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MeshTls {
    /// Where certificates come from.
    pub mode: TlsMode,
    /// Contact for the ACME account (`mode = "acme"`).
    pub email: Option<Email>,
}

/// Where certificates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// A public certificate authority, by ACME. Needs `email`, and port 80 or DNS within its reach.
    Acme,
    /// Files that the cluster's own certificate authority signed, delivered as secrets.
    Files,
}
