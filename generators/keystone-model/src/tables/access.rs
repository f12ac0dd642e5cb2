//! `[[access]]` and `[[ssh]]`

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::types::{Duration, Name, Port, PortRange, Proto};

/// Opens ports of machines to groups of people, or to machines of other roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessRule {
    /// What the rule is for. It names the rule in the report and in the policy.
    #[schemars(example = "developers-api")]
    pub name: Name,
    /// Groups of people and roles of machines.
    #[schemars(length(min = 1))]
    #[schemars(example = ["developers"])]
    pub from: Vec<Name>,
    /// Roles of machines, names of services (all machines that serve them, on their ports), or `self`: the person's
    /// own devices.
    #[schemars(length(min = 1))]
    #[schemars(example = ["kubernetes-api"])]
    pub to: Vec<Name>,
    /// Ports on the machines of the roles in `to`: names of services, numbers, ranges (`"8000-8100"`), or `"all"`.
    #[serde(default)]
    pub ports: Vec<AccessPort>,
    /// Transport of the ports that are written as numbers.
    #[serde(default)]
    pub proto: Proto,
}

/// A port of an access rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AccessPort {
    /// One port by its number.
    Number(Port),
    /// A range of ports.
    Range(PortRange),
    /// A service by its name, or `all`.
    Service(Name),
}

// By hand, as an untagged enum answers every mistake with "did not match any variant".
impl<'de> Deserialize<'de> for AccessPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = AccessPort;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, a range like \"8000-8100\", the name of a service, or \"all\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<AccessPort, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<AccessPort, E> {
                Port::try_from(number).map(AccessPort::Number).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AccessPort, E> {
                if text.starts_with(|c: char| c.is_ascii_digit()) {
                    text.parse().map(AccessPort::Range).map_err(E::custom)
                } else {
                    text.parse().map(AccessPort::Service).map_err(E::custom)
                }
            }
        }

        deserializer.deserialize_any(Written)
    }
}

/// Lets people log in on machines through the mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SshRule {
    /// What the rule is for.
    #[schemars(example = "admins-shell")]
    pub name: Name,
    /// Groups of people.
    #[schemars(length(min = 1))]
    #[schemars(example = ["admins"])]
    pub from: Vec<Name>,
    /// Roles of machines.
    #[schemars(length(min = 1))]
    #[schemars(example = ["worker"])]
    pub to: Vec<Name>,
    /// Users of the machine that they may be.
    #[schemars(length(min = 1))]
    pub users: Vec<String>,
    /// Whether the person must have logged in recently.
    #[serde(default)]
    pub action: SshAction,
    /// How recently, for `action = "check"`. At most a week; 12 hours where nothing is written.
    pub check_period: Option<Duration>,
}

/// Whether a person who logs in must have authenticated recently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SshAction {
    /// Being in the mesh is enough.
    #[default]
    Accept,
    /// The person must have authenticated within the check period.
    Check,
}

impl SshAction {
    /// The action as Headscale writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Check => "check",
        }
    }
}
