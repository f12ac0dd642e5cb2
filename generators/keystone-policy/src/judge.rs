//! The rules that Headscale checks once everything is read: closed references, and what may stand together.

use std::collections::BTreeSet;

use crate::alias::{Alias, Autogroup};
use crate::place::{Place, Problems};
use crate::policy::{Acl, At, Grant, NodeAttr, Policy, SshAction, SshRule, SshTest, Test};

pub fn judge(policy: &Policy, problems: &mut Problems) {
    for acl in policy.acls.iter().flatten() {
        judge_acl(policy, acl, problems);
    }
    for rule in &policy.ssh {
        judge_ssh(policy, rule, problems);
    }
    for grant in policy.grants.iter().flatten() {
        judge_grant(policy, grant, problems);
    }
    for node_attr in &policy.node_attrs {
        judge_node_attr(policy, node_attr, problems);
    }
    for owners in policy.tag_owners.values() {
        for owner in &owners.value {
            defined(policy, &owner.value, &owner.place, problems);
        }
    }
    let routes = policy.auto_approvers.routes.iter().flat_map(|(_, approvers)| approvers);
    for approver in routes.chain(&policy.auto_approvers.exit_node) {
        defined(policy, &approver.value, &approver.place, problems);
    }
    for test in &policy.tests {
        judge_test(policy, test, problems);
    }
    for test in &policy.ssh_tests {
        judge_ssh_test(policy, test, problems);
    }
}

/// Groups, tags and hosts that a rule names are defined.
fn defined(policy: &Policy, alias: &Alias, place: &Place, problems: &mut Problems) {
    let fix = match alias {
        Alias::Group(name) if !policy.groups.contains_key(name) => {
            "the group is not defined; add it to `groups`"
        }
        Alias::Tag(name) if !policy.tag_owners.contains_key(name) => {
            "the tag is not defined; add it to `tagOwners`, with `[]` if nobody owns it"
        }
        Alias::Host(name) if !policy.hosts.contains_key(name) => {
            "the host is not defined; add it to `hosts`, or write an `@` behind it if it is a user"
        }
        _ => return,
    };
    problems.push(place, format!("`{alias}`: {fix}"));
}

fn source(policy: &Policy, alias: &At<Alias>, problems: &mut Problems) {
    defined(policy, &alias.value, &alias.place, problems);
    let why = match alias.value {
        Alias::Autogroup(Autogroup::Internet) => "can only be a destination",
        Alias::Autogroup(Autogroup::Own) => "can only be a destination: it means the devices of whoever asks",
        Alias::Autogroup(Autogroup::NonRoot) => "can only be a user of an SSH rule",
        _ => return,
    };
    problems.push(&alias.place, format!("`{}` {why}", alias.value));
}

fn target(policy: &Policy, alias: &Alias, place: &Place, problems: &mut Problems) {
    defined(policy, alias, place, problems);
    let why = match alias {
        Alias::Autogroup(Autogroup::DangerAll) => "can only be a source",
        Alias::Autogroup(Autogroup::NonRoot) => "can only be a user of an SSH rule",
        _ => return,
    };
    problems.push(place, format!("`{alias}` {why}"));
}

/// Whether devices of users alone can stand behind an alias, so that `autogroup:self` has a meaning for it.
const fn only_users(alias: &Alias) -> bool {
    matches!(alias, Alias::User(_) | Alias::Group(_) | Alias::Autogroup(Autogroup::Member))
}

fn judge_acl(policy: &Policy, acl: &Acl, problems: &mut Problems) {
    for src in &acl.src {
        source(policy, src, problems);
    }
    for dst in &acl.dst {
        target(policy, &dst.value.alias, &dst.place, problems);
        let all = dst.value.ports.iter().all(|range| (range.first, range.last) == (0, u16::MAX));
        if !acl.protocol().has_ports() && !all {
            problems
                .push(&dst.place, format!("{} has no ports; write `{}:*`", acl.protocol(), dst.value.alias));
        }
    }
    let own = acl.dst.iter().any(|dst| dst.value.alias == Alias::Autogroup(Autogroup::Own));
    if own {
        for src in acl.src.iter().filter(|src| !only_users(&src.value) && src.value != Alias::Any) {
            problems.push(&src.place, own_devices_of(&src.value));
        }
    }
}

fn own_devices_of(alias: &Alias) -> String {
    format!("`{alias}` has no devices of its own, which `autogroup:self` means; name users or groups")
}

