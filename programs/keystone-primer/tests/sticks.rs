//! Three primers that share no network: keys, a certificate and an opened backup by files that are carried by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use common::walker::Walker;
use common::{LAB, Three};
use keystone_pki::certificate::{Certificate, PrivateKey, SigningRequest, Subject};
use keystone_protector::{Slots, Unlock};
use serde_json::{Value, json};

/// Every encrypted text in a document, however deep: messages are JSON in JSON.
fn encrypted(text: &str, found: &mut BTreeSet<String>) {
    fn strings(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => encrypted(text, found),
            Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
            Value::Object(values) => values.values().for_each(|value| strings(value, found)),
            _ => {}
        }
    }
    if text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        found.insert(text.to_owned());
    } else if let Ok(value) = serde_json::from_str::<Value>(text) {
        strings(&value, found);
    }
}

#[test]
fn keys_signatures_and_decryption_by_stick() {
    let three = Three::configured(LAB, &json!({ "airGapped": true }));
    three.begin();
    let walker = Walker::new(&three);
    walker.ready();
    let keys = |n: usize| three.json(n, &["status"])["keys"].clone();
    assert_eq!((keys(1), keys(2)), (keys(3), keys(3)));
    assert_eq!(keys(1).as_object().unwrap().len(), 2);

    let csr = three.path(1, "worker-1.csr");
    let key = PrivateKey::generate(&mut rand_core::OsRng);
    let subject = Subject { organisation: None, common_name: "worker-1".to_owned() };
    fs::write(&csr, SigningRequest::new(&key, &subject, &BTreeSet::new()).unwrap().pem()).unwrap();
    walker.say(1, &["sign-certificate", "--csr", csr.to_str().unwrap()]);
    let signed = Certificate::from_pem(&fs::read_to_string(csr.with_extension("crt")).unwrap()).unwrap();
    assert_eq!(signed.contents().issuer.common_name, "production Root G1");

    let backup = three.path(2, "backup.enc");
    let recipient = fs::read_to_string(three.path(2, "backup.txt")).unwrap();
    let recipient: age::x25519::Recipient = recipient.trim().parse().unwrap();
    fs::write(&backup, age::encrypt(&recipient, b"by hand").unwrap()).unwrap();
    walker.say(2, &["decrypt-backup", "--input", backup.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(backup.with_extension("")).unwrap(), "by hand");

    walker.witnessed();
    let sticks = walker.sticks.borrow();
    refused(&three, &sticks);
    nothing_in_them(&three, &sticks);
}

fn refused(three: &Three, sticks: &[(PathBuf, usize)]) {
    let (path, to) = &sticks[0];
    let import = |n: usize, path: &PathBuf| three.refused(n, &["session", "import", path.to_str().unwrap()]);
    let error = import(*to, path);
    assert!(error.contains("the session file was replayed: it was imported here at"), "{error}");
    let other = if *to == 2 { 3 } else { 2 };
    let error = import(other, path);
    assert!(
        error.contains(&format!("the session file is for primer-{to}, and this is primer-{other}")),
        "{error}"
    );
    let changed = three.folder.path().join("changed.json");
    let text = fs::read_to_string(path).unwrap();
    fs::write(&changed, text.replacen("\\\"lab\\\":true", "\\\"lab\\\":false", 1)).unwrap();
    let error = import(*to, &changed);
    assert!(
        error.contains("production, and this is production, a lab") || error.contains("tampered"),
        "{error}"
    );
    fs::write(&changed, text.replacen("\\\"made\\\":1", "\\\"made\\\":2", 1)).unwrap();
    let error = import(*to, &changed);
    assert!(error.contains("it was tampered with"), "{error}");
    fs::write(&changed, &text[..text.len() / 2]).unwrap();
    let error = import(*to, &changed);
    assert!(error.contains("this is no session file: it cannot be read at line"), "{error}");
    let error = three.refused(1, &["session", "export", "--to", "primer-9", "--output", "nowhere"]);
    assert!(error.contains("primer-9 is no other primer that joined"), "{error}");
}

/// Whoever finds all sticks, and has every share identity and node key of all primers, opens nothing of what was in them.
fn nothing_in_them(three: &Three, sticks: &[(PathBuf, usize)]) {
    let mut found = BTreeSet::new();
    for (path, _) in sticks {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("AGE-SECRET-KEY-"));
        // "KSPK" and the kind of a share, of a second package, of a partial decryption, as base64.
        for secret in ["S1NQSwEC", "S1NQSwEE", "S1NQSwEL"] {
            assert!(!text.contains(secret), "{}", path.display());
        }
        encrypted(&text, &mut found);
    }
    // Two keys, three primers, two second packages of each, but those between 2 and 3 come by primer 1; and the parts of
    // the backup.
    assert!(found.len() > 12, "{}", found.len());
    for n in 1..=3 {
        let slots = fs::read_to_string(three.path(n, "keys/slots.json")).unwrap();
        let slots = Slots::from_json(&slots).unwrap();
        let identity = slots.open(None, &Unlock::File).unwrap();
        for text in &found {
            let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(text.as_bytes())).unwrap();
            let opened = decryptor.decrypt(std::iter::once(identity.identity() as &dyn age::Identity));
            assert!(opened.is_err(), "primer-{n} opens what was for a session's key alone");
        }
    }
}
