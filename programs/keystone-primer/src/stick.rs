//! Session files: what primers that share no network carry from one to the other.
//!
//! A file is text that says what it is, by whom, for whom, of which cluster and until when it is good, with one signature over
//! all of it. In it are messages of ceremonies, the same ones that go over a connection, and what the sender's record has that
//! the addressee has not countersigned. Nothing in it is secret to a third party who has it: second packages and partial
//! decryptions are encrypted to a key that only their addressee has, in memory, for that session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::message;
use crate::node_key::{NodeKey, hash};
use crate::refusal::Refusal;
use crate::state::{Identity, Members};
use crate::transcript;

/// No session file is longer.
pub const LONGEST: usize = 1 << 20;
const PURPOSE: &str = "session file";
const MARK: &str = "keystone session file";
/// A stick that lies about for longer is fetched anew.
pub const LIFE: u64 = message::LIFE;

/// A session file as it lies on the stick.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sealed {
    /// What this is, for whoever finds it.
    pub format: String,
    /// Version of the form.
    pub version: u32,
    /// The contents as JSON, whose every byte is signed.
    pub contents: String,
    /// The sender's signature in base64.
    pub signature: String,
}

/// What is in a session file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Contents {
    /// The cluster.
    pub cluster: String,
    /// Nothing of it is to be trusted.
    pub lab: bool,
    /// Who wrote it.
    pub from: String,
    /// For whom.
    pub to: String,
    /// A random number, so that two files of one second are two.
    pub number: String,
    /// When, by the writer's clock.
    pub made: u64,
    /// Until when it is good.
    pub until: u64,
    /// Messages of ceremonies.
    pub messages: Vec<message::Signed>,
    /// The sender's own entries of the record, in their order.
    pub entries: Vec<transcript::Signed>,
    /// Countersignatures of the addressee's entries, by their number.
    pub witnesses: Vec<(u64, transcript::Witness)>,
    /// Certificates of the root.
    pub roots: Vec<String>,
    /// Who joined.
    pub members: Members,
}

impl Contents {
    /// Whether there is nothing to carry.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.entries.is_empty() && self.witnesses.is_empty()
    }

    /// The file's bytes.
    pub fn seal(&self, key: &NodeKey) -> Result<Vec<u8>, Refusal> {
        let failed = |error: serde_json::Error| Refusal::new(error.to_string());
        let contents = serde_json::to_string(self).map_err(failed)?;
        let signature = STANDARD.encode(key.sign(PURPOSE, contents.as_bytes()));
        let sealed = Sealed { format: MARK.to_owned(), version: 1, contents, signature };
        let mut bytes = serde_json::to_vec_pretty(&sealed).map_err(failed)?;
        bytes.push(b'\n');
        if bytes.len() > LONGEST {
            return Err(Refusal::new(format!("a session file of {} bytes is too long", bytes.len())));
        }
        Ok(bytes)
    }
}

/// Reads the outside and the inside, and believes neither.
pub fn read(bytes: &[u8]) -> Result<(Sealed, Contents), Refusal> {
    let none = |reason: &str| Refusal::new(format!("this is no session file: {reason}"));
    if bytes.len() > LONGEST {
        return Err(none(&format!("it has {} bytes, and none has more than {LONGEST}", bytes.len())));
    }
    let sealed: Sealed = serde_json::from_slice(bytes).map_err(|error| {
        none(&format!("it cannot be read at line {}, column {}", error.line(), error.column()))
    })?;
    if sealed.format != MARK {
        return Err(none("it says that it is something else"));
    }
    if sealed.version != 1 {
        return Err(Refusal::new(format!(
            "the session file is of version {}, and this program knows 1",
            sealed.version
        ))
        .fix("run the same version on all primers"));
    }
    let contents = serde_json::from_str(&sealed.contents)
        .map_err(|error| none(&format!("its contents cannot be read at column {}", error.column())))?;
    Ok((sealed, contents))
}

/// By which an imported file is known again.
pub fn id(sealed: &Sealed) -> String {
    hash(sealed.contents.as_bytes())
}

