//! `acls`, `grants`, `nodeAttrs`, `ssh`, `tests`, `sshTests`: one object each.

use super::fields::{Fields, aliases, go_trim, items, string, strings};
use super::go_duration;
use super::tables::{capabilities, tag_name};
use crate::alias::{Alias, parse_net};
use crate::json::{Kind, Value};
use crate::place::{Place, Problems};
use crate::policy::{
    Acl, At, Destination, Grant, NodeAttr, ProtocolPorts, SshAction, SshRule, SshTest, Test,
};
use crate::port::{PortRange, Protocol};

pub fn acl(value: &Value, place: Place, problems: &mut Problems) -> Acl {
    let mut acl = Acl::default();
    if let Some(mut fields) = Fields::of(value, &place, problems) {
        fields.ignore_notes();
        if let Some((value, place)) = fields.take("action", problems) {
            acl.has_action = true;
            if value.kind != Kind::String("accept".to_owned()) {
                problems.push(&place, format!("{} is no action; the only one is \"accept\"", shown(value)));
            }
        }
        if let Some((value, place)) = fields.take("proto", problems) {
            acl.protocol = protocol(value, place, problems);
        }
        if let Some((value, place)) = fields.take("src", problems) {
            acl.src = aliases(value, &place, problems);
        }
        if let Some((value, place)) = fields.take("dst", problems) {
            let list = items(value, &place, problems).unwrap_or_default();
            acl.dst = list.into_iter().filter_map(|(v, p)| destination(v, p, problems)).collect();
        }
        fields.finish(problems);
    }
    acl.place = place;
    acl
}

/// Numbers are read as text, as Headscale does.
fn protocol(value: &Value, place: Place, problems: &mut Problems) -> Option<At<Protocol>> {
    let text = match &value.kind {
        Kind::String(text) | Kind::Number(text) => text,
        other => {
            problems.push(&place, format!("{} stands where a protocol belongs", other.name()));
            return None;
        }
    };
    match Protocol::parse(text, true) {
        Ok(value) => Some(At { value, place }),
        Err(why) => {
            problems.push(&place, why);
            None
        }
    }
}

fn destination(value: &Value, place: Place, problems: &mut Problems) -> Option<At<Destination>> {
    let Kind::String(text) = &value.kind else {
        problems.push(&place, format!("{} stands where a destination belongs", value.kind.name()));
        return None;
    };
    let parsed = Alias::parse_with_ports(text).and_then(|(alias, ports)| {
        if let Alias::Tag(tag) = &alias {
            tag_name(tag)?;
        }
        Ok(Destination { alias, ports, bracketed: text.starts_with('[') })
    });
    match parsed {
        Ok(value) => Some(At { value, place }),
        Err(why) => {
            problems.push(&place, why);
            None
        }
    }
}

pub fn grant(value: &Value, place: Place, problems: &mut Problems) -> Grant {
    let mut grant = Grant::default();
    if let Some(mut fields) = Fields::of(value, &place, problems) {
        if let Some((value, place)) = fields.take("src", problems) {
            grant.src = aliases(value, &place, problems);
        }
        if let Some((value, place)) = fields.take("dst", problems) {
            grant.dst = aliases(value, &place, problems);
        }
        if let Some((value, place)) = fields.take("ip", problems) {
            let list = items(value, &place, problems).unwrap_or_default();
            grant.ip = list.into_iter().filter_map(|(v, p)| protocol_ports(v, &p, problems)).collect();
        }
        if let Some((value, place)) = fields.take("app", problems) {
            grant.app = capabilities(value, &place, problems);
        }
        if let Some((value, place)) = fields.take("via", problems) {
            grant.via = strings(value, &place, false, problems);
            for tag in &grant.via {
                if let Err(why) = tag_name(&tag.value) {
                    problems.push(&tag.place, why);
                }
            }
        }
        fields.finish(problems);
    }
    grant.place = place;
    grant
}

fn protocol_ports(value: &Value, place: &Place, problems: &mut Problems) -> Option<ProtocolPorts> {
    let Kind::String(text) = &value.kind else {
        problems.push(place, format!("{} stands where ports belong; write `\"tcp:22\"`", value.kind.name()));
        return None;
    };
    let parsed = match text.split(':').collect::<Vec<_>>().as_slice() {
        ["*"] => Ok((Protocol::Unset, vec![PortRange::ANY])),
        [ports] => PortRange::parse_list(ports).map(|ports| (Protocol::Unset, ports)),
        [protocol, ports] => Protocol::parse(protocol, false)
            .and_then(|protocol| Ok((protocol, PortRange::parse_list(ports)?))),
        _ => Err(format!("`{text}` has more than one colon; write a protocol, a colon and ports")),
    };
    match parsed {
        Ok((protocol, ports)) => Some(ProtocolPorts { protocol, ports }),
        Err(why) => {
            problems.push(place, format!("`{text}`: {why}"));
            None
        }
    }
}

pub fn node_attr(value: &Value, place: &Place, problems: &mut Problems) -> NodeAttr {
    let mut node_attr = NodeAttr::default();
    let Some(mut fields) = Fields::of(value, place, problems) else { return node_attr };
    if let Some((value, place)) = fields.take("target", problems) {
        node_attr.target = aliases(value, &place, problems);
    }
    if let Some((value, place)) = fields.take("attr", problems) {
        node_attr.attr = strings(value, &place, false, problems);
    }
    if let Some((value, place)) = fields.take("ipPool", problems) {
        let pools = strings(value, &place, false, problems);
        for pool in &pools {
            let is_range = pool.value.contains('/') && parse_net(&pool.value).is_some();
            if !is_range && !pool.value.is_empty() {
                problems.push(&pool.place, format!("`{}` is no range", pool.value));
            }
        }
        node_attr.ip_pool = (!pools.is_empty()).then_some(place);
    }
    fields.finish(problems);
    node_attr
}

