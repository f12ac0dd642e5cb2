//! The lab: up, one primer stopped, up again, down.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

use std::process::{Command, Output};

fn lab(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
        .arg("lab")
        .args(arguments)
        .arg("--dir")
        .arg(folder)
        .output()
        .unwrap()
}

fn said(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output = lab(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn goes_up_loses_a_primer_gets_it_back_and_goes_down() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("lab");
    let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml");
    let up = said(&folder, &["up", "--inventory", inventory]);
    assert!(up.contains("This is a LAB") && up.contains("Quorum: 3/3 primers healthy"), "{up}");
    assert!(folder.join("secrets/pki-control-1.age").exists() && folder.join("trust/root-ca.crt").exists());
    assert!(said(&folder, &["stop-primer", "2"]).starts_with("primer-2 was stopped"));
    assert!(said(&folder, &["status"]).contains("Quorum: 2/3 primers healthy"));
    let error = lab(&folder, &["stop-primer", "4"]);
    assert_eq!(String::from_utf8_lossy(&error.stderr), "error: the lab has no primer 4; there are 3\n");
    assert!(said(&folder, &["up", "--inventory", inventory]).contains("Quorum: 3/3 primers healthy"));
    assert_eq!(said(&folder, &["down"]), "3 primers were stopped, and its folder is gone\n");
    assert!(!folder.exists());
}

#[test]
fn a_folder_that_is_no_lab_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    for verb in ["up", "down", "status"] {
        let output = lab(folder.path(), &[verb]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            error.contains("holds something that is no lab; choose a new folder with --dir DIR"),
            "{error}"
        );
    }
    assert!(folder.path().join("thesis.txt").exists());
    let none = lab(&folder.path().join("none"), &["status"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no lab in"));
}

#[test]
fn programs_that_are_missing_are_named_before_anything_is_made() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("lab");
    let inventory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml");
    for (with, missing) in [
        ("kubernetes", "etcd, kube-apiserver, kube-controller-manager, kube-scheduler"),
        ("kubernetes,headscale", "headscale, etcd, kube-apiserver, kube-controller-manager, kube-scheduler"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"))
            .args(["lab", "up", "--with", with, "--inventory", inventory, "--dir"])
            .arg(&folder)
            .env("PATH", "")
            .env("KEYSTONE_PEERS", "/nonexistent")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!("error: {missing}: neither on PATH nor in `/nonexistent`\n  next: checks/peers/setup\n")
        );
        assert!(!folder.exists());
    }
}
