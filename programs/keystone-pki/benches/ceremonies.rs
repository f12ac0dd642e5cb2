//! How long a quorum takes without the network: signatures, key generation, leaves, decryption.
//!
//! `checks/bench/pki` runs it. Everything happens in one process and on one core, so that a member's work is the time divided
//! by the number of members.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints a table"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use common::chains::{NOW, cluster, root};
use common::{generate, member, rng, signature};
use keystone_pki::certificate::PrivateKey;
use keystone_pki::decryption::{Collection, Header, partial, recipient};
use keystone_pki::group::{Decryption, Signing};
use keystone_pki::profile::identities;

/// Median, fastest and slowest of so many runs, in milliseconds.
fn measure(name: &str, runs: u32, mut run: impl FnMut(u64)) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|n| {
            let start = Instant::now();
            run(u64::from(n));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, fastest, slowest) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    println!("{name:<44} {:>10.2} {:>10.2} {:>10.2}", ms(median), ms(fastest), ms(slowest));
}

fn main() {
    println!("{:<44} {:>10} {:>10} {:>10}", "milliseconds", "median", "min", "max");
    let keys = generate::<Signing>(2, 3, 1);
    let message = [7; 400];
    measure("signature, 2 of 3, both rounds", 200, |n| {
        black_box(signature(&keys, &[1, 2], &message, n).unwrap());
    });
    for (needed, members, runs) in [(2, 3, 50), (3, 5, 20), (8, 15, 5)] {
        measure(&format!("key generation, {needed} of {members}, all members"), runs, |n| {
            black_box(generate::<Signing>(needed, members, n));
        });
    }

    let cluster = cluster();
    let root = root(&cluster, 1);
    let all = identities(&cluster);
    let mut bytes = 0;
    measure("1,000 leaves, with their keys", 5, |n| {
        let mut rng = rng(n);
        for identity in all.iter().cycle().take(1000) {
            let key = PrivateKey::generate(&mut rng);
            let issuer = &root.intermediates[&identity.profile().authority];
            let leaf = issuer.issue(identity, &key.public(), NOW, &mut rng).unwrap();
            bytes += leaf.der().len();
        }
    });
    black_box(bytes);

    let keys = generate::<Decryption>(2, 3, 2);
    let recipient: age::x25519::Recipient = recipient(&keys.group).parse().unwrap();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(b"a backup").unwrap();
    writer.finish().unwrap();
    let header = Header::read(&file).unwrap();
    let stanza = header.candidates().next().unwrap();
    measure("file key of a backup, 2 of 3", 200, |n| {
        let point = header.point(stanza).unwrap();
        let mut collection = Collection::new(&keys.group, point.clone());
        let mut rng = rng(n);
        for who in [1, 3] {
            let part = partial(&keys.shares[&member(who)], &keys.group, &point, &mut rng).unwrap();
            collection.add(member(who), part).unwrap();
        }
        black_box(collection.file_identity().unwrap());
    });
}
