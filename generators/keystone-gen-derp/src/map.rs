//! The map in the form that Headscale reads from `derp.paths`.
//!
//! Headscale decodes Go structures with a YAML library that knows no field names but the lower-cased ones; every other
//! spelling gives zero values without an error (juanfont/headscale, hscontrol/derp/derp.go).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keystone_model::validate::mesh::{relay_domain, relays};
use keystone_model::{Cluster, Domain, Endpoint, Role};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// All regions by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerpMap {
    /// The regions. The key repeats `regionid`.
    #[serde(deserialize_with = "by_number")]
    pub regions: BTreeMap<u16, Region>,
}

/// A region: for us, one relay host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Number, 900 to 999.
    #[serde(deserialize_with = "number")]
    pub regionid: u16,
    /// Short name.
    pub regioncode: String,
    /// Name as people see it.
    pub regionname: String,
    /// Its relays.
    pub nodes: Vec<RelayNode>,
}

/// A relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayNode {
    /// Unique in the map.
    pub name: String,
    /// Number of its region.
    #[serde(deserialize_with = "number")]
    pub regionid: u16,
    /// Name in its certificate.
    pub hostname: String,
    /// Address, so that the relay is found when no resolver is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// Address, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
    /// Port of STUN (UDP). Written always: 0 would mean 3478.
    pub stunport: u16,
    /// Port of the relay protocol. Written always: 0 would mean 443.
    pub derpport: u16,
}

/// What Headscale or a client would trip over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MapError {
    /// Not YAML, or a field that Headscale would silently ignore.
    #[error("cannot be read as Headscale reads it: {0}")]
    Unreadable(String),
    /// Headscale does not start without a region.
    #[error("the map has no region")]
    Empty,
    /// A number outside those for own regions.
    #[error("region {0} does not lie between 900 and 999")]
    ForeignNumber(u16),
    /// Key, region and node disagree.
    #[error("region {key} calls itself {found}")]
    OtherNumber {
        /// The key in the map.
        key: u16,
        /// The number inside.
        found: u16,
    },
    /// A region that no client can use.
    #[error("region {0} has no relay")]
    NoRelay(u16),
    /// Two relays of one name.
    #[error("two relays are named `{0}`")]
    SameName(String),
    /// A host that is no domain name.
    #[error("relay `{name}` has the host `{host}`, which is no domain name")]
    Host {
        /// The relay.
        name: String,
        /// Its host.
        host: String,
    },
    /// A port that Headscale would replace by a default.
    #[error("relay `{0}` has a port 0")]
    NoPort(String),
}

impl DerpMap {
    /// One region per relay host.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let domain = relay_domain(cluster);
        let relay = &cluster.mesh.relay;
        let regions = relays(cluster)
            .map(|(name, regionid)| {
                let endpoint = cluster.nodes.get(name).and_then(|node| node.endpoint.as_ref());
                let (ipv4, ipv6) = match endpoint {
                    Some(Endpoint::Address(IpAddr::V4(address))) => (Some(*address), None),
                    Some(Endpoint::Address(IpAddr::V6(address))) => (None, Some(*address)),
                    Some(Endpoint::Name(_)) | None => (None, None),
                };
                let node = RelayNode {
                    name: name.to_string(),
                    regionid,
                    hostname: domain.child(name).to_string(),
                    ipv4,
                    ipv6,
                    stunport: relay.stun_port.number(),
                    derpport: relay.port.number(),
                };
                let region = Region {
                    regionid,
                    regioncode: name.to_string(),
                    regionname: format!("{} of {}", name, cluster.cluster.name),
                    nodes: vec![node],
                };
                (regionid, region)
            })
            .collect();
        Self { regions }
    }

    /// Whether a relay is left once every primer is off.
    #[must_use]
    pub fn survives_without_primers(&self, cluster: &Cluster) -> bool {
        let stays = |name: &str| cluster.nodes.get(name).is_some_and(|n| !n.roles.contains(&Role::Primer));
        self.regions.values().flat_map(|region| &region.nodes).any(|node| stays(&node.name))
    }
}

/// A number as Go's YAML reads it: not from quotes, which make it a text, and so not from the keys of JSON either.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Number(u16);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Plain;

        impl Visitor<'_> for Plain {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number without quotes")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                u16::try_from(number)
                    .map(Number)
                    .map_err(|_| E::custom(format!("{number} is no region's number")))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                self.visit_u64(u64::try_from(number).unwrap_or(u64::MAX))
            }
        }

        deserializer.deserialize_any(Plain)
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    Number::deserialize(deserializer).map(|number| number.0)
}

fn by_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u16, Region>, D::Error> {
    let regions = BTreeMap::<Number, Region>::deserialize(deserializer)?;
    Ok(regions.into_iter().map(|(number, region)| (number.0, region)).collect())
}

/// The reader shows the lines around a mistake too; a message is one line.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    // Options of the reader are nothing that its user could set.
    line.split(", set DuplicateKeyPolicy").next().unwrap_or(line).to_owned()
}

/// Reads a map as Headscale does, and refuses what Headscale would ignore or replace.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str) -> Result<DerpMap, MapError> {
    let map: DerpMap =
        serde_saphyr::from_str(text).map_err(|error| MapError::Unreadable(first_line(&error.to_string())))?;
    if map.regions.is_empty() {
        return Err(MapError::Empty);
    }
    let mut names = BTreeSet::new();
    for (key, region) in &map.regions {
        if !(900..=999).contains(key) {
            return Err(MapError::ForeignNumber(*key));
        }
        let numbers = region.nodes.iter().map(|node| node.regionid).chain([region.regionid]);
        if let Some(found) = numbers.into_iter().find(|found| found != key) {
            return Err(MapError::OtherNumber { key: *key, found });
        }
        if region.nodes.is_empty() {
            return Err(MapError::NoRelay(*key));
        }
        for node in &region.nodes {
            if !names.insert(&node.name) {
                return Err(MapError::SameName(node.name.clone()));
            }
            if node.hostname.parse::<Domain>().is_err() {
                return Err(MapError::Host { name: node.name.clone(), host: node.hostname.clone() });
            }
            if node.stunport == 0 || node.derpport == 0 {
                return Err(MapError::NoPort(node.name.clone()));
            }
        }
    }
    Ok(map)
}
