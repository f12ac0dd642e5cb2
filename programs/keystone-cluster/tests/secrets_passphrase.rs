//! Identities behind a passphrase: asked for at a terminal, once, and refused where nobody can be asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use age::secrecy::SecretString;
use tree::terminal::{Terminal, script_is_here};
use tree::{Tree, identity, text};

const PASSPHRASE: &str = "a-passphrase-of-a-test";

/// alice's identity as `age --passphrase` keeps it, with less work to open it.
fn age_file(tree: &Tree) -> String {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    recipient.set_work_factor(4);
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once::<&dyn age::Recipient>(&recipient)).unwrap();
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    writer.write_all(&fs::read(identity("people/alice.txt")).unwrap()).unwrap();
    writer.finish().unwrap();
    let path = tree.path("home/alice.age");
    fs::write(&path, sealed).unwrap();
    path.display().to_string()
}

/// alice's SSH key behind a passphrase; nothing where there is no ssh-keygen.
fn ssh_file(tree: &Tree) -> Option<String> {
    let path = tree.path("home/alice-ssh");
    fs::copy(identity("people/alice-ssh"), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let done = Command::new("ssh-keygen").args(["-q", "-p", "-N", PASSPHRASE, "-f"]).arg(&path).output();
    let Ok(done) = done else {
        eprintln!("skipped: ssh-keygen is not here");
        return None;
    };
    assert!(done.status.success(), "{}", text(&done.stderr));
    Some(path.display().to_string())
}

/// Encrypted to alice's SSH key, as somebody adds it in secrets.nix.
fn for_ssh(tree: &Tree) {
    let key = fs::read_to_string(identity("people/alice-ssh.pub")).unwrap();
    let key: age::ssh::Recipient = key.trim().parse().unwrap();
    let encryptor = age::Encryptor::with_recipients(std::iter::once::<&dyn age::Recipient>(&key)).unwrap();
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    writer.write_all(b"for a key of SSH").unwrap();
    writer.finish().unwrap();
    fs::write(tree.path("secrets/headscale-derp.age"), sealed).unwrap();
}

#[test]
fn where_nobody_can_be_asked_it_is_refused() {
    let tree = Tree::adopted();
    let before = tree.files();
    for file in [Some(age_file(&tree)), ssh_file(&tree)].into_iter().flatten() {
        for arguments in [["show", "headscale-derp"].as_slice(), &["rekey", "--all"]] {
            let done = tree.command(&[arguments, &["-i", &file]].concat()).output().unwrap();
            let said = tree::failed(&done);
            let expected =
                format!("cannot use the identity `{file}`: it wants a passphrase, and nobody can be asked");
            assert!(said.contains(&expected), "{said}");
            assert_eq!(tree.files(), before);
        }
    }
}

#[test]
fn at_a_terminal_it_is_asked_for_once() {
    if !script_is_here() {
        return;
    }
    let tree = Tree::adopted();
    let file = age_file(&tree);
    let key = identity("people/alice-ssh");
    // Of a change too, although files are opened before and after it.
    for (arguments, shown) in [
        (["show", "headscale-derp"].as_slice(), tree.opened("headscale-derp", "people/alice").unwrap()),
        (&["rekey", "--all", "--sign-key", &key], "wrote secrets/headscale-derp.age".to_owned()),
    ] {
        let mut terminal = Terminal::start(&tree, &[], &[], &[arguments, &["-i", &file]].concat());
        terminal.until(&format!("Passphrase of {file}"));
        terminal.types(PASSPHRASE);
        let (code, said) = terminal.end();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches("Passphrase of").count(), 1, "{said}");
        assert!(said.contains(shown.trim()), "{said}");
    }
    let mut terminal = Terminal::start(&tree, &[], &[], &["show", "headscale-derp", "-i", &file]);
    terminal.until("Passphrase of");
    terminal.types("another one");
    let (code, said) = terminal.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("cannot use the identity `{file}`")), "{said}");
}

#[test]
fn an_ssh_key_behind_a_passphrase_opens_at_a_terminal() {
    if !script_is_here() {
        return;
    }
    let tree = Tree::new();
    let Some(file) = ssh_file(&tree) else { return };
    for_ssh(&tree);
    for (passphrase, code, expected) in
        [(PASSPHRASE, 0, "for a key of SSH"), ("another one", 1, "the passphrase is another one")]
    {
        let mut terminal = Terminal::start(&tree, &[], &[], &["show", "headscale-derp", "-i", &file]);
        terminal.until(&format!("Passphrase of {file}"));
        terminal.types(passphrase);
        let (ended, said) = terminal.end();
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
