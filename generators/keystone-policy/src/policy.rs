//! The typed policy. Every name keeps its place in the text.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::alias::Alias;
use crate::place::Place;
use crate::port::{PortRange, Protocol};

/// Something with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    /// What stands there.
    pub const fn get(&self) -> &T {
        &self.value
    }
}

/// A policy as Headscale holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Users by group.
    pub groups: BTreeMap<String, At<Vec<String>>>,
    /// Addresses by name.
    pub hosts: BTreeMap<String, At<IpNet>>,
    /// Who may give a machine a tag.
    pub tag_owners: BTreeMap<String, At<Vec<At<Alias>>>>,
    /// Rules with ports. `None` is not the same as no rules: without `acls` and without `grants` everything is open.
    pub acls: Option<Vec<Acl>>,
    /// Rules with protocols or capabilities.
    pub grants: Option<Vec<Grant>>,
    /// Attributes of machines.
    pub node_attrs: Vec<NodeAttr>,
    /// Who may announce routes without being asked.
    pub auto_approvers: AutoApprovers,
    /// Who may log in where.
    pub ssh: Vec<SshRule>,
    /// Assertions about rules.
    pub tests: Vec<Test>,
    /// Assertions about logins.
    pub ssh_tests: Vec<SshTest>,
    /// Whether clients take a random port.
    pub randomize_client_port: bool,
}

/// A rule with ports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    pub(crate) place: Place,
    /// Whether `action` is written. A rule without it accepts.
    pub has_action: bool,
    /// Whether `proto` is written.
    pub protocol: Option<At<Protocol>>,
    /// Who.
    pub src: Vec<At<Alias>>,
    /// What.
    pub dst: Vec<At<Destination>>,
}

impl Acl {
    /// The protocol, or the set that a rule without one means.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol.as_ref().map_or(Protocol::Unset, |protocol| protocol.value)
    }
}

/// A destination of a rule with ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What.
    pub alias: Alias,
    /// On which ports.
    pub ports: Vec<PortRange>,
    /// Whether the alias stood in brackets.
    pub(crate) bracketed: bool,
}

/// A rule with protocols or capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    pub(crate) place: Place,
    /// Who.
    pub src: Vec<At<Alias>>,
    /// What.
    pub dst: Vec<At<Alias>>,
    /// By which protocols, on which ports.
    pub ip: Vec<ProtocolPorts>,
    /// Capabilities of applications.
    pub app: Vec<At<String>>,
    /// Tags of the routers that must be taken.
    pub via: Vec<At<String>>,
}

/// Ports of a protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolPorts {
    /// The protocol. Unset for a bare port and for `*`.
    pub protocol: Protocol,
    /// The ports.
    pub ports: Vec<PortRange>,
}

/// Attributes of machines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeAttr {
    /// Which machines.
    pub target: Vec<At<Alias>>,
    /// Which attributes.
    pub attr: Vec<At<String>>,
    /// Where `ipPool` is written with something in it.
    pub(crate) ip_pool: Option<Place>,
}

/// Who may announce routes without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoApprovers {
    /// By route.
    pub routes: Vec<(At<IpNet>, Vec<At<Alias>>)>,
    /// For all of the Internet.
    pub exit_node: Vec<At<Alias>>,
}

/// Whether a login needs a recent one at the identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SshAction {
    /// It does not.
    Accept,
    /// It does.
    Check,
}

/// Who may log in where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshRule {
    pub(crate) place: Place,
    /// Nothing where none is written, which is refused.
    pub action: Option<SshAction>,
    /// Who.
    pub src: Vec<At<Alias>>,
    /// Where.
    pub dst: Vec<At<Alias>>,
    /// As whom.
    pub users: Vec<At<String>>,
    /// Nanoseconds, below zero too, or nothing for «always». Absent where it is not written.
    pub check_period: Option<At<Option<i64>>>,
    /// Variables of the environment that the client may set.
    pub accept_env: Vec<At<String>>,
}

/// An assertion about rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Test {
    pub(crate) place: Place,
    /// Who. Headscale reads it when the test runs.
    pub src: String,
    /// By which protocol.
    pub protocol: Protocol,
    /// What must be open, as written.
    pub accept: Vec<At<String>>,
    /// What must be closed, as written.
    pub deny: Vec<At<String>>,
}

/// An assertion about logins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshTest {
    pub(crate) place: Place,
    /// Whether `src` names something.
    pub has_src: bool,
    /// Where.
    pub dst: Vec<At<Alias>>,
}
