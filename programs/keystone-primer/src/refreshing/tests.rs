use std::collections::BTreeMap;
use std::sync::Arc;

use crate::groups;
use crate::message::{Body, Signed};
use crate::node_key::hash;
use crate::session::Answer;
use crate::testing::Trio;

/// What a lying member sends instead of its answer.
type Change = fn(&mut Answer);

#[test]
fn a_member_that_lies_in_a_refresh_is_named_and_all_go_on_with_their_shares() {
    let trio = Trio::ready();
    let one = &trio.primers[0];
    let quiet = |_: String| {};
    let used = || -> Vec<BTreeMap<String, String>> {
        trio.primers.iter().map(|primer| groups::fingerprints(&primer.inner().store).unwrap()).collect()
    };
    let before = used();
    let lies: [(&str, Change); 3] = [
        ("primer-2 did not receive the same first packages", |answer| {
            if let Answer::RefreshEchoes { hashes } = answer {
                for one in hashes.values_mut() {
                    *one = hash(b"something else");
                }
            }
        }),
        ("primer-2 has new shares of another key than others; none is used", |answer| {
            if let Answer::RefreshStored { keys } = answer {
                for one in keys.values_mut() {
                    one.after = hash(b"something else");
                }
            }
        }),
        ("primer-2 sent nothing for root-G1", |answer| {
            if let Answer::RefreshSeconds { packages } = answer {
                packages.remove("root-G1");
            }
        }),
    ];
    for (expected, change) in lies {
        trio.lies(
            2,
            Arc::new(move |primer, signed| {
                let (identity, key, members) = primer.whoami()?;
                let mut message = signed.read_any(&identity, &members)?;
                if let Body::Answer(answer) = &mut message.body {
                    change(answer);
                }
                Signed::new(&key, &message)
            }),
        );
        let error = one.refresh(None, &quiet).err().unwrap().message;
        assert!(error.contains(expected), "{expected}: {error}");
        assert_eq!(used(), before, "{expected}");
    }
    // What was kept of those attempts is nothing once one comes to its end.
    trio.lies(2, Arc::new(|_, signed| Ok(signed)));
    one.refresh(None, &quiet).unwrap();
    let after = used();
    assert_eq!(after[0], after[1]);
    assert_eq!(after[0], after[2]);
    for primer in &trio.primers {
        for (key, fingerprint) in &before[0] {
            assert_ne!(after[0].get(key), Some(fingerprint), "{key}");
            assert!(groups::new_shares(&primer.inner().store, key).unwrap().is_empty(), "{key}");
        }
    }
}
