//! Before primers are switched off: how long the cluster lasts without them, whether they would be of use, and a list of
//! points that refuses as long as one is open.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use common::{LAB, Three};
use serde_json::Value;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A verb with the places of a repository of primer-1's.
fn verb(three: &Three, verb: &str, more: &[&str]) -> Vec<String> {
    let plain = |path: PathBuf| path.display().to_string();
    let mut arguments = vec![verb.to_owned()];
    for (flag, path) in [
        ("--inventory", repository().join("hosts/cluster.toml")),
        ("--secrets", three.path(1, "secrets")),
        ("--trust", three.path(1, "trust")),
    ] {
        arguments.extend([flag.to_owned(), plain(path)]);
    }
    arguments.extend(more.iter().map(|&one| one.to_owned()));
    arguments
}

fn say(three: &Three, n: usize, arguments: &[String]) -> String {
    three.say(n, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), "")
}

/// What a verb finds, and whether it was content.
fn found(three: &Three, n: usize, arguments: &[String]) -> (bool, Value) {
    let all: Vec<&str> = ["--json"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    let output = three.try_do(n, &all, "");
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), document)
}

fn credentials(three: &Three) {
    let identity = repository().join("checks/fixtures/identities/nodes/primer-1.txt");
    say(three, 1, &verb(three, "generate-credentials", &["--identity", identity.to_str().unwrap()]));
}

/// A second slot on paper, seen to open.
fn recovery(three: &Three, n: usize) {
    let made = three.json(n, &["protector", "add", "paper", "--recovery"]);
    let id = made["slot"].to_string();
    three.say(n, &["protector", "test", &id, "--paper"], made["paper"].as_str().unwrap());
}

fn open(document: &Value) -> Vec<String> {
    let points = document["points"].as_array().unwrap();
    let open = points.iter().filter(|point| point["state"] == "open");
    open.map(|point| format!("{}: {}", point["what"].as_str().unwrap(), point["why"].as_str().unwrap()))
        .collect()
}

#[test]
fn the_horizon_is_computed_from_the_repository_and_the_tokens() {
    let three = Three::ready(LAB);
    let (good, before) = found(&three, 1, &verb(&three, "verify-handoff", &[]));
    assert!(!good && before["horizon"].is_null(), "{before}");

    credentials(&three);
    let metrics = three.path(1, "keystone.prom");
    let (good, now) =
        found(&three, 1, &verb(&three, "verify-handoff", &["--metrics", metrics.to_str().unwrap()]));
    assert!(good, "{now}");
    let issued: Value =
        serde_json::from_str(&fs::read_to_string(three.path(1, "trust/issued.json")).unwrap()).unwrap();
    let ends = issued.as_object().unwrap().values().flat_map(|notes| notes.as_object().unwrap().values());
    let first = ends.map(|note| note["notAfter"].as_i64().unwrap()).min().unwrap();
    assert_eq!(now["horizon"]["ends"], first, "{now}");
    assert_eq!(now["horizon"]["kind"], "certificate");
    // The last that was signed in advance, or the one that issues where there is none.
    assert!(matches!(now["renewing"]["kind"].as_str(), Some("intermediate" | "successor")), "{now}");
    assert!(fs::read_to_string(&metrics).unwrap().contains(&format!("}} {first}\n")));
    let (good, far) = found(&three, 1, &verb(&three, "verify-handoff", &["--at-least", "400"]));
    assert!(!good && far["open"].as_array().unwrap().is_empty(), "{far}");
    let text = say(&three, 1, &verb(&three, "verify-handoff", &[]));
    assert!(text.contains("Ready: nothing ends within 20 days.\n"), "{text}");
}

