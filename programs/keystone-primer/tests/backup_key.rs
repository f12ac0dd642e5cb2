//! A new backup key: files that exist get headers for it, whoever is killed meanwhile, and old shares go when all of them have.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{LAB, PROGRAM, Three, encrypt};
use keystone_pki::decryption::Header;
use serde_json::{Value, json};

const TEXT: &str = "the whole cluster";

struct World {
    three: Three,
}

impl World {
    fn new() -> Self {
        Self { three: Three::ready(LAB) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.three.folder.path().join(name)
    }

    fn backup(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        encrypt(&fs::read_to_string(self.three.path(1, "backup.txt")).unwrap(), TEXT, &path);
        path
    }

    fn rotate(&self, n: usize, more: &[&str]) -> Value {
        self.three.json(n, &[&["rotate-backup-key"], more].concat())
    }

    fn refused(&self, n: usize, more: &[&str]) -> String {
        self.three.refused(n, &[&["rotate-backup-key"], more].concat())
    }

    fn open(&self, n: usize, backup: &Path) -> Result<String, String> {
        let opened = self.path("opened");
        let _ = fs::remove_file(&opened);
        let (input, output) = (backup.to_str().unwrap(), opened.to_str().unwrap());
        let said = self.three.try_do(n, &["decrypt-backup", "--input", input, "--output", output], "");
        if said.status.success() {
            Ok(fs::read_to_string(opened).unwrap())
        } else {
            Err(String::from_utf8(said.stderr).unwrap())
        }
    }

    fn decrypt_only(&self, n: usize) -> Value {
        self.three.json(n, &["status"])["decryptOnly"].clone()
    }
}

fn rest(file: &[u8]) -> &[u8] {
    &file[Header::read(file).unwrap().bytes().len()..]
}

#[test]
fn backups_get_headers_for_a_new_key_and_old_shares_go_when_all_have_one() {
    let world = World::new();
    let old: Vec<PathBuf> = ["monday.enc", "tuesday.enc"].iter().map(|name| world.backup(name)).collect();
    let [monday, tuesday] = [&old[0], &old[1]].map(|path| path.to_str().unwrap());
    let (before, copy) = (fs::read(&old[0]).unwrap(), world.path("copy.enc"));
    fs::copy(&old[0], &copy).unwrap();
    let recipient = fs::read_to_string(world.three.path(2, "backup.txt")).unwrap();
    assert_eq!(world.decrypt_only(1), json!([]));

    // A new key, and nothing else.
    let planned = world.rotate(1, &["--dry-run"]);
    assert_eq!(planned["generation"], 2);
    assert_eq!(world.decrypt_only(1), json!([]));
    let made = world.rotate(1, &[]);
    assert_eq!(
        (&made["made"], &made["generation"], &made["decryptOnly"]),
        (&json!(true), &json!(2), &json!([1]))
    );
    for n in 1..=3 {
        assert_ne!(fs::read_to_string(world.three.path(n, "backup.txt")).unwrap(), recipient, "primer-{n}");
        assert_eq!(world.decrypt_only(n), json!(["backup-G1"]), "primer-{n}");
    }
    let said = world.three.say(2, &["status"], "");
    assert!(said.contains("decrypt-only, until keystone-primer rotate-backup-key --drop"), "{said}");
    assert_eq!(world.open(3, &old[0]).unwrap(), TEXT, "old shares open old files");
    assert_eq!(fs::read(&old[0]).unwrap(), before);

    // Nothing is destroyed as long as a backup needs it.
    let error = world.refused(1, &["--drop"]);
    assert!(error.contains("it is not said which backups there are"), "{error}");
    let error = world.refused(1, &["--drop", monday, tuesday]);
    assert!(
        error.contains(&format!("2 of 2 backups are not wrapped for G2: {monday}, {tuesday}")),
        "{error}"
    );

    let wrapped = world.rotate(2, &[monday]);
    assert_eq!((&wrapped["made"], &wrapped["wrapped"]), (&json!(false), &json!([monday])));
    let after = fs::read(&old[0]).unwrap();
    assert_ne!(after, before);
    assert_eq!(rest(&after), rest(&before), "what comes after the header stays as it is");
    assert_eq!(world.open(1, &old[0]).unwrap(), TEXT);

    // Once more changes nothing; a list names files too; one that was made for the new key is only written down.
    let new = world.backup("wednesday.enc");
    let wednesday = fs::read(&new).unwrap();
    let list = world.path("list");
    fs::write(&list, format!("{monday}\n{tuesday}\n\n{}\n", new.display())).unwrap();
    let wrapped = world.rotate(3, &["--list", list.to_str().unwrap()]);
    assert_eq!(wrapped["wrapped"], json!([tuesday, new]));
    assert_eq!(fs::read(&old[0]).unwrap(), after);
    assert_eq!(fs::read(&new).unwrap(), wednesday);

    let done = world.rotate(2, &["--drop", "--list", list.to_str().unwrap()]);
    assert_eq!((&done["dropped"], &done["missing"]), (&json!([1]), &json!([])));
    for n in 1..=3 {
        assert_eq!(world.decrypt_only(n), json!([]), "primer-{n}");
        let group = fs::read_to_string(world.three.path(n, "keys/groups/backup-G1.json")).unwrap();
        let group: Value = serde_json::from_str(&group).unwrap();
        assert_eq!(group["share"], "", "primer-{n}");
    }
    for file in [&old[0], &old[1], &new] {
        assert_eq!(world.open(1, file).unwrap(), TEXT);
    }
    let error = world.open(1, &copy).unwrap_err();
    assert!(error.contains("is not encrypted to this cluster's recipient of backups"), "{error}");
    let replay = &world.three.json(1, &["status", "--verify"])["replay"];
    assert_eq!(replay["bad"], json!([]), "{replay}");
    let error = world.refused(1, &["--drop", "--no-backups"]);
    assert!(error.contains("no share of a backup key before G2 is left on this primer"), "{error}");
}

#[test]
fn what_is_no_backup_of_this_cluster_is_refused_before_and_left_as_it_is() {
    let world = World::new();
    let text = world.path("text");
    fs::write(&text, "no age file").unwrap();
    let error = world.refused(1, &[text.to_str().unwrap()]);
    assert!(error.contains("this is no header of an age file"), "{error}");
    assert_eq!(world.decrypt_only(1), json!([]), "no key was made");

    let strange = world.path("strange.enc");
    let stranger = age::x25519::Identity::generate().to_public().to_string();
    encrypt(&stranger, TEXT, &strange);
    let before = fs::read(&strange).unwrap();
    world.rotate(1, &[]);
    let error = world.refused(1, &[strange.to_str().unwrap()]);
    assert!(error.contains("is not encrypted to this cluster's recipient of backups"), "{error}");
    assert_eq!(fs::read(&strange).unwrap(), before);
}

#[test]
fn a_run_that_is_killed_leaves_every_file_whole_and_another_one_ends_it() {
    let mut world = World::new();
    let files: Vec<PathBuf> = (0..4).map(|number| world.backup(&format!("{number}.enc"))).collect();
    let names: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    for wait in [0, 20, 60, 120, 200, 300, 450] {
        let mut child = Command::new(PROGRAM)
            .arg("--config")
            .arg(world.three.path(1, "primer.json"))
            .arg("rotate-backup-key")
            .args(&names)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        if wait == 200 {
            world.three.kill(1);
            world.three.run(1);
        }
        for file in &files {
            assert_eq!(world.open(2, file).unwrap(), TEXT, "{}, killed after {wait} ms", file.display());
        }
    }
    let done = world.rotate(1, &names);
    assert_eq!(done["generation"], 2, "one new key, however often it was begun: {done}");
    world.rotate(1, &[&["--drop"], names.as_slice()].concat());
    for file in &files {
        assert_eq!(world.open(3, file).unwrap(), TEXT);
    }
}
