//! `[[access]]` and `[[ssh]]`: closed references, rules that match something, and primers that stay out of reach.

use std::collections::BTreeSet;

use super::listed;
use super::people::unknown_group;
use crate::intent::{ADMINS, ALL_PORTS, OWN_DEVICES, groups_of_people};
use crate::problem::{At, Problem};
use crate::redact::shown;
use crate::role::Role;
use crate::service::{Plane, Service, services};
use crate::tables::{AccessPort, AccessRule, Cluster, Provider, SshAction, SshRule};
use crate::types::{Name, Proto};

/// Roles whose machines run other people's code, or are made from outside: they reach primers on the ports of
/// coordinator and relay, and on no other.
const NEVER_TO_PRIMERS: [Role; 3] = [Role::Worker, Role::Ingress, Role::Cloud];

/// What everybody reaches on primers.
const OPEN_ON_PRIMERS: [&str; 3] = ["coordinator", "relay", "stun"];

/// What is needed to judge rules.
struct Known<'c> {
    cluster: &'c Cluster,
    services: Vec<Service>,
    populated_groups: BTreeSet<Name>,
    populated_roles: BTreeSet<Role>,
}

impl Known<'_> {
    fn service(&self, name: &Name) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name.as_str())
    }
}

pub(super) fn check(cluster: &Cluster, problems: &mut Vec<Problem>) {
    let mut populated_roles: BTreeSet<Role> =
        cluster.nodes.values().flat_map(|node| node.roles.iter().copied()).collect();
    populated_roles.extend(cluster.pools.values().map(|pool| pool.provider.role()));
    let known = Known {
        cluster,
        services: services(cluster),
        populated_groups: groups_of_people(cluster).into_values().flatten().collect(),
        populated_roles,
    };
    let mut names = BTreeSet::new();
    for (n, rule) in cluster.access.iter().enumerate() {
        let at = At::table("access").index(n);
        unique(&rule.name, &mut names, &at, problems);
        access_rule(&known, rule, &at, problems);
    }
    for (n, rule) in cluster.ssh.iter().enumerate() {
        let at = At::table("ssh").index(n);
        unique(&rule.name, &mut names, &at, problems);
        ssh_rule(&known, rule, &at, problems);
    }
}

fn unique<'c>(name: &'c Name, seen: &mut BTreeSet<&'c Name>, at: &At, problems: &mut Vec<Problem>) {
    if !seen.insert(name) {
        problems.push(Problem::error(
            at.clone().key("name"),
            format!("another rule is named `{name}` already"),
            "give each rule a name of its own: the report tells by it which rule decided",
        ));
    }
}

impl Provider {
    /// The role of the machines that it makes.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Aws => Role::Cloud,
            Self::BareMetal => Role::Worker,
        }
    }
}

fn access_rule(known: &Known<'_>, rule: &AccessRule, at: &At, problems: &mut Vec<Problem>) {
    sources(known, &rule.from, at, problems);
    let mut has_role = false;
    let mut has_own = false;
    let mut names_service = false;
    if rule.to.is_empty() {
        problems.push(Problem::error(
            at.clone().key("to"),
            format!("the rule `{}` reaches nothing", rule.name),
            "name roles, services, or `self`",
        ));
    }
    for (n, target) in rule.to.iter().enumerate() {
        let at = at.clone().key("to").index(n);
        if let Some(role) = Role::named(target.as_str()) {
            has_role = true;
            role_is_populated(known, role, at, problems);
        } else if target.as_str() == OWN_DEVICES {
            has_own = true;
            if let Some(machine) = rule.from.iter().find(|from| Role::named(from.as_str()).is_some()) {
                problems.push(Problem::error(
                    at,
                    format!("`self` means a person's own devices, and `{machine}` is a role of machines"),
                    "write a rule of its own for the people",
                ));
            }
        } else if let Some(service) = known.service(target) {
            names_service = true;
            runs_in_mesh(service, at, problems);
        } else {
            problems.push(unknown_target(known, at, target));
        }
    }
    let needs_ports = has_role || has_own;
    if needs_ports && rule.ports.is_empty() {
        problems.push(Problem::error(
            at.clone(),
            format!("the rule `{}` opens no port", rule.name),
            "add `ports = [\"ssh\"]` or the like, or `[\"all\"]`",
        ));
    }
    if names_service && !needs_ports && !rule.ports.is_empty() {
        problems.push(
            Problem::error(
                at.clone().key("ports"),
                "a service brings its own ports",
                "remove `ports`, or name roles in `to`",
            )
            .resting_on(&["access"]),
        );
    }
    ports(known, rule, at, problems);
    spare_primers(known, rule, at, problems);
}

