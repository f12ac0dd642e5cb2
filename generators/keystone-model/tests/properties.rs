//! What holds for every input, tried on many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use keystone_model::intent::{Party, Reached, flows, groups_of_people};
use keystone_model::{
    AccessPort, AccessRule, AgeRecipient, AwsRegion, Cidr, Cluster, Domain, Duration, Email, Endpoint,
    Format, Group, HttpsUrl, Inventory, Label, MacAddress, Name, Port, PortRange, Proto, Role, Size,
    SshPublicKey, service, validate,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const REFERENCE: &str = include_str!("../../../hosts/cluster.toml");

static CLUSTER: LazyLock<Cluster> =
    LazyLock::new(|| Inventory::read(REFERENCE.as_bytes(), Format::Toml).unwrap().cluster);

/// Reading ends, with an answer in which every mistake has a place in the text, a message and a fix.
fn is_answered(bytes: &[u8], format: Format) -> Result<(), TestCaseError> {
    let lines = bytes.split(|b| *b == b'\n').count();
    let findings = match Inventory::read(bytes, format) {
        Ok(inventory) => inventory.warnings,
        Err(error) => {
            prop_assert!(!error.errors.is_empty());
            error.errors
        }
    };
    for finding in findings {
        prop_assert!(finding.line <= lines, "{finding:?}");
        prop_assert!(format == Format::Json || finding.line >= 1, "{finding:?}");
        prop_assert!(!finding.message.is_empty() && !finding.fix.is_empty(), "{finding:?}");
        prop_assert!(finding.message.len() < 5000, "{finding:?}");
        prop_assert!(!finding.message.chars().any(char::is_control), "{finding:?}");
        prop_assert!(!finding.path.chars().any(char::is_control), "{finding:?}");
        if let Some(span) = finding.span {
            let text = std::str::from_utf8(bytes).unwrap();
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} is no part of the text");
            let before = &text[..span.start];
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            prop_assert_eq!((before.matches('\n').count() + 1, column), (finding.line, finding.column));
        }
    }
    Ok(())
}

/// A change that a hand or a disk makes to a file.
#[derive(Debug, Clone)]
enum Mutation {
    Byte(Index, u8),
    DeleteLine(Index),
    DuplicateLine(Index),
    SwapLines(Index, Index),
    /// The right side of one line on the left side of another.
    SwapValues(Index, Index),
    Value(Index, &'static str),
}

const VALUES: [&str; 14] = [
    "-1",
    "0",
    "99999999999999999999",
    "\"\"",
    "[]",
    "{}",
    "true",
    "nan",
    "1979-05-27",
    "[[1]]",
    "\"a/b\"",
    "\"\\u0000\"",
    "[{ a = 1 }, 2]",
    "\"AGE-SECRET-KEY-1\"",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        index().prop_map(Mutation::DeleteLine),
        index().prop_map(Mutation::DuplicateLine),
        (index(), index()).prop_map(|(a, b)| Mutation::SwapLines(a, b)),
        (index(), index()).prop_map(|(a, b)| Mutation::SwapValues(a, b)),
        (index(), select(&VALUES[..])).prop_map(|(at, value)| Mutation::Value(at, value)),
    ]
}

