//! For whom a file says it is encrypted. Of recipients `age1…` only the number can be seen; an SSH key leaves a tag.

use std::io::{BufReader, Read as _};

use age::armor::ArmoredReader;
use age_core::format::{AgeStanza, read::age_stanza};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

/// What a stanza shows of its recipient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// A recipient `age1…`, whichever.
    X25519,
    /// The SSH key with this tag.
    Ssh(String),
    /// Something else: a plugin's, a passphrase's.
    Other(String),
}

/// A stanza as plain data: its tag and arguments first, then its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    /// Kind and arguments.
    pub words: Vec<String>,
    /// Body.
    pub body: Vec<u8>,
}

/// The stanzas of an age file in either form, without those that only grease the joint; nothing if it is no age file.
pub fn stanzas(file: &[u8]) -> Option<Vec<Stanza>> {
    const MOST: u64 = 1024 * 1024;
    let mut head = Vec::new();
    // Errors far behind the header are of no interest here.
    let _ = ArmoredReader::new(BufReader::new(file)).take(MOST).read_to_end(&mut head);
    let mut rest = head.strip_prefix(b"age-encryption.org/v1\n".as_slice())?;
    let mut stanzas = Vec::new();
    while !rest.starts_with(b"---") {
        let (after, stanza): (&[u8], AgeStanza<'_>) = age_stanza(rest).ok()?;
        let words: Vec<String> =
            std::iter::once(stanza.tag).chain(stanza.args.iter().copied()).map(str::to_owned).collect();
        if !stanza.tag.ends_with("-grease") {
            stanzas.push(Stanza { words, body: stanza.body() });
        }
        rest = after;
    }
    Some(stanzas)
}

/// What a file shows, in order.
pub fn shown(file: &[u8]) -> Option<Vec<Shown>> {
    let mut shown: Vec<Shown> = stanzas(file)?
        .iter()
        .map(|stanza| match stanza.words.first().map_or("", String::as_str) {
            "X25519" => Shown::X25519,
            "ssh-ed25519" | "ssh-rsa" => Shown::Ssh(stanza.words.get(1).cloned().unwrap_or_default()),
            other => Shown::Other(other.to_owned()),
        })
        .collect();
    shown.sort();
    Some(shown)
}

/// What a file to these recipients has to show.
pub fn expected(recipients: &[String]) -> Vec<Shown> {
    let mut shown: Vec<Shown> = recipients
        .iter()
        .map(|key| match key.split_once(' ') {
            Some((_, blob)) => {
                let blob = STANDARD.decode(blob.split(' ').next().unwrap_or(blob)).unwrap_or_default();
                Shown::Ssh(STANDARD_NO_PAD.encode(&Sha256::digest(blob)[..4]))
            }
            None if key.starts_with("age1tag1") => Shown::Other("p256tag".to_owned()),
            None => Shown::X25519,
        })
        .collect();
    shown.sort();
    shown
}
