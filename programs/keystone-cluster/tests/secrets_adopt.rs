//! Files that something else wrote, such as plain agenix, which knows no lock: seen, and taken in after a look at the value.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use tree::verdict::{age_cli, generation, kinds, recipients, verdict};
use tree::{Tree, identity};

#[test]
fn what_was_replaced_is_a_state_of_its_own_and_adopted_with_a_look_at_the_value() {
    let tree = Tree::adopted();
    let noise = tree.path("secrets/headscale-noise.age");
    let value = tree.opened("headscale-noise", "people/alice").unwrap();
    let keys = recipients(&tree, "headscale-noise");
    // As agenix does: the same value, for the same keys.
    let seal = |text: &str| age_cli(&keys, text);
    fs::write(&noise, seal(&value)).unwrap();
    assert_eq!(
        verdict(&tree, &[]).1,
        [("changed-outside".to_owned(), "secrets/headscale-noise.age".to_owned())]
    );
    // Nothing builds on it until somebody looked.
    for arguments in [["rekey", "--all"].as_slice(), &["rotate", "headscale-noise"]] {
        assert!(tree.bad(arguments).contains("run `keystone-cluster secrets adopt` first"), "{arguments:?}");
    }
    let said = tree.good(&["adopt"]);
    assert!(said.contains("adopted secrets/headscale-noise.age: the value is the same"), "{said}");
    assert_eq!(generation(&tree, "headscale-noise"), 1);
    // Another value.
    fs::write(&noise, seal("privkey:other")).unwrap();
    let said = tree.good(&["adopt"]);
    assert!(said.contains("the value is ANOTHER ONE, now of generation 2"), "{said}");
    assert_eq!(generation(&tree, "headscale-noise"), 2);
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    // For other recipients: known by their number.
    fs::write(&noise, age_cli(&keys[..2], "privkey:third")).unwrap();
    let said = tree.good(&["adopt"]);
    assert!(said.contains("rekey: secrets/headscale-noise.age is encrypted to others"), "{said}");
    assert!(kinds(&tree).contains(&"stale".to_owned()));
}

/// Whoever has no key can encrypt to everybody, and write what should be believed of their value.
#[test]
fn commitments_of_somebody_else_are_not_believed() {
    let tree = Tree::adopted();
    let other = Tree::new();
    let keys = recipients(&tree, "headscale-noise");
    let forged = age_cli(&keys, "privkey:forged");
    fs::write(other.path("secrets/headscale-noise.age"), &forged).unwrap();
    other.good(&["adopt"]);
    for name in ["headscale-noise", "secret-commitments"] {
        let path = format!("secrets/{name}.age");
        fs::copy(other.path(&path), tree.path(&path)).unwrap();
    }
    let said = tree.good(&["adopt"]);
    assert!(said.contains("secret-commitments.age is not the one that the lock knows"), "{said}");
    assert!(!said.contains("the value is the same"), "{said}");
}

/// A hash of a value tells everybody who guesses it; what is noted of values needs a key that lies with the notes.
#[test]
fn no_hash_of_a_value_lies_anywhere() {
    let tree = Tree::adopted();
    let notes = notes_of(&tree);
    let lock = fs::read_to_string(tree.path("secrets/lock.json")).unwrap();
    let names: Vec<String> =
        tree.files().into_keys().filter_map(|name| Some(name.strip_suffix(".age")?.to_owned())).collect();
    for name in names.iter().filter(|name| *name != "secret-commitments") {
        let value = tree.opened(name, "people/alice").unwrap();
        let path = format!("secrets/{name}.age\0");
        for bytes in [value.clone(), path + &value] {
            let hash = Sha256::digest(bytes.as_bytes());
            for shown in [sha256(bytes.as_bytes()), STANDARD.encode(hash)] {
                assert!(!notes.contains(&shown) && !lock.contains(&shown), "{name}");
            }
        }
        assert!(notes.contains(&format!("\"secrets/{name}.age\"")), "{name} is not noted");
    }
    // Another tree of the same values notes them otherwise.
    let values = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["values"].clone();
    assert_ne!(values(&notes), values(&notes_of(&Tree::adopted())));
}

/// In hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn notes_of(tree: &Tree) -> String {
    tree.opened("secret-commitments", "people/alice").unwrap()
}

/// A person's own file opens for nobody else, so whoever adopts it vouches for its bytes alone.
#[test]
fn what_is_a_persons_own_is_adopted_as_it_lies_there() {
    let tree = Tree::new();
    let own = tree.path("secrets/person-dave.age");
    let key = fs::read_to_string(identity("people/dave.txt")).unwrap();
    let key = vec![key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()];
    fs::write(&own, age_cli(&key, "dave's certificates")).unwrap();
    let said = tree.good(&["adopt"]);
    assert!(
        said.contains("adopted secrets/person-dave.age as it lies there: it opens for dave alone"),
        "{said}"
    );
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    // Nothing else is held up by it, and it is not touched.
    let before = fs::read(&own).unwrap();
    tree.good(&["rekey", "--all"]);
    assert_eq!(fs::read(&own).unwrap(), before);
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    // Another file is seen, and one to others too.
    fs::write(&own, age_cli(&key, "new certificates")).unwrap();
    assert_eq!(kinds(&tree), ["changed-outside"]);
    tree.good(&["adopt"]);
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    fs::write(&own, age_cli(&recipients(&tree, "headscale-noise"), "for all")).unwrap();
    tree.good(&["adopt"]);
    assert!(kinds(&tree).contains(&"stale".to_owned()));
    // What is no age file at all is nobody's own.
    fs::write(&own, "no age file").unwrap();
    assert!(tree.bad(&["adopt"]).contains("secrets/person-dave.age does not open"));
}

/// Of X25519 recipients the number alone can be checked, and is.
#[test]
fn a_signer_who_claims_another_number_of_recipients_is_found() {
    let tree = Tree::adopted();
    let path = tree.path("secrets/headscale-noise.age");
    let keys = recipients(&tree, "headscale-noise");
    let old = sha256(&fs::read(&path).unwrap());
    let fewer = age_cli(&keys[1..], "for fewer than are claimed");
    fs::write(&path, &fewer).unwrap();
    tree.replace("secrets/lock.json", &old, &sha256(&fewer));
    // Whoever lies has a key that may sign.
    fs::remove_file(tree.path("secrets/lock.json.sig")).unwrap();
    tree.good(&["adopt"]);
    assert_eq!(
        verdict(&tree, &["--require-signed"]),
        (false, vec![("not-as-claimed".to_owned(), "secrets/headscale-noise.age".to_owned())])
    );
}