/// Opens a file that is for this primer, of its cluster, by whom it says, and still good.
pub fn open(
    bytes: &[u8],
    identity: &Identity,
    members: &Members,
    now: u64,
) -> Result<(String, Contents), Refusal> {
    let (sealed, contents) = read(bytes)?;
    let Contents { cluster, lab, from, to, until, made, .. } = &contents;
    let again = format!("write it anew: on {from}, keystone-primer session export --to {}", identity.name);
    if *cluster != identity.cluster || *lab != identity.lab {
        let mark = |lab: bool| if lab { ", a lab" } else { "" };
        return Err(Refusal::new(format!(
            "the session file is of the cluster {cluster}{}, and this is {}{}",
            mark(*lab),
            identity.cluster,
            mark(identity.lab)
        )));
    }
    if *to != identity.name {
        return Err(Refusal::new(format!("the session file is for {to}, and this is {}", identity.name))
            .fix(format!("carry it to {to}")));
    }
    let sender = members
        .get(from)
        .filter(|_| *from != identity.name)
        .ok_or_else(|| Refusal::new(format!("the session file is by {from}, who is no other primer here")))?;
    let signature = STANDARD.decode(&sealed.signature).unwrap_or_default();
    if !sender.key.verifies(PURPOSE, sealed.contents.as_bytes(), &signature) {
        return Err(Refusal::new(format!(
            "the session file does not bear the signature of {from}: it was tampered with"
        ))
        .fix(again));
    }
    if now >= *until {
        return Err(Refusal::new(format!(
            "the session file is stale: it was good until {}",
            crate::clock::shown(*until)
        ))
        .fix(again));
    }
    if *until > made.saturating_add(LIFE) {
        return Err(Refusal::new("the session file claims to be good for longer than any is").fix(again));
    }
    Ok((id(&sealed), contents))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Member;

    fn member(key: &NodeKey) -> Member {
        Member { key: key.public(), endpoint: "primer:1".to_owned(), since: 1 }
    }

    fn contents() -> Contents {
        Contents {
            cluster: "production".to_owned(),
            lab: false,
            from: "primer-1".to_owned(),
            to: "primer-2".to_owned(),
            number: "0".to_owned(),
            made: 1000,
            until: 1000 + LIFE,
            messages: Vec::new(),
            entries: Vec::new(),
            witnesses: Vec::new(),
            roots: Vec::new(),
            members: Members::new(),
        }
    }

    #[test]
    fn each_reason_to_refuse_is_said() {
        let (one, two) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
        let members =
            Members::from([("primer-1".to_owned(), member(&one)), ("primer-2".to_owned(), member(&two))]);
        let identity =
            Identity { cluster: "production".to_owned(), name: "primer-2".to_owned(), lab: false, since: 1 };
        let try_open = |bytes: &[u8], now: u64| {
            open(bytes, &identity, &members, now).map(|_| ()).map_err(|refusal| refusal.message)
        };
        let good = contents().seal(&one).unwrap();
        try_open(&good, 2000).unwrap();
        let text = String::from_utf8(good.clone()).unwrap();
        let cases: Vec<(Vec<u8>, u64, &str)> = vec![
            (vec![b' '; LONGEST + 1], 2000, "this is no session file: it has 1048577 bytes"),
            (b"{}".to_vec(), 2000, "this is no session file: it cannot be read at line 1, column 2"),
            (text.replace(MARK, "shopping list").into_bytes(), 2000, "it says that it is something else"),
            (text.replace("\"version\": 1", "\"version\": 9").into_bytes(), 2000, "is of version 9"),
            (
                text.replace("\\\"made\\\":1000", "\\\"made\\\":1001").into_bytes(),
                2000,
                "it was tampered with",
            ),
            (good.clone(), 1000 + LIFE, "the session file is stale: it was good until 1970-01-15"),
            (contents().seal(&two).unwrap(), 2000, "it was tampered with"),
            (
                Contents { cluster: "staging".to_owned(), ..contents() }.seal(&one).unwrap(),
                2000,
                "is of the cluster staging, and this is production",
            ),
            (Contents { lab: true, ..contents() }.seal(&one).unwrap(), 2000, "production, a lab"),
            (
                Contents { to: "primer-3".to_owned(), ..contents() }.seal(&one).unwrap(),
                2000,
                "is for primer-3, and this is primer-2",
            ),
            (
                Contents { from: "primer-9".to_owned(), ..contents() }.seal(&one).unwrap(),
                2000,
                "is by primer-9, who is no other primer here",
            ),
            (
                Contents { until: 1001 + LIFE, ..contents() }.seal(&one).unwrap(),
                2000,
                "good for longer than any is",
            ),
        ];
        for (bytes, now, expected) in cases {
            let error = try_open(&bytes, now).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let one = NodeKey::generate().unwrap();
        let members = Members::from([("primer-1".to_owned(), member(&one))]);
        let identity =
            Identity { cluster: "production".to_owned(), name: "primer-2".to_owned(), lab: false, since: 1 };
        let good = contents().seal(&one).unwrap();
        let (_, right) = open(&good, &identity, &members, 2000).unwrap();
        for at in 0..good.len() {
            let mut wrong = good.clone();
            wrong[at] ^= 1;
            if let Ok((_, read)) = open(&wrong, &identity, &members, 2000) {
                // White space around the signed text means nothing.
                assert_eq!(
                    serde_json::to_string(&read).unwrap(),
                    serde_json::to_string(&right).unwrap(),
                    "byte {at}"
                );
            }
        }
    }
}
