//! Random rules over real keys: a re-key makes every file open for exactly whom its rule names, or changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use age::x25519::Identity;
use keystone_secrets::rekey::{Which, rekey};
use keystone_secrets::work::{Settings, Work};
use keystone_secrets::{Error, Need, Nobody, Rule, Rules};
use proptest::prelude::*;

/// The first is the caller's, the second and third are primers'.
static KEYS: LazyLock<Vec<Identity>> = LazyLock::new(|| (0..6).map(|_| Identity::generate()).collect());

fn public(index: usize) -> String {
    KEYS[index].to_public().to_string()
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(root.join("secrets")).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn rules(sets: &[BTreeSet<usize>]) -> Rules {
    let rule = |set: &BTreeSet<usize>| Rule {
        public_keys: set.iter().map(|index| public(*index)).collect(),
        armor: set.contains(&5),
    };
    let rules =
        sets.iter().enumerate().map(|(index, set)| (format!("secrets/{index}.age"), rule(set))).collect();
    let usual = Need::Both { one_of: BTreeSet::from([public(1), public(2)]), called: "a primer".to_owned() };
    Rules::new(rules, BTreeMap::new(), usual).unwrap()
}

fn work(root: &Path, rules: Rules) -> Work<'static> {
    let settings = Settings {
        root: root.to_owned(),
        inventory: PathBuf::from("hosts/cluster.toml"),
        identities: vec![root.join("identity")],
        rules: keystone_secrets::Source::Inventory,
        ..Settings::default()
    };
    let mut work = Work::begin(settings, &Nobody).unwrap();
    work.rules = rules;
    work
}

fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["secrets", "hosts"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml");
    fs::copy(inventory, folder.path().join("hosts/cluster.toml")).unwrap();
    let text = KEYS[0].to_string();
    fs::write(folder.path().join("identity"), age::secrecy::ExposeSecret::expose_secret(&text)).unwrap();
    folder
}

fn put(root: &Path, index: usize, readers: &BTreeSet<usize>) {
    let keys: Vec<_> = readers.iter().map(|reader| KEYS[*reader].to_public()).collect();
    let encryptor =
        age::Encryptor::with_recipients(keys.iter().map(|key| -> &dyn age::Recipient { key })).unwrap();
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    std::io::Write::write_all(&mut writer, format!("value {index}").as_bytes()).unwrap();
    writer.finish().unwrap();
    fs::write(root.join(format!("secrets/{index}.age")), sealed).unwrap();
}

fn opens(file: &[u8], who: usize) -> Option<Vec<u8>> {
    age::decrypt(&KEYS[who], file).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_file_opens_for_exactly_whom_its_rule_names(
        sets in prop::collection::vec((prop::collection::btree_set(0usize..6, 1..6), prop::collection::btree_set(0usize..6, 1..6)), 1..5),
        all: bool,
    ) {
        let folder = tree();
        let root = folder.path();
        let (before, after): (Vec<BTreeSet<usize>>, Vec<BTreeSet<usize>>) = sets.into_iter().unzip();
        for (index, readers) in before.iter().enumerate() {
            put(root, index, readers);
        }
        let old = files(root);
        let which = if all { Which::All } else { Which::Stale };
        let done = rekey(&work(root, rules(&after)), which);
        let fits = |set: &BTreeSet<usize>| set.len() > 1 && (set.contains(&1) || set.contains(&2));
        // Without a lock, a file that neither is nor becomes the caller's is left alone.
        let mine = |index: usize| before[index].contains(&0);
        let theirs = |index: usize| !mine(index) && !after[index].contains(&0);
        let possible = (0..after.len()).all(|index| fits(&after[index]) && (theirs(index) || mine(index) && after[index].contains(&0)));
        // Who asks for all of them and opens none has the wrong identity in hand.
        let nothing = all && (0..after.len()).all(theirs);
        match done {
            Ok(_) => {
                prop_assert!(possible && !nothing);
                for (index, set) in after.iter().enumerate() {
                    let file = fs::read(root.join(format!("secrets/{index}.age"))).unwrap();
                    let expected = if theirs(index) { &before[index] } else { set };
                    for who in 0..KEYS.len() {
                        let value = opens(&file, who);
                        prop_assert_eq!(value.is_some(), expected.contains(&who));
                        let right = format!("value {index}").into_bytes();
                        prop_assert!(value.is_none_or(|value| value == right));
                    }
                }
            }
            Err(error) => {
                prop_assert!(!possible || nothing, "{error}");
                prop_assert_eq!(matches!(error, Error::NothingOpens(_)), possible, "{}", error);
                prop_assert!(possible || matches!(error, Error::Guard { .. } | Error::Undecryptable(_) | Error::NotForCaller { .. }), "{error}");
                prop_assert_eq!(files(root), old);
            }
        }
    }
}

/// With a lock, what is right stays byte for byte.
#[test]
fn nothing_is_written_twice() {
    let folder = tree();
    let root = folder.path();
    let sets = [BTreeSet::from([0, 1]), BTreeSet::from([0, 2, 3])];
    for (index, set) in sets.iter().enumerate() {
        put(root, index, set);
    }
    rekey(&work(root, rules(&sets)), Which::Stale).unwrap();
    let before = files(root);
    let outcome = rekey(&work(root, rules(&sets)), Which::Stale).unwrap();
    assert!(outcome.written.is_empty() && outcome.kept == 2, "{outcome:?}");
    assert_eq!(files(root), before);
    let more = [BTreeSet::from([0, 1]), BTreeSet::from([0, 1, 2, 3])];
    let outcome = rekey(&work(root, rules(&more)), Which::Stale).unwrap();
    assert_eq!(outcome.written.len(), 1);
    assert_eq!(files(root)["0.age"], before["0.age"]);
    assert_ne!(files(root)["1.age"], before["1.age"]);
}
