//! What holds for every text and every cluster.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use keystone_policy::reach::{Matrix, Node, Proto, User};
use keystone_policy::{Policy, check};
use proptest::prelude::*;

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\"acls\"",
    "\"src\"",
    "\"dst\"",
    "\"groups\"",
    "\"group:a\"",
    "\"tag:w\"",
    "\"tag:w:22\"",
    "\"*\"",
    "null",
    "true",
    "1",
    "-0.5e3",
    "//",
    "\n",
    "/*",
    "*/",
    "\\u00e9",
    "ü",
    " ",
];

proptest! {
    #[test]
    fn no_text_stops_the_reader(text in ".{0,200}") {
        let _ = check(&text);
    }

    #[test]
    fn no_sequence_of_tokens_stops_the_reader(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..60)) {
        let text = tokens.concat();
        let report = check(&text);
        prop_assert_eq!(report.accepted, report.errors.is_empty());
        prop_assert_eq!(Policy::parse(&text).is_ok(), report.accepted);
        for finding in report.errors.iter().chain(&report.warnings) {
            prop_assert!(finding.line >= 1 && finding.column >= 1);
            prop_assert!(finding.line <= text.matches('\n').count() + 1);
        }
    }

    /// Classes and merged ports against every rule asked for every pair.
    #[test]
    fn the_matrix_is_what_every_pair_gives(
        tags in prop::collection::vec(prop::collection::vec(0_usize..3, 1..3), 1..6),
        groups in prop::collection::vec(0_usize..3, 1..4),
        rules in prop::collection::vec((0_usize..6, 0_usize..4, 1_u16..50, 0_u16..50, 0_usize..3), 0..6),
    ) {
        let users: Vec<User> = (0..groups.len())
            .map(|n| User { name: format!("u{n}"), email: format!("u{n}@example.com") })
            .collect();
        let mut nodes: Vec<Node> = Vec::new();
        for (n, tags) in tags.iter().enumerate() {
            let mut tags: Vec<String> = tags.iter().map(|t| format!("tag:t{t}")).collect();
            tags.dedup();
            let address = std::net::Ipv4Addr::new(100, 64, 0, u8::try_from(n + 1).unwrap());
            nodes.push(Node { name: format!("n{n}"), user: None, tags, addresses: vec![address.into()] });
        }
        let members_of = |g: usize| -> Vec<String> {
            groups.iter().enumerate().filter(|(_, of)| **of == g).map(|(n, _)| format!("u{n}@example.com")).collect()
        };
        let source = |n: usize| if n < 3 { format!("tag:t{n}") } else { format!("group:g{}", n - 3) };
        let target = |n: usize| if n < 3 { format!("tag:t{n}") } else { "autogroup:tagged".to_owned() };
        let protos = ["tcp", "udp", "sctp"];
        let acls: Vec<serde_json::Value> = rules
            .iter()
            .map(|(src, dst, first, length, proto)| {
                let ports = format!("{first}-{}", first + length);
                serde_json::json!({
                    "action": "accept", "proto": protos[*proto],
                    "src": [source(*src)], "dst": [format!("{}:{ports}", target(*dst))],
                })
            })
            .collect();
        let text = serde_json::json!({
            "groups": { "group:g0": members_of(0), "group:g1": members_of(1), "group:g2": members_of(2) },
            "tagOwners": { "tag:t0": [], "tag:t1": [], "tag:t2": [] },
            "acls": acls,
        })
        .to_string();
        let policy = Policy::parse(&text).unwrap();
        let matrix = Matrix::compute(&policy, &users, &nodes);

        let mut names: Vec<&String> = matrix.classes.iter().flatten().collect();
        names.sort();
        let mut expected: Vec<String> = users.iter().map(|u| u.name.clone()).chain(nodes.iter().map(|n| n.name.clone())).collect();
        expected.sort();
        prop_assert_eq!(names, expected.iter().collect::<Vec<_>>());

        let is_source = |rule: usize, name: &str| {
            let n = rules[rule].0;
            if n < 3 {
                nodes.iter().any(|node| node.name == name && node.tags.contains(&format!("tag:t{n}")))
            } else {
                groups.iter().enumerate().any(|(u, g)| format!("u{u}") == name && *g == n - 3)
            }
        };
        let is_target = |rule: usize, name: &str| {
            let n = rules[rule].1;
            nodes.iter().any(|node| node.name == name && (n == 3 || node.tags.contains(&format!("tag:t{n}"))))
        };
        let class = |name: &str| matrix.classes.iter().position(|c| c.iter().any(|m| m == name)).unwrap();
        for from in &expected {
            for to in expected.iter().filter(|to| *to != from) {
                for (proto, number) in [(Proto::Tcp, 0), (Proto::Udp, 1), (Proto::Sctp, 2)] {
                    let entries: Vec<_> = matrix
                        .entries
                        .iter()
                        .filter(|e| (e.from, e.to, e.own, e.proto) == (class(from), class(to), false, proto))
                        .collect();
                    prop_assert!(entries.len() <= 1, "one entry for each pair and transport");
                    let ranges = entries.first().map(|e| e.ports.clone()).unwrap_or_default();
                    prop_assert!(ranges.windows(2).all(|w| u32::from(w[0].last) + 1 < u32::from(w[1].first)));
                    for port in 1_u16..110 {
                        let open = (0..rules.len()).any(|r| {
                            let (_, _, first, length, p) = rules[r];
                            p == number && first <= port && port <= first + length && is_source(r, from) && is_target(r, to)
                        });
                        let found = ranges.iter().any(|range| range.first <= port && port <= range.last);
                        prop_assert_eq!(open, found, "{} to {} by {:?} on {}", from, to, proto, port);
                    }
                }
            }
        }
    }
}

#[test]
fn depth_is_bounded() {
    let text = "[".repeat(200_000);
    let report = check(&text);
    assert!(!report.accepted);
    assert_eq!(report.errors[0].message, "values lie inside each other more than 200 deep");
}

#[test]
fn ten_thousand_machines_are_few_classes() {
    let nodes: Vec<Node> = (0..10_000_u32)
        .map(|n| Node {
            name: format!("n{n}"),
            user: None,
            tags: vec![format!("tag:t{}", n % 7)],
            addresses: vec![std::net::Ipv4Addr::from(0x6440_0000 + n + 1).into()],
        })
        .collect();
    let tags: serde_json::Map<String, serde_json::Value> =
        (0..7).map(|n| (format!("tag:t{n}"), serde_json::json!([]))).collect();
    let acls: Vec<serde_json::Value> = (0..200)
        .map(|n| {
            serde_json::json!({
                "action": "accept", "proto": "tcp",
                "src": [format!("tag:t{}", n % 7)], "dst": [format!("tag:t{}:{}", n / 7 % 7, n + 1)],
            })
        })
        .collect();
    let policy = Policy::parse(&serde_json::json!({ "tagOwners": tags, "acls": acls }).to_string()).unwrap();
    let matrix = Matrix::compute(&policy, &[], &nodes);
    assert_eq!(matrix.classes.len(), 7);
    assert_eq!(matrix.classes.iter().map(Vec::len).sum::<usize>(), 10_000);
}