fn mutated(mutations: &[Mutation]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = REFERENCE.split('\n').map(|line| line.as_bytes().to_vec()).collect();
    for mutation in mutations {
        let with_value: Vec<usize> =
            (0..lines.len()).filter(|n| lines[*n].windows(3).any(|w| w == b" = ")).collect();
        let equals = |line: &[u8]| line.windows(3).position(|w| w == b" = ").unwrap() + 3;
        match mutation {
            Mutation::Byte(at, byte) => {
                let line = at.index(lines.len());
                if !lines[line].is_empty() {
                    let column = at.index(lines[line].len());
                    lines[line][column] = *byte;
                }
            }
            Mutation::DeleteLine(at) => drop(lines.remove(at.index(lines.len()))),
            Mutation::DuplicateLine(at) => {
                let line = lines[at.index(lines.len())].clone();
                lines.insert(at.index(lines.len()), line);
            }
            Mutation::SwapLines(a, b) => {
                let n = lines.len();
                lines.swap(a.index(n), b.index(n));
            }
            Mutation::SwapValues(a, b) if !with_value.is_empty() => {
                let (a, b) = (with_value[a.index(with_value.len())], with_value[b.index(with_value.len())]);
                let value = lines[b][equals(&lines[b])..].to_vec();
                let start = equals(&lines[a]);
                lines[a].truncate(start);
                lines[a].extend(value);
            }
            Mutation::Value(at, value) if !with_value.is_empty() => {
                let at = with_value[at.index(with_value.len())];
                let start = equals(&lines[at]);
                lines[at].truncate(start);
                lines[at].extend(value.bytes());
            }
            Mutation::SwapValues(..) | Mutation::Value(..) => {}
        }
    }
    lines.join(&b'\n')
}

/// JSON with one value in it replaced.
fn mutated_json(at: Index, value: &serde_json::Value) -> Vec<u8> {
    let mut json = serde_json::to_value(&*CLUSTER).unwrap();
    let mut pointers = vec![];
    let mut open = vec![(String::new(), &json)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            serde_json::Value::Object(o) => open.extend(o.iter().map(|(k, v)| (format!("{pointer}/{k}"), v))),
            serde_json::Value::Array(a) => {
                open.extend(a.iter().enumerate().map(|(n, v)| (format!("{pointer}/{n}"), v)));
            }
            _ => {}
        }
        pointers.push(pointer.clone());
    }
    let pointer = pointers[at.index(pointers.len())].clone();
    // Keys with a slash are no pointers; the change is then none.
    if let Some(place) = json.pointer_mut(&pointer) {
        *place = value.clone();
    }
    serde_json::to_vec(&json).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in vec(any::<u8>(), 0..300)) {
        is_answered(&bytes, Format::Toml)?;
        is_answered(&bytes, Format::Json)?;
    }

    #[test]
    fn arbitrary_text_of_tomls_letters_is_answered(text in r#"[\[\]{}="'a-z0-9.,\n #é-]{0,200}"#) {
        is_answered(text.as_bytes(), Format::Toml)?;
    }

    #[test]
    fn a_reference_file_changed_anyhow_is_answered(mutations in vec(mutation(), 1..8)) {
        is_answered(&mutated(&mutations), Format::Toml)?;
    }

    #[test]
    fn json_changed_anyhow_is_answered(
        at in any::<Index>(),
        value in select(vec![
            serde_json::json!(null), serde_json::json!([]), serde_json::json!({}), serde_json::json!(-1),
            serde_json::json!(1e300), serde_json::json!("x y"), serde_json::json!([[]]), serde_json::json!(true),
        ]),
    ) {
        is_answered(&mutated_json(at, &value), Format::Json)?;
    }
}

/// What parses is written as a text that parses to the same.
fn round_trips<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr + Display + PartialEq + Debug,
{
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        prop_assert_eq!(written.parse::<T>().ok(), Some(value), "`{}` was written as `{}`", text, written);
    }
    Ok(())
}

/// One text that parses, for each type, so that a strategy that misses all values shows.
fn parses<T: FromStr>(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.parse::<T>().is_ok(), "`{}` does not parse", text);
    Ok(())
}

