//! Three daemons, from the first command to signatures and opened backups.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::{LAB, PRODUCTION, Three, encrypt, request};
use keystone_pki::certificate::Certificate;
use serde_json::Value;

#[test]
fn any_two_sign_and_open_and_one_alone_does_neither() {
    let mut three = Three::ready(LAB);
    let status = three.say(2, &["status", "--verify"], "");
    assert!(status.ends_with("Quorum: 3/3 primers healthy\n"), "{status}");
    assert!(status.starts_with("This is a LAB: nothing of it is to be trusted.\n"), "{status}");
    let fingerprints = |n: usize| three.json(n, &["status"])["keys"].clone();
    assert_eq!(fingerprints(1), fingerprints(3));
    assert_eq!(fingerprints(1).as_object().unwrap().len(), 2);

    let recipient = fs::read_to_string(three.path(3, "backup.txt")).unwrap();
    assert_eq!(fs::read_to_string(three.path(1, "backup.txt")).unwrap(), recipient);
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    let backup = three.path(1, "cluster-backup.enc");
    encrypt(&recipient, "the whole cluster", &backup);

    for off in [3, 1, 2] {
        let asked = if off == 1 { 2 } else { 1 };
        three.kill(off);
        let out = three.path(asked, &format!("without-{off}.crt"));
        let said = three.say(
            asked,
            &["sign-certificate", "--csr", csr.to_str().unwrap(), "--out", out.to_str().unwrap()],
            "",
        );
        assert!(said.contains("worker-1"), "{said}");
        let certificate = Certificate::from_pem(&fs::read_to_string(&out).unwrap()).unwrap();
        assert_eq!(certificate.contents().issuer.common_name, "production Root G1");
        let opened = three.path(asked, &format!("opened-{off}"));
        three.say(
            asked,
            &["decrypt-backup", "--input", backup.to_str().unwrap(), "--output", opened.to_str().unwrap()],
            "",
        );
        assert_eq!(fs::read_to_string(&opened).unwrap(), "the whole cluster");
        let status = three.json(asked, &["status"]);
        assert_eq!(status["healthy"], 2);
        three.run(off);
    }
    three.kill(2);
    three.kill(3);
    let error = three.refused(1, &["sign-certificate", "--csr", csr.to_str().unwrap()]);
    assert!(error.contains("2 of 3 primers must agree, and they do not: primer-2: 127.0.0.1:"), "{error}");
    assert!(error.contains("next: keystone-primer status"), "{error}");
    let nowhere = three.path(1, "nowhere");
    let error = three.refused(
        1,
        &["decrypt-backup", "--input", backup.to_str().unwrap(), "--output", nowhere.to_str().unwrap()],
    );
    assert!(error.contains("2 of 3 primers must agree"), "{error}");
    assert!(!nowhere.exists());
    let status = three.say(1, &["status"], "");
    assert!(status.contains("not checkable: no other primer answers"), "{status}");
    assert!(status.ends_with("Quorum: 1/3 primers healthy\n"), "{status}");

    // What was missed is made up for, and the whole record replays on every primer.
    three.run(2);
    three.run(3);
    for n in 1..=3 {
        three.say(n, &["status"], "");
    }
    for n in 1..=3 {
        let replay = &three.json(n, &["status", "--verify"])["replay"];
        assert_eq!(replay["bad"].as_array().unwrap().len(), 0, "{replay}");
        assert_eq!(replay["unwitnessed"], 0, "{replay}");
    }
}

#[test]
fn refusals_say_what_is_right() {
    let three = Three::ready(LAB);
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    let csr = csr.to_str().unwrap();
    let error = three.refused(1, &["sign-certificate", "--csr", csr, "--profile", "kubelet"]);
    assert!(error.contains("the root signs no leaf `kubelet` directly, only `node`"), "{error}");
    let error = three.refused(1, &["sign-certificate", "--csr", csr, "--host", "worker-9"]);
    assert!(error.contains("the inventory has no machine `worker-9`"), "{error}");
    let error = three.refused(1, &["sign-certificate", "--csr", "/nowhere.csr"]);
    assert!(error.starts_with("error: cannot read `/nowhere.csr`"), "{error}");
    let error = three.refused(1, &["init", "--cluster", "production"]);
    assert!(error.contains("this primer has begun already"), "{error}");
    let error = three.refused(1, &["token", "create", "primer-2"]);
    assert!(error.contains("primer-2 has joined already"), "{error}");
    let error = three.refused(1, &["approve", "0123"]);
    assert!(error.contains("session 0123 is unknown here"), "{error}");
}

