//! Identities in plugins. This program is one itself, `age-plugin-testkey`, when it is called as one: it holds an X25519 key
//! as a piece of hardware would, speaks the protocol by the crate that real plugins are written with, and notes what it is
//! asked. Without the name of a test it runs all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Output;

use age_core::format::{FileKey, Stanza};
use age_plugin::identity::{Error, IdentityPluginV1};
use age_plugin::{Callbacks, PluginHandler, run_state_machine};
use bech32::{Bech32, Hrp};
use tree::{Tree, identity, text};

// ---- the plugin -----------------------------------------------------------------------------------------------------

/// Names the file of notes.
const NOTES: &str = "KEYSTONE_TEST_NOTES";

fn note(line: &str) {
    let path = std::env::var_os(NOTES).unwrap();
    let mut notes = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(notes, "{line}").unwrap();
}

struct Hardware;

impl PluginHandler for Hardware {
    type RecipientV1 = std::convert::Infallible;
    type IdentityV1 = Key;

    fn identity_v1(self) -> io::Result<Key> {
        note("started");
        Ok(Key::default())
    }
}

#[derive(Default)]
struct Key(Option<age::x25519::Identity>);

impl IdentityPluginV1 for Key {
    fn add_identity(&mut self, index: usize, _: &str, bytes: &[u8]) -> Result<(), Error> {
        let text = bech32::encode_upper::<Bech32>(Hrp::parse("age-secret-key-").unwrap(), bytes).unwrap();
        let wrong = |_| Error::Identity { index, message: "this key is broken".to_owned() };
        self.0 = Some(text.parse().map_err(wrong)?);
        Ok(())
    }

    fn unwrap_file_keys(
        &mut self,
        files: Vec<Vec<Stanza>>,
        mut callbacks: impl Callbacks<Error>,
    ) -> io::Result<HashMap<usize, Result<FileKey, Vec<Error>>>> {
        let mut keys = HashMap::new();
        for (index, stanzas) in files.iter().enumerate() {
            note("file");
            if index == 3 && PathBuf::from(std::env::var_os(NOTES).unwrap()).with_file_name("late").exists() {
                let message = "nobody touched it".to_owned();
                keys.insert(index, Err(vec![Error::Stanza { file_index: index, stanza_index: 0, message }]));
            } else if let Some(Ok(key)) =
                self.0.as_ref().and_then(|key| age::Identity::unwrap_stanzas(key, stanzas))
            {
                // The second phase waits for the answer.
                let _ = callbacks.message("touch it now")?;
                keys.insert(index, Ok(key));
            }
        }
        Ok(keys)
    }
}

// ---- the tests ------------------------------------------------------------------------------------------------------

struct Desk {
    tree: Tree,
}

impl Desk {
    fn new() -> Self {
        let tree = Tree::adopted();
        fs::create_dir(tree.path("home/bin")).unwrap();
        symlink(std::env::current_exe().unwrap(), tree.path("home/bin/age-plugin-testkey")).unwrap();
        let secret = fs::read_to_string(identity("people/alice.txt")).unwrap();
        let secret = secret.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
        let (_, bytes) = bech32::decode(secret).unwrap();
        Self::handle(&tree, "key", &bytes);
        Self { tree }
    }

    fn handle(tree: &Tree, name: &str, bytes: &[u8]) {
        let hrp = Hrp::parse("age-plugin-testkey-").unwrap();
        let text = bech32::encode_upper::<Bech32>(hrp, bytes).unwrap();
        fs::write(tree.path(&format!("home/{name}")), format!("# a key in hardware\n{text}\n")).unwrap();
    }

    fn run(&self, key: &str, arguments: &[&str]) -> Output {
        self.run_as(key, "people/alice-ssh", arguments)
    }

    fn run_as(&self, key: &str, signer: &str, arguments: &[&str]) -> Output {
        let _ = fs::remove_file(self.tree.path("home/notes"));
        let path = std::env::var("PATH").unwrap();
        self.tree
            .command(arguments)
            .env("PATH", format!("{}:{path}", self.tree.path("home/bin").display()))
            .env(NOTES, self.tree.path("home/notes"))
            .args(["-i", &self.tree.path(&format!("home/{key}")).display().to_string()])
            .args(["--sign-key", &identity(signer)])
            .output()
            .unwrap()
    }

    /// Processes of the plugin, and files that they were asked for.
    fn asked(&self) -> (usize, usize) {
        let notes = fs::read_to_string(self.tree.path("home/notes")).unwrap_or_default();
        (notes.matches("started").count(), notes.matches("file").count())
    }
}

