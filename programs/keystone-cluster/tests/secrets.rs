//! `keystone-cluster secrets` on a copy of the reference cluster's tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod tree;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use serde_json::Value;
use tree::verdict::{generation, kinds, verdict};
use tree::{Tree, failed, git_is_here, identity, text};

#[test]
fn an_adopted_tree_is_as_it_should_be() {
    let tree = Tree::new();
    assert_eq!(kinds(&tree), ["no-lock"]);
    let before = tree.files();
    tree.good(&["adopt"]);
    let after = tree.files();
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes), "adopting changed a file");
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    let said = text(&tree.command(&["verify"]).output().unwrap().stdout);
    assert!(said.contains("of 7 files only the number of recipients can be checked"), "{said}");
    assert!(said.contains("who they are is what alice claims"), "{said}");
}

#[test]
fn a_rekey_opens_for_whom_the_inventory_names_and_says_that_it_is_no_rotation() {
    let tree = Tree::adopted();
    let value = tree.opened("k8s-ca-key", "people/alice");
    assert_eq!(tree.opened("k8s-ca-key", "people/bob"), value);
    tree.bob_leaves();
    assert_eq!(
        kinds(&tree),
        [
            "stale",
            "not-rotated",
            "stale",
            "not-rotated",
            "stale",
            "not-rotated",
            "stale",
            "not-rotated",
            "stale",
            "not-rotated",
            "stale",
            "not-rotated",
            "stale"
        ]
    );
    let said = tree.good(&["rekey"]);
    assert!(said.contains("this is no rotation"), "{said}");
    assert!(said.contains("bob could read values that are still in use"), "{said}");
    assert_eq!(tree.opened("k8s-ca-key", "people/alice"), value);
    assert_eq!(tree.opened("k8s-ca-key", "nodes/control-1"), value);
    assert_eq!(tree.opened("k8s-ca-key", "people/bob"), None);
    // Red until the values are others.
    assert_eq!(kinds(&tree), ["not-rotated"]);
}

#[test]
fn files_whose_recipients_are_right_stay_byte_for_byte() {
    let tree = Tree::adopted();
    // worker-1 and control-3 change places: no primer's secret changes by that.
    let (plane, worker) = ("roles = [\"control-plane\"]", "roles = [\"worker\"]");
    tree.replace(
        "hosts/cluster.toml",
        &format!("{worker}\nageKey"),
        &format!("{plane}\nendpoint = \"203.0.113.77\"\nageKey"),
    );
    tree.replace("hosts/cluster.toml", &format!("{plane}\nendpoint = \"203.0.113.16\""), worker);
    let before = tree.files();
    let said = tree.good(&["rekey"]);
    assert!(said.contains("files are right, and stay as they are"), "{said}");
    let after = tree.files();
    for (name, bytes) in before.iter().filter(|(name, _)| !name.starts_with("lock.json")) {
        let same = *name == "headscale-private.age";
        // The commitments are a secret of primers and admins, whose key goes with those who left.
        assert!((after[name] == *bytes) == same || name == "secret-commitments.age", "{name}");
    }
    let before = tree.files();
    tree.good(&["rekey", "--all"]);
    let after = tree.files();
    assert!(
        before.iter().all(|(name, bytes)| after[name] != *bytes),
        "with --all, every file is another one"
    );
}

#[test]
fn an_undecryptable_file_in_the_middle_leaves_all_as_they_were() {
    let tree = Tree::new();
    let text = fs::read(tree.path("secrets/headscale-noise.age")).unwrap();
    fs::write(tree.path("secrets/headscale-noise.age"), &text[..text.len() - 1]).unwrap();
    let before = tree.files();
    let said = tree.bad(&["rekey", "--all"]);
    assert!(said.contains("secrets/headscale-noise.age does not open"), "{said}");
    assert_eq!(tree.files(), before);
    // Somebody who can open nothing has the wrong identity in hand.
    let said =
        failed(&tree.command(&["rekey", "--all", "-i", &identity("nodes/worker-1.txt")]).output().unwrap());
    assert!(
        said.contains("none of the 6 secrets opens with this identity, so nothing was written; name another with `-i FILE`"),
        "{said}"
    );
    assert_eq!(tree.files(), before);
}