fn judge_grant(policy: &Policy, grant: &Grant, problems: &mut Problems) {
    if grant.ip.is_empty() && grant.app.is_empty() {
        problems.push(&grant.place, "the grant gives nothing; add `ip` or `app`");
    }
    for capability in &grant.app {
        judge_capability(capability, problems);
    }
    for src in &grant.src {
        source(policy, src, problems);
    }
    for dst in &grant.dst {
        target(policy, &dst.value, &dst.place, problems);
        match &dst.value {
            Alias::Net(net) if net.prefix_len() == 0 => problems
                .push(&dst.place, format!("`{net}` is every address; write `*` or `autogroup:internet`")),
            Alias::Autogroup(Autogroup::Internet) if !grant.app.is_empty() => {
                problems.push(&dst.place, "capabilities cannot be given towards `autogroup:internet`");
            }
            _ => {}
        }
    }
    for tag in &grant.via {
        defined(policy, &Alias::Tag(tag.value.clone()), &tag.place, problems);
    }
    if grant.dst.iter().any(|dst| dst.value == Alias::Autogroup(Autogroup::Own)) {
        for src in grant.src.iter().filter(|src| !only_users(&src.value)) {
            problems.push(&src.place, own_devices_of(&src.value));
        }
    }
}

/// Capabilities below `tailscale.com/` that a grant may give.
const TAILSCALE_CAPABILITIES: [&str; 5] = [
    "tailscale.com/cap/drive",
    "tailscale.com/cap/kubernetes",
    "tailscale.com/cap/relay",
    "tailscale.com/cap/tsidp",
    "tailscale.com/cap/webui",
];

fn judge_capability(capability: &At<String>, problems: &mut Problems) {
    let name = capability.value.as_str();
    if name.contains("://") {
        problems.push(&capability.place, format!("`{name}` is a URL; write `domain/path`"));
    } else if name.starts_with("tailscale.com/") && !TAILSCALE_CAPABILITIES.contains(&name) {
        let allowed = TAILSCALE_CAPABILITIES.join(", ");
        problems.push(
            &capability.place,
            format!("`{name}` is given by Headscale alone; of its domain there are {allowed}"),
        );
    }
}

fn judge_node_attr(policy: &Policy, node_attr: &NodeAttr, problems: &mut Problems) {
    for target in &node_attr.target {
        defined(policy, &target.value, &target.place, problems);
        if let Alias::Autogroup(group) = target.value
            && !matches!(group, Autogroup::Member | Autogroup::Tagged)
        {
            problems.push(
                &target.place,
                format!("`{group}` is no set of machines; write `autogroup:member` or `autogroup:tagged`"),
            );
        }
    }
    for attr in node_attr.attr.iter().filter(|attr| attr.value == "funnel") {
        problems.push(&attr.place, "`funnel` is not built in Headscale");
    }
    if let Some(place) = &node_attr.ip_pool {
        problems.push(place, "`ipPool` is not built in Headscale");
    }
}

fn judge_ssh(policy: &Policy, rule: &SshRule, problems: &mut Problems) {
    if rule.action.is_none() {
        problems.push(&rule.place, "the rule has no action; write \"accept\" or \"check\"");
    }
    if rule.users.is_empty() {
        problems.push(&rule.place, "the rule names no users; write `\"users\": [\"root\"]` or the like");
    }
    for user in rule.users.iter().filter(|user| matches!(user.value.as_str(), "" | "*")) {
        problems.push(&user.place, format!("{:?} is no user of a machine; name each", user.value));
    }
    for variable in rule.accept_env.iter().filter(|variable| variable.value.is_empty()) {
        problems.push(&variable.place, "an empty name is no variable");
    }
    for src in &rule.src {
        defined(policy, &src.value, &src.place, problems);
        if let Alias::Autogroup(group) = src.value
            && !matches!(group, Autogroup::Member | Autogroup::Tagged)
        {
            problems.push(&src.place, format!("`{group}` can start no login"));
        }
    }
    for dst in &rule.dst {
        ssh_destination(policy, dst, problems);
    }
    ssh_combination(rule, problems);
    if let Some(period) = &rule.check_period {
        let week = 168 * 3_600_000_000_000;
        let why = match period.value {
            _ if rule.action != Some(SshAction::Check) => "has a meaning only with the action \"check\"",
            Some(nanoseconds) if nanoseconds < 0 => "lies in the past; write a length above zero",
            Some(nanoseconds) if nanoseconds > week => "is longer than `168h`, the longest there is",
            _ => return,
        };
        problems.push(&period.place, format!("the check period {why}"));
    }
}