pub fn ssh(value: &Value, place: Place, problems: &mut Problems) -> SshRule {
    let mut rule = SshRule::default();
    if let Some(mut fields) = Fields::of(value, &place, problems) {
        if let Some((value, place)) = fields.take("action", problems) {
            rule.action = ssh_action(value, &place, problems);
        }
        if let Some((value, place)) = fields.take("src", problems) {
            rule.src = aliases(value, &place, problems);
            for src in &rule.src {
                if matches!(src.value, Alias::Any | Alias::Host(_) | Alias::Net(_)) {
                    problems.push(
                        &src.place,
                        format!(
                            "`{}` can start no login; name a user, a group, a tag or an autogroup",
                            src.value
                        ),
                    );
                }
            }
        }
        if let Some((value, place)) = fields.take("dst", problems) {
            rule.dst = aliases(value, &place, problems);
            for dst in &rule.dst {
                let why = match dst.value {
                    Alias::Any => {
                        "stands for every machine; name tags, users, `autogroup:tagged` or `autogroup:member`"
                    }
                    Alias::Group(_) => {
                        "is a group, and logins lead to machines; name a tag, a user or `autogroup:self`"
                    }
                    Alias::Net(_) => "is an address; name a tag, a user or an autogroup",
                    _ => continue,
                };
                problems.push(&dst.place, format!("`{}` {why}", dst.value));
            }
        }
        if let Some((value, place)) = fields.take("users", problems) {
            rule.users = strings(value, &place, true, problems);
        }
        if let Some((value, place)) = fields.take("checkPeriod", problems) {
            rule.check_period = check_period(value, place, problems);
        }
        if let Some((value, place)) = fields.take("acceptEnv", problems) {
            rule.accept_env = strings(value, &place, false, problems);
        }
        fields.finish(problems);
    }
    rule.place = place;
    rule
}

fn ssh_action(value: &Value, place: &Place, problems: &mut Problems) -> Option<SshAction> {
    let written = match &value.kind {
        Kind::String(text) => go_trim(text),
        _ => "?",
    };
    match written {
        // Nothing is written; the rule itself is refused for it.
        "" => None,
        "accept" => Some(SshAction::Accept),
        "check" => Some(SshAction::Check),
        _ => {
            problems.push(place, format!("{} is no action; write \"accept\" or \"check\"", shown(value)));
            // Not twice.
            Some(SshAction::Accept)
        }
    }
}

fn check_period(value: &Value, place: Place, problems: &mut Problems) -> Option<At<Option<i64>>> {
    let text = match &value.kind {
        Kind::Null => return None,
        Kind::String(text) | Kind::Number(text) => text.as_str(),
        _ => "",
    };
    if text == "always" {
        return Some(At { value: None, place });
    }
    let Some(nanoseconds) = go_duration::parse(text) else {
        problems.push(&place, format!("{} is no length of time; write `12h`, at most `168h`", shown(value)));
        return None;
    };
    Some(At { value: Some(nanoseconds), place })
}

pub fn test(value: &Value, place: Place, problems: &mut Problems) -> Test {
    let mut test = Test::default();
    if let Some(mut fields) = Fields::of(value, &place, problems) {
        if let Some((value, place)) = fields.take("src", problems) {
            test.src = string(value, &place, problems).unwrap_or_default();
        }
        if let Some((value, place)) = fields.take("proto", problems) {
            test.protocol = protocol(value, place, problems).map(|p| p.value).unwrap_or_default();
        }
        if let Some((value, place)) = fields.take("accept", problems) {
            test.accept = strings(value, &place, false, problems);
        }
        if let Some((value, place)) = fields.take("deny", problems) {
            test.deny = strings(value, &place, false, problems);
        }
        fields.finish(problems);
    }
    test.place = place;
    test
}

pub fn ssh_test(value: &Value, place: Place, problems: &mut Problems) -> SshTest {
    let mut test = SshTest::default();
    if let Some(mut fields) = Fields::of(value, &place, problems) {
        if let Some((value, place)) = fields.take("src", problems) {
            let written = string(value, &place, problems).unwrap_or_default();
            let src = go_trim(&written);
            test.has_src = !src.is_empty();
            if test.has_src
                && !src.starts_with("autogroup:")
                && let Err(why) = Alias::parse(src)
            {
                problems.push(&place, why);
            }
        }
        if let Some((value, place)) = fields.take("dst", problems) {
            test.dst = ssh_test_destinations(value, &place, problems);
        }
        for name in ["accept", "deny", "check"] {
            if let Some((value, place)) = fields.take(name, problems) {
                let _ = strings(value, &place, true, problems);
            }
        }
        fields.finish(problems);
    }
    test.place = place;
    test
}

/// Headscale lets autogroups through here that it does not have: they match nothing when the test runs.
fn ssh_test_destinations(value: &Value, place: &Place, problems: &mut Problems) -> Vec<At<Alias>> {
    strings(value, place, true, problems)
        .into_iter()
        .filter_map(|text| match Alias::parse(&text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(_) if text.value.starts_with("autogroup:") => {
                Some(At { value: Alias::Host(text.value), place: text.place })
            }
            Err(why) => {
                problems.push(&text.place, why);
                None
            }
        })
        .collect()
}

/// A value for a message.
fn shown(value: &Value) -> String {
    match &value.kind {
        Kind::String(text) => format!("{text:?}"),
        Kind::Number(text) => text.clone(),
        other => other.name().to_owned(),
    }
}