proptest! {
    #[test]
    fn names_round_trip(text in "[a-z][a-z0-9-]{0,70}|[a-zA-Zä0-9._/-]{0,5}") {
        round_trips::<Name>(&text)?;
        round_trips::<Label>(&text)?;
        parses::<Name>("worker-1")?;
    }

    #[test]
    fn labels_round_trip(text in "([a-z0-9.]{1,10}/)?[A-Za-z0-9._-]{1,10}") {
        round_trips::<Label>(&text)?;
        parses::<Label>("a.example/B_c.1")?;
    }

    #[test]
    fn domains_round_trip(text in "[a-z0-9-]{1,8}(\\.[a-z0-9-]{0,8}){0,3}") {
        round_trips::<Domain>(&text)?;
        round_trips::<Endpoint>(&text)?;
        round_trips::<Email>(&format!("a.b+c@{text}"))?;
        round_trips::<AwsRegion>(&text)?;
    }

    #[test]
    fn urls_round_trip(host in "[a-zA-Z0-9-]{1,8}\\.[a-z]{2,3}", port in 0_u32..70000, path in "[a-zA-Z0-9/.%ä -]{0,12}") {
        round_trips::<HttpsUrl>(&format!("https://{host}/{path}"))?;
        round_trips::<HttpsUrl>(&format!("https://{host}:{port}/{path}"))?;
        parses::<HttpsUrl>("https://mesh.keystone.example:8443/a")?;
    }

    #[test]
    fn addresses_round_trip(v4 in any::<std::net::Ipv4Addr>(), v6 in any::<std::net::Ipv6Addr>(), prefix in 0_u8..=130) {
        round_trips::<Cidr>(&format!("{v4}/{prefix}"))?;
        round_trips::<Cidr>(&format!("{v6}/{prefix}"))?;
        parses::<Endpoint>(&v4.to_string())?;
        round_trips::<Endpoint>(&v6.to_string())?;
        // The fix of a range with host bits is a range.
        if let Err(error) = format!("{v4}/{prefix}").parse::<Cidr>()
            && let Some((_, fix)) = error.to_string().split_once("; write `")
            && prefix <= 32
        {
            parses::<Cidr>(fix.trim_end_matches('`'))?;
        }
    }

    #[test]
    fn keys_round_trip(bytes in any::<[u8; 32]>(), comment in "[a-z@ ]{0,10}") {
        use base64::Engine as _;
        let mut blob = vec![0, 0, 0, 11];
        blob.extend(b"ssh-ed25519\0\0\0\x20");
        blob.extend(bytes);
        let whole = base64::engine::general_purpose::STANDARD.encode(&blob);
        parses::<SshPublicKey>(&format!("ssh-ed25519 {whole} {comment}"))?;
        round_trips::<SshPublicKey>(&format!("ssh-ed25519 {whole} {comment}"))?;
        // Cut anywhere, it is refused.
        let cut = base64::engine::general_purpose::STANDARD.encode(&blob[..blob.len() - 1]);
        let is_err = format!("ssh-ed25519 {cut}").parse::<SshPublicKey>().is_err();
        prop_assert!(is_err);
        let recipient = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &bytes).unwrap();
        parses::<AgeRecipient>(&recipient)?;
        round_trips::<AgeRecipient>(&recipient)?;
    }

    #[test]
    fn hardware_addresses_round_trip(text in "([0-9a-f]{2}:){5}[0-9a-f]{2}") {
        parses::<MacAddress>(&text)?;
        round_trips::<MacAddress>(&text)?;
    }

    #[test]
    fn quantities_round_trip(number in any::<u64>(), small in 1_u64..100_000, time in "[smhdw]", size in "[KMGTP]iB") {
        for number in [number, small] {
            round_trips::<Duration>(&format!("{number}{time}"))?;
            round_trips::<Size>(&format!("{number}{size}"))?;
        }
        let seconds = Duration::from_seconds(number);
        prop_assert_eq!(seconds.to_string().parse::<Duration>().unwrap(), seconds);
        parses::<Size>(&format!("{small}GiB"))?;
    }

    #[test]
    fn ports_are_what_they_say(number in -70_000_i64..140_000, other in 0_u32..70_000) {
        prop_assert_eq!(Port::try_from(number).is_ok(), (1..=65_535).contains(&number));
        let (first, last) = (number, i64::from(other));
        let range = format!("{first}-{last}").parse::<PortRange>();
        let right = first >= 1 && first <= last && last <= 65_535;
        prop_assert_eq!(range.is_ok(), right, "{}-{}", first, last);
        round_trips::<PortRange>(&format!("{first}-{last}"))?;
    }

    #[test]
    fn merging_ranges_is_the_union_of_sets(pairs in vec((1_u16..200, 0_u16..20), 0..20), high in 65_500_u16..=65_535) {
        let mut ranges: Vec<PortRange> =
            pairs.iter().map(|(first, more)| PortRange::fixed(*first, first + more)).collect();
        ranges.push(PortRange::fixed(high, u16::MAX));
        let set = |ranges: &[PortRange]| -> BTreeSet<u16> {
            ranges.iter().flat_map(|r| r.first()..=r.last()).collect()
        };
        let merged = PortRange::merge(ranges.clone());
        prop_assert_eq!(set(&merged), set(&ranges));
        // As few as possible, and in order.
        prop_assert!(merged.windows(2).all(|w| u32::from(w[0].last()) + 1 < u32::from(w[1].first())));
    }
}

