use std::collections::BTreeMap;
use std::fs;

use serde_json::json;

use super::*;
use crate::state::Member;

struct Primer {
    store: Store,
    identity: Identity,
    key: NodeKey,
    _folder: tempfile::TempDir,
}

fn primer(name: &str) -> Primer {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("keys")).unwrap();
    let identity = Identity { cluster: "production".to_owned(), name: name.to_owned(), lab: false, since: 1 };
    Primer { store, identity, key: NodeKey::generate().unwrap(), _folder: folder }
}

impl Primer {
    fn append(&self, summary: &str) -> Signed {
        append(&self.store, &self.identity, &self.key, "test", summary, json!({}), 7).unwrap()
    }
}

fn members(primers: &[&Primer]) -> Members {
    let member = |p: &&Primer| {
        let member = Member { key: p.key.public(), endpoint: "h:1".to_owned(), since: 1 };
        (p.identity.name.clone(), member)
    };
    primers.iter().map(member).collect::<BTreeMap<_, _>>()
}

#[test]
fn others_witness_what_follows_and_nothing_else() {
    let (a, b) = (primer("a"), primer("b"));
    let all = members(&[&a, &b]);
    let entries: Vec<Signed> = ["one", "two", "three"].iter().map(|text| a.append(text)).collect();
    let see = |entry: &Signed| witness(&b.store, &b.identity, &b.key, &all, entry);
    assert!(
        see(&entries[1]).unwrap_err().to_string().starts_with("entry 2 of a does not follow entry 0 here")
    );
    for entry in &entries {
        let seen = see(entry).unwrap();
        countersigned(&a.store, &a.identity, &all, entry.read().unwrap().number, seen).unwrap();
    }
    for store in [&a.store, &b.store] {
        let replay = replay(store, &a.identity, &all).unwrap();
        assert_eq!(replay, Replay { entries: 3, unwitnessed: 0, bad: Vec::new() });
    }
    // Again is no harm.
    see(&entries[0]).unwrap();
    // A state that was rolled back writes another entry in the place of one that was seen.
    fs::remove_file(a.store.root().join("transcript/a/00000003.json")).unwrap();
    let error = see(&a.append("another three")).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "entry 3 of a differs from the one that was witnessed here before: a has two records"
        ),
        "{error}"
    );
}

#[test]
fn the_first_bad_entry_is_named() {
    let a = primer("a");
    let all = members(&[&a]);
    let path = |n: u32| a.store.root().join(format!("transcript/a/{n:08}.json"));
    for text in ["one", "two", "three"] {
        a.append(text);
    }
    let good: Vec<String> = (1..4).map(|n| fs::read_to_string(path(n)).unwrap()).collect();
    let bad = |n: u32, text: &str| {
        fs::write(path(n), text).unwrap();
        let found = replay(&a.store, &a.identity, &all).unwrap();
        fs::write(path(n), &good[usize::try_from(n).unwrap() - 1]).unwrap();
        found.bad
    };
    assert_eq!(bad(2, &good[1].replace("two", "2wo")), ["entry 2 of a does not bear its author's signature"]);
    assert_eq!(bad(2, &good[2]), ["entry 2 of a is missing"]);
    let forged = Signed {
        witnesses: vec![Witness { name: "a".to_owned(), signature: "00".to_owned() }],
        ..serde_json::from_str(&good[2]).unwrap()
    };
    assert_eq!(
        bad(3, &serde_json::to_string(&forged).unwrap()),
        ["entry 3 of a bears a countersignature of a that is not right"]
    );
    fs::remove_file(path(1)).unwrap();
    assert_eq!(replay(&a.store, &a.identity, &all).unwrap().bad, ["entry 1 of a is missing"]);
    fs::write(path(1), &good[0]).unwrap();
    assert!(replay(&a.store, &a.identity, &all).unwrap().bad.is_empty());
}
