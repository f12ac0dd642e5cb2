//! `keystone-primer decrypt-backup`

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::decryption::{Collection, CollectionError, FileIdentity, Header, Partial};
use keystone_pki::group::{Decryption, Group, Member};
use serde_json::{Value, json};

use super::client::Client;
use super::{Said, secret};
use crate::cli::DecryptBackup;
use crate::control::{Command, Secret};
use crate::groups::{Seat, decrypt};
use crate::refusal::Refusal;

pub fn run(client: &Client, arguments: &DecryptBackup) -> Result<Said, Refusal> {
    let input = &arguments.input;
    let output = arguments.output.clone().unwrap_or_else(|| input.with_extension(""));
    if output == *input || output.exists() {
        return Err(
            Refusal::new(format!("`{}` exists", output.display())).fix("name another file: --output FILE")
        );
    }
    let header = header_of(input)?;
    let claimed = arguments.claim.clone().unwrap_or_else(|| {
        input.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    });
    let secret = secret::ask(client, arguments.opening)?;
    let keys = client.ask(&Command::Root)?;
    let generations: Vec<u32> = serde_json::from_value(keys["backups"].clone()).unwrap_or_default();
    // An X25519 stanza does not say for whom it is.
    let tries = generations.iter().flat_map(|generation| header.candidates().map(move |s| (*generation, s)));
    for (generation, stanza) in tries {
        if let Some((identity, by)) = open_stanza(client, &header, generation, stanza, &claimed, &secret)? {
            decrypt_file(input, &output, &identity)?;
            let text =
                format!("{} opened {}\nwritten to {}\n", by.join(" and "), input.display(), output.display());
            let json = json!({ "ok": true, "output": output.display().to_string(), "by": by });
            return Ok(Said::new(json, text));
        }
    }
    Err(Refusal::new(format!(
        "`{}` is not encrypted to this cluster's recipient of backups",
        input.display()
    ))
    .fix("age -r \"$(cat FILE OF backupRecipient)\" encrypts to it"))
}

/// The header of a file.
pub fn header_of(path: &Path) -> Result<Header, Refusal> {
    let failed = |error: io::Error| Refusal::file("read", path, &error);
    let mut start = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(Header::MAX_BYTES as u64)
        .read_to_end(&mut start)
        .map_err(failed)?;
    Header::read(&start).map_err(|error| Refusal::new(format!("`{}`: {error}", path.display())))
}

/// The key of the file, if the stanza is for this cluster. The parts come encrypted to a key that lives as long as this.
pub fn open_stanza(
    client: &Client,
    header: &Header,
    generation: u32,
    stanza: usize,
    claimed: &str,
    secret: &Secret,
) -> Result<Option<(FileIdentity, Vec<String>)>, Refusal> {
    let ephemeral = age::x25519::Identity::generate();
    let point = header.point(stanza).map_err(|error| Refusal::new(error.to_string()))?;
    let mut without = BTreeSet::new();
    loop {
        let answer = client.ask(&Command::Decrypt {
            generation,
            header: STANDARD.encode(header.bytes()),
            stanza,
            claimed: claimed.to_owned(),
            recipient: ephemeral.to_public().to_string(),
            without: without.clone(),
            secret: Some(secret.clone()),
        })?;
        let (group, seats, partials) = read_answer(&answer)?;
        let mut collection = Collection::new(&group, point.clone());
        let mut liar = None;
        for (name, parts) in &partials {
            let place = seats.iter().position(|seat| seat.name == *name);
            let member = place.and_then(|place| Member::new(u16::try_from(place + 1).ok()?));
            let partial = parts
                .first()
                .and_then(|sealed| decrypt(&ephemeral, sealed).ok())
                .and_then(|bytes| Partial::from_bytes(&bytes).ok());
            let added =
                member.zip(partial).is_some_and(|(member, partial)| collection.add(member, partial).is_ok());
            if !added {
                liar = Some(name.clone());
            }
        }
        if let Some(name) = liar {
            eprintln!(
                "{name} sent a partial decryption that is not made with its share; going on without it"
            );
            without.insert(name);
            continue;
        }
        return match collection.file_identity() {
            Ok(identity) => Ok(Some((identity, partials.into_keys().collect()))),
            Err(CollectionError::NotForUs) => Ok(None),
            Err(error) => Err(Refusal::new(error.to_string())),
        };
    }
}

type Answer = (Group<Decryption>, Vec<Seat>, BTreeMap<String, Vec<String>>);

fn read_answer(answer: &Value) -> Result<Answer, Refusal> {
    let strange = || Refusal::new("the primer gave an answer to another question");
    let group = answer["group"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(strange)?;
    let group = Group::from_bytes(&group).map_err(|error| Refusal::new(error.to_string()))?;
    let seats = serde_json::from_value(answer["seats"].clone()).map_err(|_| strange())?;
    let partials = serde_json::from_value(answer["partials"].clone()).map_err(|_| strange())?;
    Ok((group, seats, partials))
}

fn decrypt_file(input: &Path, output: &Path, identity: &FileIdentity) -> Result<(), Refusal> {
    let unreadable =
        |error: &dyn std::fmt::Display| Refusal::new(format!("cannot open `{}`: {error}", input.display()));
    let file = File::open(input).map_err(|error| unreadable(&error))?;
    let mut reader = age::Decryptor::new_buffered(BufReader::new(file))
        .and_then(|decryptor| decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)))
        .map_err(|error| unreadable(&error))?;
    let part = output.with_extension("unfinished");
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).and_then(
            |mut file| {
                io::copy(&mut reader, &mut file)?;
                file.flush()?;
                file.sync_all()?;
                fs::rename(&part, output)
            },
        );
    written.map_err(|error| {
        // Half of a backup is worse than none.
        let _ = fs::remove_file(&part);
        Refusal::file("write", output, &error)
    })
}