fn ssh_destination(policy: &Policy, dst: &At<Alias>, problems: &mut Problems) {
    match &dst.value {
        Alias::Host(name) => problems
            .push(&dst.place, format!("`{name}` is a host, and logins lead to tags, users or autogroups")),
        Alias::Autogroup(group)
            if !matches!(group, Autogroup::Member | Autogroup::Tagged | Autogroup::Own) =>
        {
            problems.push(&dst.place, format!("`{group}` is no machine to log in on"));
        }
        other => defined(policy, other, &dst.place, problems),
    }
}

/// Machines never log in on people's devices, and people only on their own.
fn ssh_combination(rule: &SshRule, problems: &mut Problems) {
    let machines =
        rule.src.iter().any(|s| matches!(s.value, Alias::Tag(_) | Alias::Autogroup(Autogroup::Tagged)));
    let many =
        rule.src.iter().any(|s| matches!(s.value, Alias::Group(_) | Alias::Autogroup(Autogroup::Member)));
    let users: BTreeSet<&String> = rule
        .src
        .iter()
        .filter_map(|src| match &src.value {
            Alias::User(user) => Some(user),
            _ => None,
        })
        .collect();
    for dst in &rule.dst {
        let why = match &dst.value {
            Alias::User(_) if machines => "is a person, and machines do not log in on people's devices",
            Alias::User(user) if many || users.len() != 1 || !users.contains(user) => {
                "is a person, and only that person alone may log in there; write `autogroup:self`"
            }
            Alias::Autogroup(Autogroup::Own | Autogroup::Member) if machines => {
                "means people's devices, and machines do not log in there"
            }
            _ => continue,
        };
        problems.push(&dst.place, format!("`{}` {why}", dst.value));
    }
}

fn judge_test(policy: &Policy, test: &Test, problems: &mut Problems) {
    if test.accept.is_empty() && test.deny.is_empty() {
        problems.push(&test.place, "the test asserts nothing; add `accept` or `deny`");
    }
    if !test.protocol.has_ports() {
        problems
            .push(&test.place, format!("a test is about tcp, udp or sctp, and not about {}", test.protocol));
    }
    for dst in test.accept.iter().chain(&test.deny) {
        if let Err(why) = test_destination(policy, &dst.value) {
            problems.push(&dst.place, why);
        }
    }
}

fn test_destination(policy: &Policy, text: &str) -> Result<(), String> {
    let (alias, ports) = Alias::parse_with_ports(text)?;
    if alias == Alias::Autogroup(Autogroup::Internet) {
        return Err("`autogroup:internet` is no destination of a test".to_owned());
    }
    if !matches!(ports.as_slice(), [range] if range.first == range.last) {
        return Err(format!("`{text}`: a test is about one port"));
    }
    let range = match &alias {
        Alias::Net(_) => text.contains('/'),
        Alias::Host(name) => {
            policy.hosts.get(name).is_some_and(|net| net.value.prefix_len() < net.value.max_prefix_len())
        }
        Alias::Tag(tag) => return crate::read::tag_name(tag),
        _ => false,
    };
    if range { Err(format!("`{text}`: a test is about one machine, and this is a range")) } else { Ok(()) }
}

fn judge_ssh_test(policy: &Policy, test: &SshTest, problems: &mut Problems) {
    if !test.has_src {
        problems.push(&test.place, "the test has no `src`");
    }
    if test.dst.is_empty() {
        problems.push(&test.place, "the test has no `dst`");
    }
    for dst in &test.dst {
        let range = |net: &ipnet::IpNet| net.prefix_len() < net.max_prefix_len();
        let why = match &dst.value {
            Alias::Autogroup(Autogroup::Internet) => "is no machine to log in on",
            Alias::Net(net) if range(net) => "is a range, and a test is about one machine",
            Alias::Host(name) if policy.hosts.get(name).is_some_and(|net| range(&net.value)) => {
                "is a range, and a test is about one machine"
            }
            Alias::Tag(tag) if !policy.tag_owners.contains_key(tag) => {
                "is not defined; add it to `tagOwners`"
            }
            _ => continue,
        };
        problems.push(&dst.place, format!("`{}` {why}", dst.value));
    }
}
