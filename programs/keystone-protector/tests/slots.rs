//! The rules of slots.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use age::secrecy::SecretString;
use keystone_protector::{Create, Paper, Setting, ShareIdentity, Slots, Unlock};
use zeroize::Zeroizing;

fn passphrase(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn error<T>(result: Result<T, keystone_protector::ProtectorError>) -> String {
    result.err().map(|error| error.to_string()).unwrap()
}

const WORDS: &str = "correct horse battery staple";

#[test]
fn any_slot_opens_the_key_and_no_other_secret_does() {
    let folder = tempfile::tempdir().unwrap();
    let key = ShareIdentity::generate();
    let mut slots = Slots::new(&key, Setting::Lab);
    slots.add(&key, &Create::File(folder.path().join("key")), "lab", false, 1).unwrap();
    slots.add(&key, &Create::Passphrase(passphrase(WORDS)), "words", false, 2).unwrap();
    let paper = slots.add(&key, &Create::Paper, "safe", true, 3).unwrap().paper.unwrap();

    let slots = Slots::from_json(&slots.to_json().unwrap()).unwrap();
    let typed = || Paper::typed(Zeroizing::new(paper.text().to_owned()));
    for unlock in [Unlock::File, Unlock::Passphrase(passphrase(WORDS)), Unlock::Paper(typed())] {
        assert_eq!(slots.open(None, &unlock).unwrap().recipient(), key.recipient());
    }
    assert_eq!(
        error(slots.open(None, &Unlock::Passphrase(passphrase("wrong")))),
        "slot 2 does not open: the passphrase is not the slot's"
    );
    assert_eq!(
        error(slots.open(Some(9), &Unlock::File)),
        "there is no slot 9; there are 1 (file), 2 (passphrase), 3 (paper)"
    );
    assert_eq!(error(slots.open(Some(3), &Unlock::File)), "slot 3 is opened by a paper, not by a file");
    // The list holds neither the key nor what opens it.
    let text = slots.to_json().unwrap();
    assert!(!text.contains("AGE-SECRET-KEY-") && !text.contains(WORDS));
}

#[test]
fn the_last_recovery_slot_stays_outside_a_lab() {
    let key = ShareIdentity::generate();
    let mut slots = Slots::new(&key, Setting::Production);
    assert_eq!(
        error(slots.add(&key, &Create::File("key".into()), "", false, 1)),
        "a slot of the kind file is for labs only: whoever copies the disk has the key too"
    );
    assert_eq!(
        error(slots.add(&key, &Create::Passphrase(passphrase("short")), "", false, 1)),
        "the passphrase has 5 characters; take at least 16, for example six words drawn by dice"
    );
    let first = slots.add(&key, &Create::Paper, "desk", false, 1).unwrap();
    assert!(error(slots.remove(first.id)).starts_with("slot 1 is the only one"));
    assert_eq!(slots.wanting().len(), 1);
    let second = slots.add(&key, &Create::Paper, "safe", true, 1).unwrap();
    assert_eq!(slots.wanting(), ["recovery slot 2 was never tested: keystone-primer protector test 2"]);
    assert!(error(slots.remove(second.id)).starts_with("slot 2 is the last recovery slot"));
    slots.test(Some(2), &Unlock::Paper(second.paper.unwrap()), 7).unwrap();
    assert!(slots.wanting().is_empty());
    slots.remove(first.id).unwrap();
    // Numbers are not used again.
    assert_eq!(slots.add(&key, &Create::Paper, "desk", false, 8).unwrap().id, 3);
}

#[test]
fn a_slot_of_another_key_is_refused() {
    let (ours, theirs) = (ShareIdentity::generate(), ShareIdentity::generate());
    let mut slots = Slots::new(&ours, Setting::Lab);
    assert!(error(slots.add(&theirs, &Create::Paper, "", false, 1)).contains("another key"));
    // One that was put into the file by hand is too.
    let mut other = Slots::new(&theirs, Setting::Lab);
    other.add(&theirs, &Create::Passphrase(passphrase(WORDS)), "", false, 1).unwrap();
    let text = other.to_json().unwrap().replace(&theirs.recipient(), &ours.recipient());
    let forged = Slots::from_json(&text).unwrap();
    assert_eq!(
        error(forged.open(None, &Unlock::Passphrase(passphrase(WORDS)))),
        "slot 1 holds another key than this primer's; remove it and add a new one"
    );
}

#[test]
fn a_list_of_a_later_version_is_refused() {
    let text = Slots::new(&ShareIdentity::generate(), Setting::Lab).to_json().unwrap();
    let later = text.replace("\"version\": 1", "\"version\": 2");
    assert!(error(Slots::from_json(&later)).contains("it is of version 2, and this program knows 1"));
}