fn group_name(n: usize) -> Name {
    format!("g{n}").parse().unwrap()
}

fn with_groups(includes: &[Vec<usize>], members: &[(Vec<usize>, bool)]) -> Cluster {
    let mut cluster = CLUSTER.clone();
    cluster.groups = includes
        .iter()
        .enumerate()
        .map(|(n, inner)| {
            let includes =
                inner.iter().map(|m| if *m == 99 { "admins".parse().unwrap() } else { group_name(*m) });
            (group_name(n), Group { includes: includes.collect(), ..Group::default() })
        })
        .collect();
    let alice = cluster.people.values().next().unwrap().clone();
    cluster.people = members
        .iter()
        .enumerate()
        .map(|(n, (groups, admin))| {
            let mut person = alice.clone();
            person.groups = groups.iter().map(|g| group_name(*g)).collect();
            person.admin = *admin;
            (format!("p{n}").parse().unwrap(), person)
        })
        .collect();
    cluster
}

proptest! {
    /// Cycles included: the walk ends, and finds what repeating the definition finds.
    #[test]
    fn groups_of_people_are_the_least_fixpoint(
        includes in vec(vec(prop_oneof![9 => 0_usize..8, 1 => Just(99)], 0..4), 8),
        members in vec((vec(0_usize..8, 0..3), any::<bool>()), 1..6),
    ) {
        let cluster = with_groups(&includes, &members);
        let mut expected: BTreeMap<&Name, BTreeSet<Name>> = cluster
            .people
            .iter()
            .map(|(name, person)| {
                let admins = person.admin.then(|| "admins".parse().unwrap());
                (name, person.groups.iter().cloned().chain(admins).collect())
            })
            .collect();
        loop {
            let before = expected.clone();
            for groups in expected.values_mut() {
                for (outer, group) in &cluster.groups {
                    if group.includes.iter().any(|inner| groups.contains(inner)) {
                        groups.insert(outer.clone());
                    }
                }
            }
            if expected == before {
                break;
            }
        }
        prop_assert_eq!(groups_of_people(&cluster), expected);
        // The rules end on cycles too.
        let _ = validate::validate(&cluster);
    }
}

const GROUPS: [&str; 3] = ["admins", "developers", "oncall"];

fn source() -> impl Strategy<Value = Name> {
    let roles = Role::ALL.map(Role::as_str);
    prop_oneof![select(&GROUPS[..]), select(roles.to_vec())].prop_map(|name| name.parse().unwrap())
}

fn target() -> impl Strategy<Value = Name> {
    let roles = Role::ALL.map(Role::as_str);
    prop_oneof![select(roles.to_vec()), select(service::names()), Just("self")]
        .prop_map(|name| name.parse().unwrap())
}

fn access_port() -> impl Strategy<Value = AccessPort> {
    prop_oneof![
        (1_i64..=65_535).prop_map(|n| AccessPort::Number(Port::try_from(n).unwrap())),
        (1_u16..60_000, 0_u16..500)
            .prop_map(|(first, n)| AccessPort::Range(PortRange::fixed(first, first + n))),
        select(service::names()).prop_map(|name| AccessPort::Service(name.parse().unwrap())),
        Just(AccessPort::Service("all".parse().unwrap())),
    ]
}