fn text_of(done: &std::process::Output) -> String {
    text(&done.stdout) + &text(&done.stderr)
}

#[test]
fn a_read_only_file_is_replaced_and_stays_read_only() {
    let tree = Tree::adopted();
    let path = tree.path("secrets/k8s-ca-key.age");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let before = fs::read(&path).unwrap();
    tree.good(&["rekey", "--all"]);
    assert_ne!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o444);
}

#[test]
fn a_link_is_no_file_to_replace() {
    let tree = Tree::adopted();
    let path = tree.path("secrets/k8s-ca-key.age");
    fs::rename(&path, tree.path("home/elsewhere")).unwrap();
    std::os::unix::fs::symlink(tree.path("home/elsewhere"), &path).unwrap();
    assert!(tree.bad(&["rekey", "--all"]).contains("`secrets/k8s-ca-key.age` is no ordinary file"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let tree = Tree::adopted();
    let before = tree.files();
    for arguments in [["rekey", "--all"].as_slice(), &["rotate", "headscale-derp"], &["adopt"]] {
        tree.good(&[arguments, &["--dry-run"]].concat());
        assert_eq!(tree.files(), before, "{arguments:?}");
    }
}

type Case = (&'static str, fn(&Tree));

#[test]
fn drift_is_found_without_a_private_key() {
    let cases: [Case; 5] = [
        ("missing", |tree| fs::remove_file(tree.path("secrets/oidc-signing.age")).unwrap()),
        ("extra", |tree| {
            tree.replace("secrets/lock.json", "headscale-derp", "headscale-depr");
            fs::rename(tree.path("secrets/headscale-derp.age"), tree.path("secrets/headscale-depr.age"))
                .unwrap();
        }),
        ("stale", |tree| {
            tree.replace(
                "hosts/cluster.toml",
                "email = \"carol@keystone.example\"",
                "email = \"carol@keystone.example\"\nadmin = true",
            );
        }),
        ("changed-outside", |tree| {
            let path = tree.path("secrets/oidc-signing.age");
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("distrusted", |tree| tree.replace("secrets/lock.json", "\"generation\": 1", "\"generation\": 2")),
    ];
    for (kind, change) in cases {
        let tree = Tree::adopted();
        change(&tree);
        let (ok, findings) = verdict(&tree, &[]);
        assert!(!ok && findings.iter().any(|(found, _)| found == kind), "{kind}: {findings:?}");
    }
}

#[test]
fn a_lock_that_nobody_signed_is_said_to_be_that() {
    let tree = Tree::new();
    let done = tree.command(&["adopt", "-i", &identity("people/alice.txt")]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("the lock is not signed, so nobody vouches for it"));
    let unsigned = vec![("unauthenticated".to_owned(), String::new())];
    assert_eq!(verdict(&tree, &[]), (true, unsigned.clone()));
    assert_eq!(verdict(&tree, &["--require-signed"]), (false, unsigned));
    tree.good(&["adopt"]);
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
}

#[test]
fn ssh_keygen_checks_our_signature_and_we_check_its() {
    let tree = Tree::adopted();
    let public = fs::read_to_string(identity("people/alice-ssh.pub")).unwrap();
    fs::write(tree.path("home/allowed"), format!("alice {public}")).unwrap();
    let done = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "keystone-secrets-lock", "-I", "alice", "-f"])
        .arg(tree.path("home/allowed"))
        .arg("-s")
        .arg(tree.path("secrets/lock.json.sig"))
        .stdin(fs::File::open(tree.path("secrets/lock.json")).unwrap())
        .output();
    let Ok(done) = done else {
        eprintln!("skipped: ssh-keygen is not here");
        return;
    };
    assert!(done.status.success(), "{}", text_of(&done));
    // The other way, and for another purpose.
    for (namespace, fine) in [("keystone-secrets-lock", true), ("file", false)] {
        fs::remove_file(tree.path("secrets/lock.json.sig")).unwrap();
        fs::copy(identity("people/alice-ssh"), tree.path("home/key")).unwrap();
        fs::set_permissions(tree.path("home/key"), fs::Permissions::from_mode(0o600)).unwrap();
        let done = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(tree.path("home/key"))
            .arg(tree.path("secrets/lock.json"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", text_of(&done));
        assert_eq!(verdict(&tree, &["--require-signed"]).0, fine, "{namespace}");
    }
}

#[test]
fn nobody_lets_themselves_in() {
    if !git_is_here() {
        return;
    }
    let tree = Tree::adopted();
    tree.commit("first");
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    // carol makes herself an admin, and signs by that in the same commit.
    tree.replace(
        "hosts/cluster.toml",
        "email = \"carol@keystone.example\"",
        "email = \"carol@keystone.example\"\nadmin = true",
    );
    let carol = ["-i", &identity("people/alice.txt"), "--sign-key", &identity("people/carol-ssh")];
    let said = failed(&tree.command(&[&["rekey"], carol.as_slice()].concat()).output().unwrap());
    assert!(
        said.contains("it is no key of an admin or a primer, by the inventory of the last commit"),
        "{said}"
    );
    tree.good(&["rekey"]);
    fs::remove_file(tree.path("secrets/lock.json.sig")).unwrap();
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "keystone-secrets-lock", "-f"])
        .arg({
            fs::copy(identity("people/carol-ssh"), tree.path("home/key")).unwrap();
            fs::set_permissions(tree.path("home/key"), fs::Permissions::from_mode(0o600)).unwrap();
            tree.path("home/key")
        })
        .arg(tree.path("secrets/lock.json"))
        .status();
    if signed.is_err() {
        eprintln!("skipped: ssh-keygen is not here");
        return;
    }
    assert_eq!(kinds(&tree)[0], "distrusted");
    tree.commit("carol is an admin, says carol");
    assert_eq!(kinds(&tree)[0], "distrusted");
    // Once somebody else committed it, she may.
    tree.git(&["commit", "-q", "--allow-empty", "-m", "between"]);
    fs::write(tree.path("secrets/lock.json.sig"), fs::read(tree.path("secrets/lock.json.sig")).unwrap())
        .unwrap();
    assert_eq!(kinds(&tree)[0], "distrusted", "the commit that signed is the one that counts");
}

#[test]
fn show_edit_and_list_do_not_tell_more_than_they_should() {
    let tree = Tree::adopted();
    let done = tree.piped(&["edit", "headscale-derp"], "a-value-not-to-be-seen");
    assert!(done.status.success(), "{}", text_of(&done));
    assert!(!text_of(&done).contains("not-to-be-seen"));
    assert_eq!(tree.good(&["show", "headscale-derp"]), "a-value-not-to-be-seen");
    assert_eq!(generation(&tree, "headscale-derp"), 2);
    let said = tree.good(&["list"]);
    assert!(
        said.contains(
            "k8s-ca-key: alice, bob, control-1, control-2, control-3, primer-1, primer-2, primer-3"
        ),
        "{said}"
    );
    assert!(tree.bad(&["show", "nonsense"]).contains("no rule names a secret `nonsense`"));
    assert!(!tree.piped(&["edit", "headscale-derp"], "").status.success());
    for (name, bytes) in tree.files() {
        assert!(!text(&bytes).contains("not-to-be-seen"), "{name}");
    }
}

#[test]
fn an_admin_comes_with_a_key_that_age_can_encrypt_to() {
    let tree = Tree::adopted();
    let key = fs::read_to_string(identity("people/dave-ssh.pub")).unwrap();
    let said = tree.bad(&[
        "add-admin",
        "erin",
        "--email",
        "erin@keystone.example",
        "--key",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNh",
    ]);
    assert!(said.contains("age derives encryption keys from ssh-ed25519 and ssh-rsa only"), "{said}");
    let said = tree.bad(&[
        "add-admin",
        "erin",
        "--email",
        "erin@keystone.example",
        "--key",
        "sk-ssh-ed25519@openssh.com AAAA",
    ]);
    assert!(said.contains("a security key signs and cannot decrypt"), "{said}");
    // The key comes from dave, who has no use for it.
    let blob = key.split(' ').nth(1).unwrap().trim();
    tree.replace("hosts/cluster.toml", &format!("sshKeys = [\"ssh-ed25519 {blob}\"]"), "");
    tree.good(&["add-admin", "erin", "--email", "erin@keystone.example", "--key", key.trim()]);
    let key = fs::read(identity("people/dave-ssh")).unwrap();
    let key = age::ssh::Identity::from_buffer(key.as_slice(), None).unwrap();
    let file = fs::read(tree.path("secrets/k8s-ca-key.age")).unwrap();
    assert_eq!(
        age::decrypt(&key, &file).ok().map(|text| String::from_utf8(text).unwrap()),
        tree.opened("k8s-ca-key", "people/alice")
    );
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
}

#[test]
fn values_rotate_with_two_alive_where_they_overlap() {
    let tree = Tree::adopted();
    let names = |tree: &Tree| -> Vec<String> {
        let value: Value =
            serde_json::from_str(&tree.opened("etcd-encryption", "nodes/control-1").unwrap()).unwrap();
        let keys = value["resources"][0]["providers"][0]["aesgcm"]["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = names(&tree)[0].clone();
    let said = tree.good(&["rotate", "etcd-encryption"]);
    assert!(said.contains("deploy control-1, then control-2, then control-3"), "{said}");
    assert_eq!((names(&tree).len(), names(&tree)[0].clone()), (2, first.clone()));
    assert_eq!(kinds(&tree), ["in-rotation"]);
    tree.good(&["rotate", "etcd-encryption"]);
    assert_eq!((names(&tree).len(), names(&tree)[1].clone()), (2, first.clone()));
    tree.good(&["rotate", "etcd-encryption"]);
    assert!(names(&tree).len() == 1 && names(&tree)[0] != first);
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    assert_eq!(generation(&tree, "etcd-encryption"), 2);
}

#[test]
fn a_token_key_is_published_before_it_signs_and_until_its_last_token_ends() {
    let tree = Tree::adopted();
    let states = |tree: &Tree| -> Vec<String> {
        let text = fs::read_to_string(tree.path("hosts/trust/trust.toml")).unwrap();
        let trust: toml::Value = toml::from_str(&text).unwrap();
        trust["serviceAccountKeys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["state"].as_str().unwrap().to_owned())
            .collect()
    };
    let keys = |tree: &Tree| tree.opened("oidc-signing", "people/alice").unwrap();
    let first = keys(&tree);
    tree.good(&["rotate", "oidc-signing"]);
    assert_eq!(states(&tree), ["signing", "published", "published"]);
    assert!(keys(&tree).starts_with(first.trim_end()) && keys(&tree).matches("BEGIN").count() == 2);
    tree.good(&["rotate", "oidc-signing"]);
    assert_eq!(states(&tree), ["retiring", "published", "signing"]);
    assert!(!keys(&tree).starts_with(first.trim_end()) && keys(&tree).matches("BEGIN").count() == 2);
    tree.good(&["rotate", "oidc-signing"]);
    assert_eq!(states(&tree), ["published", "signing"]);
    assert!(keys(&tree).matches("BEGIN").count() == 1 && !keys(&tree).contains(first.trim_end()));
    assert!(!tree.path("hosts/trust/service-account/throw-away-2026-05.pub").exists());
}

#[test]
fn a_revocation_is_red_until_every_value_is_new() {
    if !git_is_here() {
        return;
    }
    let tree = Tree::adopted();
    tree.commit("first");
    let noise = tree.opened("headscale-noise", "people/alice");
    let said = failed(&tree.alice(&["revoke", "bob"]).output().unwrap());
    assert!(
        said.contains("NOT OVER: still in use and known to bob: etcd-encryption, k8s-ca-key, oidc-signing"),
        "{said}"
    );
    assert!(said.contains("open: k8s-ca-key: a quorum of primers signs"), "{said}");
    assert!(!fs::read_to_string(tree.path("hosts/cluster.toml")).unwrap().contains("bob"));
    assert_ne!(tree.opened("headscale-noise", "people/alice"), noise);
    assert_eq!(tree.opened("k8s-ca-key", "people/bob"), None);
    assert!(
        fs::read_to_string(tree.path("secrets/revoked-bob.md"))
            .unwrap()
            .contains("- headscale-noise: new value")
    );
    let open = |tree: &Tree| -> Vec<String> {
        let mut open: Vec<String> = verdict(tree, &[])
            .1
            .into_iter()
            .filter(|(kind, _)| kind == "not-rotated")
            .map(|(_, path)| path)
            .collect();
        open.sort();
        open
    };
    let path = |name: &str| format!("secrets/{name}.age");
    assert_eq!(open(&tree), [path("etcd-encryption"), path("k8s-ca-key"), path("oidc-signing")]);
    tree.commit("bob left");
    for _ in 0..2 {
        tree.good(&["rotate", "etcd-encryption", "oidc-signing"]);
    }
    assert_eq!(open(&tree), [path("k8s-ca-key")]);
    // The quorum signed for another key.
    let done = tree.piped(&["edit", "k8s-ca-key"], "another key");
    assert!(done.status.success(), "{}", text_of(&done));
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
}

/// dave could read once, on a branch that nobody looks at, and it shows in no file of today.
#[test]
fn history_tells_what_a_lock_does_not() {
    if !git_is_here() {
        return;
    }
    let tree = Tree::new();
    tree.commit("first");
    tree.git(&["checkout", "-q", "-b", "aside"]);
    tree.replace(
        "hosts/cluster.toml",
        "email = \"dave@keystone.example\"",
        "email = \"dave@keystone.example\"\nadmin = true",
    );
    fs::write(tree.path("secrets/note"), "").unwrap();
    tree.commit("dave is an admin");
    tree.git(&["checkout", "-q", "main"]);
    tree.good(&["adopt"]);
    tree.commit("a lock");
    assert_eq!(verdict(&tree, &["--require-signed"]), (true, Vec::new()));
    let said = failed(&tree.alice(&["revoke", "dave"]).output().unwrap());
    assert!(
        said.contains("NOT OVER: still in use and known to dave: etcd-encryption, k8s-ca-key, oidc-signing"),
        "{said}"
    );
    assert!(verdict(&tree, &[]).1.contains(&("not-rotated".to_owned(), "secrets/k8s-ca-key.age".to_owned())));
}

#[test]
fn without_the_whole_history_nothing_is_revoked() {
    if !git_is_here() {
        return;
    }
    let tree = Tree::adopted();
    let before = tree.files();
    assert!(tree.bad(&["revoke", "bob"]).contains("the history is not here"));
    tree.commit("first");
    tree.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
    let clone = tree.path("home/clone");
    tree.git(&[
        "clone",
        "-q",
        "--depth",
        "1",
        &format!("file://{}", tree.root().display()),
        &clone.display().to_string(),
    ]);
    let done = tree.alice(&["revoke", "bob", "--root", &clone.display().to_string()]).output().unwrap();
    assert!(failed(&done).contains("this is a shallow clone"));
    assert_eq!(tree.files(), before);
}

/// Nix and the inventory say the same, and either is enough.
#[test]
fn rules_of_nix_are_read_where_nix_is() {
    if Command::new("nix-instantiate").arg("--version").output().is_err() {
        eprintln!("skipped: nix-instantiate is not here");
        return;
    }
    let tree = Tree::adopted();
    let listed =
        |rules: &str| text(&tree.command(&["list", "--rules", rules, "--json"]).output().unwrap().stdout);
    let nix = listed("nix");
    assert!(nix.contains("k8s-ca-key"), "{nix}");
    assert_eq!(nix, listed("inventory"));
}
