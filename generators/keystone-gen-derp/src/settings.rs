//! How each relay is started, and what Headscale is told of relays.

use keystone_model::validate::mesh::{relay_domain, relays};
use keystone_model::{Cluster, DerpFallback, TlsMode};
use serde::{Deserialize, Serialize};

/// Settings of the relay on one host: the flags of `derper` (tailscale/tailscale, cmd/derper).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RelaySettings {
    /// The host.
    pub node: String,
    /// `-hostname`
    pub hostname: String,
    /// `-a`
    pub address: String,
    /// `-http-port`; -1 is off. Only ACME needs plain HTTP.
    pub http_port: i32,
    /// `-stun-port`
    pub stun_port: u16,
    /// `-certmode`
    pub cert_mode: CertMode,
    /// `-verify-client-url`: Headscale tells whether a client belongs to the mesh.
    pub verify_client_url: String,
    /// `-verify-client-url-fail-open`, which is on unless it is switched off: a relay would then serve strangers
    /// whenever Headscale does not answer.
    pub verify_client_url_fail_open: bool,
}

/// Where `derper` gets its certificate from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CertMode {
    /// Files in a folder.
    Manual,
    /// A public authority.
    Letsencrypt,
}

impl RelaySettings {
    /// The settings of every relay host, by name.
    #[must_use]
    pub fn all(cluster: &Cluster) -> Vec<Self> {
        let domain = relay_domain(cluster);
        let mesh = &cluster.mesh;
        let (cert_mode, http_port) = match mesh.tls.mode {
            TlsMode::Files => (CertMode::Manual, -1),
            TlsMode::Acme => (CertMode::Letsencrypt, 80),
        };
        relays(cluster)
            .map(|(name, _)| Self {
                node: name.to_string(),
                hostname: domain.child(name).to_string(),
                address: format!(":{}", mesh.relay.port),
                http_port,
                stun_port: mesh.relay.stun_port.number(),
                cert_mode,
                verify_client_url: format!("{}/verify", mesh.url),
                verify_client_url_fail_open: false,
            })
            .collect()
    }
}

/// The `derp` section of Headscale's configuration, under Headscale's own names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadscaleDerp {
    /// The relay inside Headscale, which is off: relays stay where they are when Headscale moves.
    pub server: EmbeddedRelay,
    /// Maps to fetch at start. Headscale does not start when one cannot be fetched.
    pub urls: Vec<String>,
    /// Maps on disk.
    pub paths: Vec<String>,
    /// Whether maps are read again at run time.
    pub auto_update_enabled: bool,
}

/// The relay inside Headscale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedRelay {
    /// Whether it runs.
    pub enabled: bool,
}

impl HeadscaleDerp {
    /// The section for a cluster. Public relays only where the inventory asks for them.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let urls = match cluster.mesh.derp_fallback {
            DerpFallback::None => vec![],
            DerpFallback::Tailscale => vec!["https://controlplane.tailscale.com/derpmap/default".to_owned()],
        };
        Self {
            server: EmbeddedRelay { enabled: false },
            urls,
            paths: vec!["/etc/headscale/derp.yaml".to_owned()],
            auto_update_enabled: false,
        }
    }
}