fn access_rule() -> impl Strategy<Value = AccessRule> {
    let proto = select(vec![Proto::Tcp, Proto::Udp, Proto::Sctp, Proto::Icmp]);
    (vec(source(), 1..3), vec(target(), 1..3), vec(access_port(), 0..3), proto).prop_map(
        |(from, to, ports, proto)| AccessRule { name: "generated".parse().unwrap(), from, to, ports, proto },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_valid_rule_opens_what_it_names_and_no_primer_to_others(rule in access_rule()) {
        let mut cluster = CLUSTER.clone();
        cluster.access.push(rule.clone());
        let wrong = validate::validate(&cluster).into_iter().any(|p| p.severity == keystone_model::Severity::Error);
        prop_assume!(!wrong);
        let flows = flows(&cluster);
        prop_assert!(flows.iter().any(|flow| flow.rule == "access generated"), "the rule opens nothing");
        let services = service::services(&cluster);
        let open_on_primers: BTreeSet<(Proto, u16)> = services
            .iter()
            .filter(|service| ["coordinator", "relay", "stun"].contains(&service.name))
            .flat_map(|s| s.ports.iter().flat_map(|p| p.first()..=p.last()).map(|port| (s.proto, port)))
            .collect();
        let groups: BTreeSet<Name> = groups_of_people(&cluster).into_values().flatten().collect();
        for flow in &flows {
            for party in &flow.from {
                if let Party::Group(group) = party {
                    prop_assert!(groups.contains(group), "{} names `{group}`", flow.rule);
                }
            }
            prop_assert_eq!(flow.ports.is_empty(), flow.proto == Proto::Icmp, "{:?}", flow);
            let Reached::Roles(reached) = &flow.to else { continue };
            prop_assert!(!reached.is_empty());
            let outsider = [Role::Worker, Role::Ingress, Role::Cloud]
                .into_iter()
                .find(|role| flow.from.contains(&Party::Role(*role)));
            if let Some(outsider) = outsider && reached.contains(&Role::Primer) {
                let opened: BTreeSet<(Proto, u16)> =
                    flow.ports.iter().flat_map(|p| p.first()..=p.last()).map(|port| (flow.proto, port)).collect();
                prop_assert!(
                    opened.is_subset(&open_on_primers) && flow.proto != Proto::Icmp,
                    "{}: {outsider} reaches primers on {opened:?}", flow.rule
                );
            }
        }
        // What is accepted survives the way through JSON, which Nix takes.
        let json = serde_json::to_vec(&cluster).unwrap();
        prop_assert_eq!(Inventory::read(&json, Format::Json).unwrap().cluster, cluster);
    }
}

/// Names that are written in the source without being parsed are names.
#[test]
fn names_known_at_compile_time_parse() {
    for name in
        service::names().into_iter().chain(Role::ALL.map(Role::as_str)).chain(["admins", "self", "all"])
    {
        assert!(name.parse::<Name>().is_ok(), "{name}");
    }
    let defaults = keystone_model::Kubernetes::default();
    assert_eq!(defaults.api_name.as_str().parse(), Ok(defaults.api_name));
    assert_eq!(defaults.cluster_domain.as_str().parse(), Ok(defaults.cluster_domain));
    assert_eq!(
        validate::mesh::relay_domain(&CLUSTER).as_str().parse(),
        Ok(validate::mesh::relay_domain(&CLUSTER))
    );
}

/// Above the limit nothing is parsed; just below it, everything is.
#[test]
fn an_inventory_that_is_too_large_is_refused_by_its_size() {
    let bytes = vec![b'#'; keystone_model::MAX_BYTES + 1];
    for format in [Format::Toml, Format::Json] {
        let error = Inventory::read(&bytes, format).unwrap_err();
        assert_eq!(error.errors[0].message, "the inventory has 33 MB");
        assert_eq!(error.errors[0].fix, "keep it below 33 MB; ten thousand nodes take about 5");
    }
    let error = Inventory::read(&bytes[1..], Format::Toml).unwrap_err();
    assert_eq!(error.errors[0].message, "the inventory has no `schema`");
}
