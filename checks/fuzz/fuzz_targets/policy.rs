//! The policy reader: no text stops it, and what it accepts can be evaluated.
#![no_main]

use keystone_policy::reach::{Matrix, Node, User};
use keystone_policy::{Policy, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let report = check(text);
    assert_eq!(report.accepted, report.errors.is_empty());
    let Ok(policy) = Policy::parse(text) else { return };
    let users = [User { name: "alice".to_owned(), email: "alice@example.com".to_owned() }];
    let node = |name: &str, user: Option<&str>, tags: &[&str], last: u8| Node {
        name: name.to_owned(),
        user: user.map(str::to_owned),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        addresses: vec![std::net::Ipv4Addr::new(100, 64, 0, last).into()],
    };
    let nodes = [
        node("laptop", Some("alice"), &[], 1),
        node("phone", Some("alice"), &[], 2),
        node("worker", None, &["tag:w"], 3),
        node("other", None, &["tag:x"], 4),
    ];
    let matrix = Matrix::compute(&policy, &users, &nodes);
    assert_eq!(matrix.classes.iter().map(Vec::len).sum::<usize>(), 3);
});