/// One process opens all old files, and one all new ones; the crate age alone would start one for each.
fn one_process_for_all_files() {
    let desk = Desk::new();
    let before = desk.tree.files();
    let done = desk.run("key", &["rekey", "--all"]);
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    assert_eq!(desk.asked(), (2, 14), "six secrets and the commitments, old and new");
    let after = desk.tree.files();
    assert!(before.iter().all(|(name, bytes)| after[name] != *bytes));
    desk.tree.good(&["verify", "--require-signed"]);
    assert_eq!(
        desk.tree.opened("k8s-ca-key", "people/alice"),
        tree::opened(&before["k8s-ca-key.age"], "people/alice")
    );
    // Every touch is announced before it is wanted, and asked for.
    let said = text(&done.stderr);
    let announced = "age-plugin-testkey is asked for 7 files; it may want a touch or a PIN for each of them";
    assert_eq!(said.matches(announced).count(), 2, "{said}");
    assert_eq!(said.matches("age-plugin-testkey: touch it now").count(), 14, "{said}");
    assert!(said.starts_with(announced), "{said}");
}

fn showing_a_value_wants_one_touch() {
    let desk = Desk::new();
    let done = desk.run("key", &["show", "headscale-derp"]);
    assert_eq!(Some(text(&done.stdout)), desk.tree.opened("headscale-derp", "people/alice"));
    assert_eq!(desk.asked(), (1, 1));
}

/// Who has another key at hand does not touch the first.
fn nobody_touches_for_what_opens_anyhow() {
    let desk = Desk::new();
    let done = desk.run("key", &["rekey", "--all", "-i", &identity("people/bob.txt")]);
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    assert_eq!(desk.asked(), (0, 0), "{}", text(&done.stderr));
}

fn a_plugin_that_cannot_changes_nothing() {
    let desk = Desk::new();
    let before = desk.tree.files();
    Desk::handle(&desk.tree, "broken", &[1, 2, 3]);
    let done = desk.run("broken", &["rekey", "--all"]);
    let said = tree::failed(&done);
    assert!(said.contains("the plugin age-plugin-testkey did not do it: this key is broken"), "{said}");
    // A key that is nobody's opens nothing.
    Desk::handle(&desk.tree, "other", &[7; 32]);
    let said = tree::failed(&desk.run("other", &["show", "headscale-derp"]));
    assert!(said.contains("it is not encrypted to you"), "{said}");
    // One touch of seven that nobody gave in time: the other six change nothing either.
    fs::write(desk.tree.path("home/late"), "").unwrap();
    let said = tree::failed(&desk.run("key", &["rekey", "--all"]));
    assert!(said.contains("the plugin age-plugin-testkey did not do it: nobody touched it"), "{said}");
    fs::remove_file(desk.tree.path("home/late")).unwrap();
    fs::remove_file(desk.tree.path("home/bin/age-plugin-testkey")).unwrap();
    let said = tree::failed(&desk.run("key", &["rekey", "--all"]));
    assert!(said.contains("there is no such program on PATH"), "{said}");
    assert_eq!(desk.tree.files(), before);
}

/// Of a plugin nobody knows for whom it opens, until a new file has been tried.
fn what_does_not_open_again_is_not_written() {
    let desk = Desk::new();
    desk.tree.bob_leaves();
    // Who holds the key in hardware leaves, and another key of alice's signs.
    let alice = "email = \"alice@keystone.example\"\nadmin = true";
    desk.tree.replace("hosts/cluster.toml", alice, "email = \"alice@keystone.example\"");
    let carol = "email = \"carol@keystone.example\"";
    desk.tree.replace("hosts/cluster.toml", carol, &format!("{carol}\nadmin = true"));
    fs::remove_file(desk.tree.path("secrets/lock.json")).unwrap();
    fs::remove_file(desk.tree.path("secrets/lock.json.sig")).unwrap();
    let before = desk.tree.files();
    let done = desk.run_as("key", "people/carol-ssh", &["rekey", "--all"]);
    let said = tree::failed(&done);
    assert!(
        said.contains("was encrypted and does not open again as it should: it is not encrypted to you"),
        "{said}"
    );
    assert_eq!(desk.tree.files(), before);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(machine) = arguments.find_map(|word| Some(word.strip_prefix("--age-plugin=")?.to_owned())) {
        run_state_machine(&machine, Hardware).unwrap();
        return;
    }
    let all: [(&str, fn()); 5] = [
        ("what_does_not_open_again_is_not_written", what_does_not_open_again_is_not_written),
        ("one_process_for_all_files", one_process_for_all_files),
        ("showing_a_value_wants_one_touch", showing_a_value_wants_one_touch),
        ("nobody_touches_for_what_opens_anyhow", nobody_touches_for_what_opens_anyhow),
        ("a_plugin_that_cannot_changes_nothing", a_plugin_that_cannot_changes_nothing),
    ];
    let list = std::env::args().any(|word| word == "--list");
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut passed = 0;
    for (name, test) in
        all.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| name.contains(wanted)))
    {
        if list {
            println!("{name}: test");
            continue;
        }
        // The first that fails ends this with its message.
        test();
        println!("test {name} ... ok");
        passed += 1;
    }
    // As other test programs end, so that whoever counts does.
    if !list {
        println!("\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
    }
}