#[test]
fn no_secret_is_on_disk_or_in_a_log() {
    let three = Three::ready(LAB);
    for n in 1..=3 {
        // What the lab's file opens is on disk in no other place, and no share is.
        let key = fs::read_to_string(three.path(n, "lab.key")).unwrap();
        let key = key.lines().last().unwrap().to_owned();
        let mut stack = vec![three.path(n, "")];
        while let Some(folder) = stack.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    stack.push(entry.path());
                } else if entry.file_type().unwrap().is_file() && entry.file_name() != "lab.key" {
                    let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
                    assert!(
                        !text.contains(&key) && !text.contains("AGE-SECRET-KEY-"),
                        "{}",
                        entry.path().display()
                    );
                    // "KSPK" and the kind of a share, as base64.
                    assert!(!text.contains("S1NQSwEC"), "{}", entry.path().display());
                    assert!(!text.contains("ksj1."), "{}", entry.path().display());
                }
            }
        }
    }
}

#[test]
fn with_all_that_agenix_reads_and_the_whole_folder_no_share_opens() {
    let three = Three::ready(LAB);
    let identities = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../checks/fixtures/identities/nodes");
    let identities: Vec<PathBuf> = fs::read_dir(identities)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert!(identities.iter().any(|path| path.ends_with("primer-1.txt")), "{identities:?}");
    let mut shares = 0;
    for n in 1..=3 {
        for entry in fs::read_dir(three.path(n, "keys/groups")).unwrap() {
            let record: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
            let file = three.path(n, "share.age");
            fs::write(&file, record["share"].as_str().unwrap()).unwrap();
            let mut age = Command::new("age");
            age.arg("--decrypt");
            for identity in &identities {
                age.arg("--identity").arg(identity);
            }
            let opened = age.arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&opened.stderr).into_owned();
            assert!(!opened.status.success() && said.contains("no identity matched"), "{said}");
            fs::remove_file(file).unwrap();
            shares += 1;
        }
        // Whole as it is, the folder opens with its protector and with nothing else.
        three.say(n, &["test-wake"], "");
        let (protector, aside) = (three.path(n, "lab.key"), three.path(n, "aside"));
        fs::rename(&protector, &aside).unwrap();
        let error = three.refused(n, &["test-wake"]);
        assert!(error.contains("lab.key"), "{error}");
        fs::rename(&aside, &protector).unwrap();
        three.say(n, &["test-wake"], "");
    }
    assert_eq!(shares, 6, "a share of the root and one of the backup key on each");
}

/// The id of what waits on a primer, as soon as something does.
fn waiting(three: &Three, n: usize) -> String {
    for _ in 0..60 {
        let waiting = three.json(n, &["pending"]);
        if let Some(id) = waiting["waiting"][0]["id"].as_str() {
            return id.to_owned();
        }
        // Returns when something changed there, and after a second at the latest.
        three.try_do(n, &["status", "--wait", "1"], "");
    }
    panic!("nothing waits on primer-{n}: {}", three.log(n));
}