fn ports(known: &Known<'_>, rule: &AccessRule, at: &At, problems: &mut Vec<Problem>) {
    for (n, port) in rule.ports.iter().enumerate() {
        let at = at.clone().key("ports").index(n);
        match port {
            AccessPort::Service(name) if name.as_str() == ALL_PORTS => {}
            AccessPort::Service(name) => match known.service(name) {
                Some(service) => runs_in_mesh(service, at, problems),
                None => problems.push(unknown_service(known, at, name)),
            },
            AccessPort::Number(_) | AccessPort::Range(_) if rule.proto == Proto::Icmp => {
                problems.push(Problem::error(
                    at,
                    "ICMP has no ports",
                    "write `ports = [\"ping\"]`, which brings its protocol with it",
                ));
            }
            AccessPort::Number(_) | AccessPort::Range(_) => {}
        }
    }
}

/// What carries the mesh is reached beside it, and no rule of the mesh opens it.
fn runs_in_mesh(service: &Service, at: At, problems: &mut Vec<Problem>) {
    if service.plane == Plane::Underlay {
        problems.push(Problem::error(
            at,
            format!("`{}` does not run inside the mesh, so no rule opens it", service.name),
            "leave it out: the machines' own firewalls let it through",
        ));
    }
}

/// Machines that run other people's code must not reach primers by a hand-written rule.
fn spare_primers(known: &Known<'_>, rule: &AccessRule, at: &At, problems: &mut Vec<Problem>) {
    let Some(from) = rule
        .from
        .iter()
        .find(|from| Role::named(from.as_str()).is_some_and(|r| NEVER_TO_PRIMERS.contains(&r)))
    else {
        return;
    };
    for (n, target) in rule.to.iter().enumerate() {
        let is_primer = target.as_str() == Role::Primer.as_str();
        let serves_primer = known.service(target).is_some_and(|service| {
            service.servers.contains(&Role::Primer)
                && service.plane.in_mesh()
                && !OPEN_ON_PRIMERS.contains(&service.name)
        });
        if is_primer || serves_primer {
            problems.push(Problem::error(
                at.clone().key("to").index(n),
                format!("the rule `{}` lets machines of the role `{from}` reach primers", rule.name),
                "leave it out: they have the ports of coordinator and relay, and primers hold the root of trust",
            ));
        }
    }
}

fn ssh_rule(known: &Known<'_>, rule: &SshRule, at: &At, problems: &mut Vec<Problem>) {
    sources(known, &rule.from, at, problems);
    for (n, from) in rule.from.iter().enumerate() {
        if let Some(role) = Role::named(from.as_str()) {
            problems.push(Problem::error(
                at.clone().key("from").index(n),
                format!("machines of the role `{role}` would log in on other machines"),
                "name groups of people; machines use services",
            ));
        }
    }
    if rule.to.is_empty() {
        problems.push(Problem::error(
            at.clone().key("to"),
            format!("the rule `{}` reaches nothing", rule.name),
            format!("name one of {}", listed(Role::ALL)),
        ));
    }
    for (n, target) in rule.to.iter().enumerate() {
        let at = at.clone().key("to").index(n);
        match Role::named(target.as_str()) {
            Some(reached) => role_is_populated(known, reached, at, problems),
            None => problems.push(Problem::error(
                at,
                format!("`{target}` is no role of machines"),
                format!("name one of {}", listed(Role::ALL)),
            )),
        }
    }
    if rule.users.is_empty() {
        problems.push(Problem::error(
            at.clone().key("users"),
            format!("the rule `{}` names no user", rule.name),
            "name the users of the machine that people may be, such as `root`",
        ));
    }
    for (n, user) in rule.users.iter().enumerate() {
        let fits = !user.is_empty()
            && user.len() <= 32
            && user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && user.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !fits {
            problems.push(Problem::error(
                at.clone().key("users").index(n),
                format!("`{}` is no user of a machine", shown(user)),
                "name each user: there is no wildcard",
            ));
        }
    }
    check_period(rule, at, problems);
}