#[test]
fn a_share_that_is_anothers_is_found_without_using_any() {
    let three = Three::ready(LAB);
    for n in 1..=3 {
        let woke = three.json(n, &["test-wake"]);
        assert_eq!(
            (woke["ok"].as_bool(), woke["shares"].as_array().unwrap().len()),
            (Some(true), 2),
            "{woke}"
        );
    }
    let said = three.say(1, &["test-wake"], "");
    assert!(
        said.contains("share root-G1") && said.contains("primer-1 would be of use, by slot 1."),
        "{said}"
    );

    // The share of primer-2, which opens on primer-1 as well as its own.
    let lab_key = fs::read_to_string(three.path(2, "lab.key")).unwrap();
    let file: age::x25519::Identity = lab_key.lines().last().unwrap().parse().unwrap();
    let slots = |n: usize| -> Value {
        serde_json::from_str(&fs::read_to_string(three.path(n, "keys/slots.json")).unwrap()).unwrap()
    };
    let identity = open_text(&file, slots(2)["slots"][0]["sealed"].as_str().unwrap());
    let identity: age::x25519::Identity = String::from_utf8(identity).unwrap().trim().parse().unwrap();
    let record = |n: usize| -> Value {
        serde_json::from_str(&fs::read_to_string(three.path(n, "keys/groups/root-G1.json")).unwrap()).unwrap()
    };
    let share = open_text(&identity, record(2)["share"].as_str().unwrap());
    let mut mine = record(1);
    mine["share"] = seal_text(slots(1)["recipient"].as_str().unwrap(), &share).into();
    fs::write(three.path(1, "keys/groups/root-G1.json"), mine.to_string()).unwrap();
    let output = three.try_do(1, &["--json", "test-wake"], "");
    let woke: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let states: Vec<Option<bool>> =
        woke["shares"].as_array().unwrap().iter().map(|share| share["works"].as_bool()).collect();
    assert_eq!(states, [Some(false), Some(true)], "{woke}");
    let text = three.try_do(1, &["test-wake"], "");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("primer-1 would be of NO use as it is."), "{text}");
}

fn open_text(identity: &age::x25519::Identity, sealed: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    age::Decryptor::new(age::armor::ArmoredReader::new(sealed.as_bytes()))
        .unwrap()
        .decrypt(std::iter::once(identity as &dyn age::Identity))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn seal_text(recipient: &str, bytes: &[u8]) -> String {
    let recipient: age::x25519::Recipient = recipient.parse().unwrap();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut sealed = Vec::new();
    let armor = age::armor::ArmoredWriter::wrap_output(&mut sealed, age::armor::Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().finish().unwrap();
    String::from_utf8(sealed).unwrap()
}

#[test]
fn nothing_goes_offline_while_a_point_is_open() {
    let mut three = Three::ready(LAB);
    let prepare = |more: &[&str]| verb(&three, "prepare-offline", more);
    let (plain, check, accept) = (prepare(&[]), prepare(&["--check"]), prepare(&["--accept-unknown"]));
    let (ready, document) = found(&three, 1, &plain);
    assert!(!ready);
    let one_slot = "it has one slot; add another: keystone-primer protector add paper --recovery";
    let slots = "has two slots, and its recovery slot was seen to open";
    let points = open(&document);
    for n in 1..=3 {
        let expected = format!("primer-{n} {slots}: {one_slot}");
        assert!(points.contains(&expected), "{points:?}");
    }
    assert!(points.contains(&"nothing ends within 20 days: nothing was issued yet".to_owned()), "{points:?}");

    credentials(&three);
    // A recovery slot that was never seen to open is not one.
    let made = three.json(2, &["protector", "add", "paper", "--recovery"]);
    recovery(&three, 1);
    recovery(&three, 3);
    let (ready, document) = found(&three, 1, &plain);
    assert!(!ready);
    let never = "recovery slot 2 was never tested: keystone-primer protector test 2";
    assert_eq!(open(&document), [format!("primer-2 {slots}: {never}")]);
    assert_eq!(document["unknown"], 0);
    three.say(2, &["protector", "test", "2", "--paper"], made["paper"].as_str().unwrap());

    let text = say(&three, 1, &check);
    assert!(text.contains("[x] the shares of this primer work\n"), "{text}");
    assert!(text.ends_with("\nReady. Nothing was changed.\n"), "{text}");
    let (ready, document) = found(&three, 1, &plain);
    assert!(ready, "{document}");

    // The first is off, and had said so; the third is off and had not.
    three.kill(1);
    three.kill(3);
    let (ready, document) = found(&three, 2, &plain);
    assert!(!ready && open(&document).is_empty(), "{document}");
    assert_eq!(document["unknown"], 1, "{document}");
    let text = three.try_do(2, &plain.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("[x] primer-1 is off; it was prepared "), "{text}");
    assert!(text.contains(&format!("[?] primer-3 {slots}: ")), "{text}");
    let (ready, document) = found(&three, 2, &accept);
    assert!(ready, "{document}");
}
