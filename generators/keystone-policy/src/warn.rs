//! What Headscale loads although it opens everything, matches nothing, or does not mean what it says.

use crate::alias::Alias;
use crate::place::{Place, Problems};
use crate::policy::{Acl, Grant, Policy};

pub fn warnings(policy: &Policy) -> Problems {
    let mut found = Problems::default();
    if policy.acls.is_none() && policy.grants.is_none() {
        found.push(
            &Place::default(),
            "the policy has neither `acls` nor `grants`, so everything is open; write `\"acls\": []` to close everything",
        );
    }
    for acl in policy.acls.iter().flatten() {
        acl_warnings(policy, acl, &mut found);
    }
    for grant in policy.grants.iter().flatten() {
        grant_warnings(policy, grant, &mut found);
    }
    for rule in &policy.ssh {
        nothing(&rule.place, "src", rule.src.len(), &mut found);
        nothing(&rule.place, "dst", rule.dst.len(), &mut found);
        for alias in rule.src.iter().chain(&rule.dst) {
            alias_warnings(policy, &alias.value, &alias.place, &mut found);
        }
    }
    for (name, users) in &policy.groups {
        for user in users.value.iter().filter(|user| user.matches('@').count() > 1) {
            found.push(&users.place, format!("`{user}` has more than one `@`, and no user has such a name"));
        }
        if name.contains('@') {
            found.push(&users.place, format!("`{name}` has an `@`: rules that name it mean a user"));
        }
    }
    for (name, net) in &policy.hosts {
        host_bits(&net.value, &net.place, &mut found);
        if name.parse::<std::net::IpAddr>().is_ok() {
            found.push(
                &net.place,
                format!("`{name}` is an address: rules that name it mean the address itself"),
            );
        }
    }
    for (tag, owners) in &policy.tag_owners {
        tag_spelling(tag, &owners.place, &mut found);
    }
    found
}

fn nothing(place: &Place, side: &str, length: usize, found: &mut Problems) {
    if length == 0 {
        found.push(place, format!("`{side}` is empty, so the rule matches nothing"));
    }
}

fn acl_warnings(policy: &Policy, acl: &Acl, found: &mut Problems) {
    if !acl.has_action {
        found.push(&acl.place, "the rule has no `action`, and accepts; write `\"action\": \"accept\"`");
    }
    nothing(&acl.place, "src", acl.src.len(), found);
    nothing(&acl.place, "dst", acl.dst.len(), found);
    for src in &acl.src {
        alias_warnings(policy, &src.value, &src.place, found);
    }
    for dst in &acl.dst {
        alias_warnings(policy, &dst.value.alias, &dst.place, found);
        // `*` is written as a range from 0; a range that begins so otherwise is a slip.
        let from_zero = dst.value.ports.iter().any(|range| range.first == 0 && range.last != u16::MAX);
        if from_zero {
            found.push(&dst.place, "a range begins with port 0, which does not exist");
        }
        if let Alias::Net(net) = &dst.value.alias
            && net.addr().is_ipv6()
            && net.prefix_len() == net.max_prefix_len()
            && !dst.value.bracketed
        {
            found.push(
                &dst.place,
                format!("`{}` without brackets: whatever stands behind the last colon is the port; write `[{}]:22`", net.addr(), net.addr()),
            );
        }
    }
}

fn grant_warnings(policy: &Policy, grant: &Grant, found: &mut Problems) {
    nothing(&grant.place, "src", grant.src.len(), found);
    nothing(&grant.place, "dst", grant.dst.len(), found);
    for alias in grant.src.iter().chain(&grant.dst) {
        alias_warnings(policy, &alias.value, &alias.place, found);
    }
}

fn alias_warnings(policy: &Policy, alias: &Alias, place: &Place, found: &mut Problems) {
    match alias {
        Alias::User(text) if text.starts_with("group:") || text.starts_with("tag:") => found.push(
            place,
            format!("`{text}` has an `@`, so it means a user of that name, and matches nothing"),
        ),
        Alias::User(text) if text.matches('@').count() > 1 => {
            found.push(place, format!("`{text}` has more than one `@`, and no user has such a name"));
        }
        Alias::Group(name) if policy.groups.get(name).is_some_and(|users| users.value.is_empty()) => {
            found.push(place, format!("`{name}` has no members, so it matches nothing"));
        }
        Alias::Net(net) => host_bits(net, place, found),
        _ => {}
    }
}

fn host_bits(net: &ipnet::IpNet, place: &Place, found: &mut Problems) {
    if net.trunc() != *net {
        found.push(place, format!("`{net}` has bits set behind its prefix; it means `{}`", net.trunc()));
    }
}

/// Keys and clients allow less in a tag than the policy does.
fn tag_spelling(tag: &str, place: &Place, found: &mut Problems) {
    let name = tag.strip_prefix("tag:").unwrap_or(tag);
    let fits = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !fits {
        found.push(
            place,
            format!("no machine can have `{tag}`: keys take tags of lower-case letters, digits and `-` only"),
        );
    }
}