fn check_period(rule: &SshRule, at: &At, problems: &mut Vec<Problem>) {
    let Some(period) = rule.check_period else { return };
    let at = at.clone().key("checkPeriod");
    if rule.action == SshAction::Accept {
        problems.push(
            Problem::error(
                at,
                format!("`{period}` has no effect with `action = \"accept\"`"),
                "write `action = \"check\"`, or remove it",
            )
            .resting_on(&["ssh"]),
        );
    } else if period.seconds() == 0 || period.seconds() > 168 * 3600 {
        problems.push(Problem::error(
            at,
            format!("a check period of `{period}`"),
            "take one between `1s` and `168h`: Headscale accepts no longer one",
        ));
    }
}

fn sources(known: &Known<'_>, from: &[Name], at: &At, problems: &mut Vec<Problem>) {
    if from.is_empty() {
        problems.push(Problem::error(
            at.clone().key("from"),
            "the rule is for nobody",
            "name groups of people or roles",
        ));
    }
    for (n, source) in from.iter().enumerate() {
        let at = at.clone().key("from").index(n);
        if let Some(role) = Role::named(source.as_str()) {
            role_is_populated(known, role, at, problems);
        } else if source.as_str() != ADMINS && !known.cluster.groups.contains_key(source) {
            problems.push(unknown_source(known, at, source));
        } else if !known.populated_groups.contains(source) {
            problems.push(
                Problem::error(
                    at,
                    format!("the group `{source}` has no members, so the rule matches nothing"),
                    "add somebody to the group, or remove the rule",
                )
                .resting_on(&["people", "groups"]),
            );
        }
    }
}

fn role_is_populated(known: &Known<'_>, role: Role, at: At, problems: &mut Vec<Problem>) {
    if !known.populated_roles.contains(&role) {
        problems.push(
            Problem::error(
                at,
                format!("no node and no pool has the role `{role}`, so the rule matches nothing"),
                "add such a node, or take the role out",
            )
            .resting_on(&["nodes", "pools"]),
        );
    }
}

fn unknown_source(known: &Known<'_>, at: At, name: &Name) -> Problem {
    if known.cluster.nodes.contains_key(name) {
        return Problem::error(
            at,
            format!("`{name}` is one machine, and rules are for roles"),
            "name the role of the machine",
        );
    }
    unknown_group(known.cluster, at, name)
}

fn unknown_target(known: &Known<'_>, at: At, name: &Name) -> Problem {
    if name.as_str() == ADMINS || known.cluster.groups.contains_key(name) {
        return Problem::error(
            at,
            format!("`{name}` is a group of people, used as machines"),
            format!("name roles ({}), services, or `self`", listed(Role::ALL)),
        );
    }
    if known.cluster.nodes.contains_key(name) {
        return Problem::error(
            at,
            format!("`{name}` is one machine, and rules are for roles"),
            "name the role of the machine, or give it a role of its own",
        );
    }
    let mut problem = unknown_service(known, at, name);
    problem.message = format!("`{name}` is no role and no service");
    problem
}

fn unknown_service(known: &Known<'_>, at: At, name: &Name) -> Problem {
    let candidates = known.services.iter().map(|s| s.name).chain(Role::ALL.iter().map(|r| r.as_str()));
    let nearest = candidates
        .map(|candidate| (strsim::jaro_winkler(name.as_str(), candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    let fix = nearest.map_or_else(
        || format!("services are {}", listed(known.services.iter().map(|s| s.name))),
        |(_, candidate)| format!("did you mean `{candidate}`?"),
    );
    Problem::error(at, format!("no service is named `{name}`"), fix)
}
