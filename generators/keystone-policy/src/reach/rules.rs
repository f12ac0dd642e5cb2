//! Rules, resolved to places in signatures.

use super::Proto;
use super::members::{Aliases, Member, Signature, V4, V6};
use crate::alias::{Alias, Autogroup};
use crate::policy::Policy;
use crate::port::{PortRange, Protocol};

/// One rule, or everything where there are no rules.
pub struct Opening {
    /// Its place in the document.
    pub rule: String,
    kind: What,
}

enum What {
    /// No rule is written, so everything is open.
    Everything,
    /// A rule.
    Rule { sources: Vec<usize>, targets: Vec<Target> },
}

struct Target {
    /// Place of the destination in signatures; nothing for `autogroup:self`.
    place: Option<usize>,
    protocol: Protocol,
    ports: Vec<PortRange>,
}

/// All rules of a policy that can open something between members.
pub fn openings(policy: &Policy, aliases: &Aliases) -> Vec<Opening> {
    if policy.acls.is_none() && policy.grants.is_none() {
        return vec![Opening { rule: String::new(), kind: What::Everything }];
    }
    let target = |alias: &Alias, protocol: Protocol, ports: &[PortRange]| Target {
        place: if *alias == Alias::Autogroup(Autogroup::Own) { None } else { aliases.place(alias) },
        protocol,
        ports: ports.to_vec(),
    };
    let mut openings = Vec::new();
    for (n, acl) in policy.acls.iter().flatten().enumerate() {
        openings.push(Opening {
            rule: format!("acls/{n}"),
            kind: What::Rule {
                sources: acl.src.iter().filter_map(|src| aliases.place(&src.value)).collect(),
                targets: acl
                    .dst
                    .iter()
                    .map(|dst| target(&dst.value.alias, acl.protocol(), &dst.value.ports))
                    .collect(),
            },
        });
    }
    for (n, grant) in policy.grants.iter().flatten().enumerate() {
        // A grant with `via` leads through a router to addresses outside the mesh.
        if !grant.via.is_empty() {
            continue;
        }
        openings.push(Opening {
            rule: format!("grants/{n}"),
            kind: What::Rule {
                sources: grant.src.iter().filter_map(|src| aliases.place(&src.value)).collect(),
                targets: grant
                    .dst
                    .iter()
                    .flat_map(|dst| grant.ip.iter().map(|ip| target(&dst.value, ip.protocol, &ip.ports)))
                    .collect(),
            },
        });
    }
    openings
}

impl Opening {
    /// Whether the rule is for this member at all.
    pub fn concerns(&self, source: &Member) -> bool {
        self.source_bits(&source.signature) != 0
    }

    fn source_bits(&self, source: &Signature) -> u8 {
        match &self.kind {
            What::Everything => V4 | V6,
            What::Rule { sources, .. } => {
                sources.iter().fold(0, |bits, place| bits | source.as_source(*place))
            }
        }
    }

    /// What the rule opens from one member to another in these versions of IP. With `own` both are one user, and
    /// `autogroup:self` holds.
    pub fn between(
        &self,
        source: &Member,
        target: &Member,
        versions: u8,
        own: bool,
    ) -> Vec<(Proto, Vec<PortRange>)> {
        if !own || source.devices.is_empty() {
            return self.between_devices(&source.signature, &target.signature, versions, own);
        }
        // Rules about addresses tell this user's devices apart: every pair of them is asked.
        let pairs = source.devices.iter().enumerate().flat_map(|(n, from)| {
            let others = source.devices.iter().enumerate().filter(move |(m, _)| *m != n);
            others.map(move |(_, to)| (from, to))
        });
        pairs.flat_map(|(from, to)| self.between_devices(from, to, versions, own)).collect()
    }

    fn between_devices(
        &self,
        source: &Signature,
        target: &Signature,
        versions: u8,
        own: bool,
    ) -> Vec<(Proto, Vec<PortRange>)> {
        let from = self.source_bits(source);
        let What::Rule { targets, .. } = &self.kind else {
            if source.versions() & target.versions() & versions == 0 {
                return Vec::new();
            }
            let all = vec![PortRange { first: 1, last: u16::MAX }];
            // What a client takes a rule without a protocol for: no SCTP.
            return vec![(Proto::Tcp, all.clone()), (Proto::Udp, all), (Proto::Icmp, vec![])];
        };
        let mut opened = Vec::new();
        for to in targets {
            let bits = match to.place {
                // Headscale then takes all addresses of both devices.
                None if own && from != 0 => source.versions() & target.versions(),
                None => 0,
                Some(place) => from & target.as_target(place),
            } & versions;
            if bits == 0 {
                continue;
            }
            for proto in protos(to.protocol, bits) {
                let ports = if proto == Proto::Icmp { vec![] } else { real_ports(&to.ports) };
                if proto == Proto::Icmp || !ports.is_empty() {
                    opened.push((proto, ports));
                }
            }
        }
        opened
    }
}

/// The transports of the matrix that a protocol means where these versions of IP hold.
fn protos(protocol: Protocol, bits: u8) -> Vec<Proto> {
    match protocol {
        Protocol::Unset => vec![Proto::Tcp, Proto::Udp, Proto::Icmp],
        Protocol::TCP => vec![Proto::Tcp],
        Protocol::UDP => vec![Proto::Udp],
        Protocol::SCTP => vec![Proto::Sctp],
        Protocol::Number(1) if bits & V4 != 0 => vec![Proto::Icmp],
        Protocol::Number(58) if bits & V6 != 0 => vec![Proto::Icmp],
        Protocol::Number(_) => vec![],
    }
}

/// Ports that exist: a range that begins with 0 begins with 1.
fn real_ports(ranges: &[PortRange]) -> Vec<PortRange> {
    ranges
        .iter()
        .filter(|range| range.last > 0)
        .map(|range| PortRange { first: range.first.max(1), last: range.last })
        .collect()
}
