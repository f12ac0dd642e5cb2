//! The text of one machine with its key: the key stands in one place, and is never shown elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

const GENERATOR: &str = env!("CARGO_BIN_EXE_keystone-gen-cloud-init");

/// Shaped like a key, and none.
fn key() -> String {
    format!("hskey-auth-{}-{}", "a1B2c3D4e5F6", "0123456789abcdef".repeat(4))
}

fn inventory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml")
}

/// A folder with the file `key` in it.
fn folder(text: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), text).unwrap();
    folder
}

/// Status, standard output and standard error.
fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(GENERATOR)
        .current_dir(folder.path())
        .arg("--input")
        .arg(inventory())
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_key_is_in_its_file_and_nowhere_else() {
    for written in [key(), format!("{}\n", key()), format!("  {}\r\n", key())] {
        let folder = folder(written.as_bytes());
        let (status, out, err) = run(&folder, &["--node", "ingress-1", "--join-key-file", "key"]);
        assert_eq!((status, err.as_str()), (0, ""));
        assert_eq!(out.matches("hskey").count(), 1);
        assert!(out.starts_with("#cloud-config\n"));
        let data: Value = serde_saphyr::from_str(&out).unwrap();
        assert_eq!(data["hostname"], "ingress-1");
        assert_eq!(
            data["write_files"][1],
            json!({
                "path": "/etc/keystone/join-key", "owner": "root:root", "permissions": "0600",
                "content": format!("{}\n", key()),
            })
        );
        let commands = data["runcmd"].as_array().unwrap();
        assert_eq!(commands.last().unwrap(), &json!(["rm", "-f", "/etc/keystone/join-key"]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");

        // Beside the key it is what is rendered for everybody to see.
        let path = "nodes/ingress-1/user-data.yaml";
        let (status, shown, _) = run(&folder, &["--only", path]);
        let mut without = data.clone();
        without["write_files"].as_array_mut().unwrap().remove(1);
        assert_eq!((status, serde_saphyr::from_str::<Value>(&shown).unwrap()), (0, without));
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let good = key();
    let one_short = &good[..good.len() - 1];
    let one_long = format!("{good}x");
    let spaced = good.replacen("a1B2", "a1 2", 1);
    let two = format!("{good}\n{good}\n");
    let dotted = format!("{one_short}.");
    for wrong in [
        "",
        "secret-word",
        "hskey-auth-",
        "tskey-auth-abc",
        one_short,
        &one_long,
        &spaced,
        &two,
        &dotted,
        "hskey-auth-ééééééééé",
    ] {
        let folder = folder(wrong.as_bytes());
        let answer = run(&folder, &["--node", "ingress-1", "--join-key-file", "key"]);
        let said = "error: `key` holds no key of Headscale (`hskey-auth-…`); mint one with `keystone-cluster mesh \
                    enroll NODE`\n";
        assert_eq!(answer, (1, String::new(), said.to_owned()));
    }
}

#[test]
fn a_key_that_cannot_be_read_is_told() {
    let folder = folder(&[0xff, 0xfe]);
    let (status, out, err) = run(&folder, &["--node", "ingress-1", "--join-key-file", "key"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert_eq!(err, "error: cannot read `key`: stream did not contain valid UTF-8\n");
    let (status, out, err) = run(&folder, &["--node", "ingress-1", "--join-key-file", "none"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert_eq!(err, "error: cannot read `none`: No such file or directory (os error 2)\n");
}

/// A key belongs to one machine that is installed by cloud-init.
#[test]
fn who_can_have_no_key_is_refused() {
    let folder = folder(key().as_bytes());
    for who in ["burst", "rack", "worker-1", "nowhere", "alice"] {
        let answer = run(&folder, &["--node", who, "--join-key-file", "key"]);
        let said = format!(
            "error: `{who}` is no node with `cloudInit = true`; a key belongs to one machine, so pools and other \
             nodes have none\n"
        );
        assert_eq!(answer, (1, String::new(), said));
    }
}

/// Nothing writes the text with its key to a place where it stays.
#[test]
fn a_wrong_command_line_is_told_apart() {
    let folder = folder(key().as_bytes());
    for (arguments, said) in [
        (
            &["--node", "ingress-1", "--join-key-file", "key", "--out", "rendered"][..],
            "error: the argument '--node <NAME>' cannot be used with '--out <PATH>'\n",
        ),
        (
            &["--node", "ingress-1", "--join-key-file", "key", "--only", "nodes/ingress-1/user-data.yaml"],
            "error: the argument '--node <NAME>' cannot be used with '--only <NAME>'\n",
        ),
        (
            &["--node", "ingress-1"],
            "error: the following required arguments were not provided:\n  --join-key-file <FILE>\n",
        ),
        (
            &["--join-key-file", "key"],
            "error: the following required arguments were not provided:\n  --node <NAME>\n",
        ),
        (&["--node", "../x", "--join-key-file", "key"], "error: invalid value '../x' for '--node <NAME>': "),
        (
            &["--node", "ingress-1", "--join-key-file", "key", "--mode", "write"],
            "error: --node prints one text, and writes or compares no file; leave out --mode\n",
        ),
    ] {
        let (status, out, err) = run(&folder, arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.starts_with(said), "{arguments:?}: {err}");
        assert!(!err.contains("hskey"), "{err}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");
}

/// Where the key was not delivered, the console says how to get one. Run as cloud-init runs it, in a folder of its own.
#[test]
fn a_missing_key_is_told_with_the_command_that_mints_one() {
    let folder = folder(b"something");
    let (_, shown, _) = run(&folder, &["--only", "nodes/ingress-1/user-data.yaml"]);
    let data: Value = serde_saphyr::from_str(&shown).unwrap();
    let words: Vec<String> = serde_json::from_value(data["runcmd"][0].clone()).unwrap();
    assert_eq!(words[3], "/etc/keystone/join-key");
    fs::write(folder.path().join("empty"), "").unwrap();
    let said = "keystone: there is no join key in /etc/keystone/join-key; mint one with `keystone-cluster mesh enroll \
                ingress-1` and deliver it beside this user-data\n";
    for (file, said) in [("key", ""), ("empty", said), ("none", said)] {
        let output = Command::new(&words[0])
            .args(&words[1..3])
            .arg(folder.path().join(file))
            .args(&words[4..])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said, "{file}");
        assert_eq!(output.stdout, b"", "{file}");
    }
}