#[test]
fn outside_a_lab_people_approve_with_what_protects_their_share() {
    let three = Three::start(PRODUCTION);
    let tokens = three.begin();
    let sheets: Vec<String> = (1..=3)
        .map(|n| three.json(n, &["protector", "add", "paper"])["paper"].as_str().unwrap().to_owned())
        .collect();
    // The root's own certificate is signed by nobody without a person.
    let (second, third) = (waiting(&three, 2), waiting(&three, 3));
    assert_eq!(second, third);
    let shown = three.say(2, &["pending"], "");
    assert!(shown.contains("from primer-1") && shown.contains("production Root G1"), "{shown}");
    let wrong = three.try_do(2, &["approve", &second], &sheets[2]);
    let wrong = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.contains("line 1 of the paper was mistyped, or is of another sheet"), "{wrong}");
    three.say(2, &["approve", &second], &sheets[1]);
    three.say(3, &["approve", &third], &sheets[2]);
    for n in 1..=3 {
        three.say(n, &["status", "--wait", "60"], "");
    }

    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    std::thread::scope(|scope| {
        let signing =
            scope.spawn(|| three.say(1, &["sign-certificate", "--csr", csr.to_str().unwrap()], &sheets[0]));
        let id = waiting(&three, 2);
        three.say(2, &["deny", &id, "--reason", "not today"], "");
        let id = waiting(&three, 3);
        three.say(3, &["approve", &id], &sheets[2]);
        assert!(signing.join().unwrap().contains("worker-1"));
    });
    // One who refuses and one who is off are no quorum.
    std::thread::scope(|scope| {
        let signing = scope
            .spawn(|| three.try_do(1, &["sign-certificate", "--csr", csr.to_str().unwrap()], &sheets[0]));
        for n in [2, 3] {
            let id = waiting(&three, n);
            three.say(n, &["deny", &id, "--reason", "nobody asked"], "");
        }
        let output = signing.join().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains("primer-2: refused: nobody asked"), "{error}");
    });
    let replay = &three.json(2, &["status", "--verify"])["replay"];
    assert_eq!(replay["bad"].as_array().unwrap().len(), 0, "{replay}");
    // What people typed is nowhere: in no file, log, argument or environment.
    let mut markers: Vec<String> =
        sheets.iter().flat_map(|sheet| sheet.lines()).map(|line| line.trim().to_owned()).collect();
    markers.retain(|line| line.len() > 8);
    assert!(markers.len() >= 12, "{}", markers.len());
    markers.extend(tokens);
    let mut places = vec![three.folder.path().to_owned()];
    places
        .extend((1..=3).flat_map(|n| {
            ["cmdline", "environ"].map(|file| format!("/proc/{}/{file}", three.pid(n)).into())
        }));
    let mut seen = 0;
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(bytes) = fs::read(&place) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(markers.iter().all(|marker| !text.contains(marker)), "{}", place.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn a_policy_approves_what_it_names_and_outside_a_lab_never_what_is_dangerous() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    fs::write(&policy, r#"{ "unattendedProfiles": ["node"] }"#).unwrap();
    let mut three = Three::configured(LAB, &serde_json::json!({ "policy": policy }));
    three.begin();
    // The root's own certificate is an authority's, and nobody named it.
    for n in [2, 3] {
        let id = waiting(&three, n);
        three.say(n, &["approve", &id], "");
    }
    for n in 1..=3 {
        three.say(n, &["status", "--wait", "60"], "");
    }
    // A leaf `node` is signed without anybody.
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    three.say(1, &["sign-certificate", "--csr", csr.to_str().unwrap()], "");
    // A backup is not opened so.
    let backup = three.path(1, "backup.enc");
    encrypt(&fs::read_to_string(three.path(1, "backup.txt")).unwrap(), "closed", &backup);
    std::thread::scope(|scope| {
        let opening =
            scope.spawn(|| three.try_do(1, &["decrypt-backup", "--input", backup.to_str().unwrap()], ""));
        for n in [2, 3] {
            let id = waiting(&three, n);
            let shown = three.say(n, &["pending"], "");
            assert!(shown.contains("as is claimed and nothing proves: backup.enc"), "{shown}");
            three.say(n, &["deny", &id, "--reason", "by hand only"], "");
        }
        let output = opening.join().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("refused: by hand only"), "{error}");
    });

    // Outside a lab a daemon with such a policy does not start.
    fs::write(&policy, r#"{ "unattendedActs": ["decryption"] }"#).unwrap();
    three.kill(2);
    three.configure(2, "labKey", serde_json::Value::Null);
    three.configure(2, "keyStorage", serde_json::json!(folder.path().join("keys")));
    let error = three.refused(2, &["serve"]);
    assert!(error.contains("without a person, which only a lab may"), "{error}");
    assert!(error.contains("next: take `unattendedActs` out of it"), "{error}");
}

#[test]
fn a_record_that_was_changed_is_pinned_at_its_first_bad_entry() {
    let mut three = Three::ready(LAB);
    let csr = three.path(1, "worker-1.csr");
    request(&csr);
    for _ in 0..2 {
        three.say(1, &["sign-certificate", "--csr", csr.to_str().unwrap()], "");
    }
    three.kill(2);
    let record = three.path(2, "keys/transcript/primer-1");
    let entries = fs::read_dir(&record).unwrap().count();
    assert!(entries > 4, "{entries}");
    let place = record.join("00000003.json");
    let right = fs::read_to_string(&place).unwrap();
    let replay = |expected: &str| {
        // Offline: no daemon runs here.
        let output = three.try_do(2, &["status", "--verify"], "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("BAD: {expected}")), "{text}");
    };
    let changed = right.replacen("production", "reduction0", 1);
    assert_ne!(changed, right);
    fs::write(&place, &changed).unwrap();
    replay("entry 3 of primer-1 is of the cluster reduction0");
    fs::write(&place, right.replacen("\\\"time\\\":1", "\\\"time\\\":2", 1)).unwrap();
    replay("entry 3 of primer-1 does not bear its author's signature");
    // An entry that is right, in the place of another.
    fs::copy(record.join("00000002.json"), &place).unwrap();
    replay("entry 3 of primer-1 is missing");
    fs::remove_file(&place).unwrap();
    replay("entry 3 of primer-1 is missing");
    fs::write(&place, "{").unwrap();
    let output = three.try_do(2, &["status", "--verify"], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("00000003.json` is damaged at line 1"), "{text}");
    fs::write(&place, right).unwrap();
    let output = three.try_do(2, &["status", "--verify"], "");
    assert!(output.status.success());
}
