//! `keystone-primer rotate-backup-key`: a new key, headers for it, and the end of the old shares. What comes next is found out
//! from what exists, so that a run that was killed goes on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use keystone_pki::decryption::Header;
use serde_json::{Value, json};

use super::client::Client;
use super::decrypt_backup::{header_of, open_stanza};
use super::rotate_root_keys::Scene;
use super::{Said, field, lab_mark, secret};
use crate::act::Stage;
use crate::cli::RotateBackupKey;
use crate::control::{Command, Secret};
use crate::groups::Kind;
use crate::node_key::hex;
use crate::refusal::Refusal;
use crate::wrapped::Wrapping;

const REASON: &str = "rotate-backup-key";

/// What the primers have, and which headers are for the newest key.
struct View {
    /// Generations of the key of which there are shares, the newest first.
    generations: Vec<u32>,
    recipient: String,
    headers: BTreeMap<String, u32>,
    lab: Value,
}

impl View {
    fn new(client: &Client) -> Result<Self, Refusal> {
        let keys = client.ask(&Command::Root)?;
        let wrapped = client.ask(&Command::Wrapped)?;
        Ok(Self {
            generations: serde_json::from_value(keys["backups"].clone()).unwrap_or_default(),
            recipient: field(&wrapped, "recipient").to_owned(),
            headers: serde_json::from_value(wrapped["headers"].clone()).unwrap_or_default(),
            lab: keys,
        })
    }

    fn newest(&self) -> u32 {
        self.generations.first().copied().unwrap_or_default()
    }

    fn is_wrapped(&self, header: &Header) -> bool {
        self.headers.get(&hex(&header.hash())) == Some(&self.newest())
    }
}

pub fn run(client: &Client, arguments: &RotateBackupKey) -> Result<Said, Refusal> {
    let files = files(arguments)?;
    // Everything is read before anything is done.
    let headers: Vec<(PathBuf, Header)> = files
        .into_iter()
        .map(|path| Ok((path.clone(), header_of(&path)?)))
        .collect::<Result<_, Refusal>>()?;
    let mut view = View::new(client)?;
    let begins = view.generations.len() < 2;
    if arguments.drop {
        return end(client, arguments, &view, &headers);
    }
    let mut text = lab_mark(&view.lab).to_owned();
    let mut document =
        json!({ "ok": true, "dryRun": arguments.dry_run, "made": begins, "lab": view.lab["lab"] });
    let to = view.newest() + u32::from(begins);
    // Writing to a String cannot fail.
    if begins {
        let _ = writeln!(text, "  new key       G{to}; backups are encrypted to it from now on");
    }
    let wanting: Vec<&(PathBuf, Header)> =
        headers.iter().filter(|(_, header)| begins || !view.is_wrapped(header)).collect();
    if arguments.dry_run {
        for (path, _) in &wanting {
            let _ = writeln!(text, "  wrap          {}", path.display());
        }
        text.push_str("Nothing was done.\n");
        document["generation"] = json!(to);
        document["wrapped"] = json!(wanting.iter().map(|(path, _)| path).collect::<Vec<_>>());
        return Ok(Said::new(document, text));
    }
    crate::serve::hide_memory()?;
    let secret = secret::ask(client, arguments.opening)?;
    if begins {
        let keys = BTreeMap::from([(Kind::Backup, to)]);
        Scene::step(client, Stage::Generate, &keys, REASON, &secret)?;
        view = View::new(client)?;
    }
    let mut wrapped = Vec::new();
    for (number, (path, header)) in wanting.iter().enumerate() {
        eprintln!("{} of {}: {}", number + 1, wanting.len(), path.display());
        wrap(client, &view, path, header, &secret)?;
        let _ = writeln!(text, "  wrapped       {}", path.display());
        wrapped.push(path.display().to_string());
    }
    for (path, _) in headers.iter().filter(|(_, header)| !begins && view.is_wrapped(header)) {
        let _ = writeln!(text, "  as it was     {} is wrapped for G{to} already", path.display());
    }
    let old = view.generations.get(1..).unwrap_or_default();
    let old: Vec<String> = old.iter().map(|number| format!("G{number}")).collect();
    let _ = writeln!(
        text,
        "Shares of {} open older backups, and nothing else. Next: keystone-primer rotate-backup-key FILE... for each of those, \
         and at the end with --drop",
        old.join(", ")
    );
    document["generation"] = json!(view.newest());
    document["wrapped"] = json!(wrapped);
    document["decryptOnly"] = json!(view.generations.get(1..).unwrap_or_default());
    Ok(Said::new(document, text))
}

fn files(arguments: &RotateBackupKey) -> Result<Vec<PathBuf>, Refusal> {
    let mut files = arguments.files.clone();
    if let Some(list) = &arguments.list {
        let text = fs::read_to_string(list).map_err(|error| Refusal::file("read", list, &error))?;
        files.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(PathBuf::from));
    }
    Ok(files)
}

/// Destroys the old shares.
fn end(
    client: &Client,
    arguments: &RotateBackupKey,
    view: &View,
    headers: &[(PathBuf, Header)],
) -> Result<Said, Refusal> {
    let [newest, old @ ..] = view.generations.as_slice() else {
        return Err(Refusal::new("there is no backup key yet").fix("keystone-primer status"));
    };
    if old.is_empty() {
        return Err(Refusal::new(format!(
            "no share of a backup key before G{newest} is left on this primer"
        ))
        .fix("on a primer that was off meanwhile: the same command there"));
    }
    if headers.is_empty() && !arguments.no_backups {
        return Err(Refusal::new(
            "it is not said which backups there are, and what only old shares open is lost with them",
        )
        .fix("name them, or a --list of them; if nobody needs one: --no-backups"));
    }
    let open: Vec<String> = headers
        .iter()
        .filter(|(_, header)| !view.is_wrapped(header))
        .map(|(path, _)| path.display().to_string())
        .collect();
    if let Some(first) = open.first() {
        return Err(Refusal::new(format!(
            "{} of {} backups are not wrapped for G{newest}: {}",
            open.len(),
            headers.len(),
            open.join(", ")
        ))
        .fix(format!("keystone-primer rotate-backup-key {first}")));
    }
    let gone = old.iter().map(|number| format!("G{number}")).collect::<Vec<_>>().join(", ");
    let mut text = lab_mark(&view.lab).to_owned();
    if arguments.dry_run {
        let _ = writeln!(text, "  every primer would destroy its shares of {gone}\nNothing was done.");
        return Ok(Said::new(json!({ "ok": true, "dryRun": true, "dropped": old }), text));
    }
    let secret = secret::ask(client, arguments.opening)?;
    let keys = BTreeMap::from([(Kind::Backup, *newest)]);
    let done = Scene::step(client, Stage::Drop, &keys, REASON, &secret)?;
    let _ = writeln!(
        text,
        "  destroyed     the shares of {gone}; what is not wrapped for G{newest} opens no more"
    );
    for name in done["missing"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = writeln!(text, "  {name} is off and still has its old share; run this there when it is on");
    }
    text.push_str("A copy of an old backup stays open to whoever has a quorum of old shares, copies of state folders among them.\n");
    let json = json!({ "ok": true, "dryRun": false, "dropped": old, "generation": newest, "missing": done["missing"] });
    Ok(Said::new(json, text))
}

/// Gives one file a header for the newest key.
fn wrap(client: &Client, view: &View, path: &Path, header: &Header, secret: &Secret) -> Result<(), Refusal> {
    let newest = view.newest();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let claimed = format!("{name}, to wrap it anew for the backup key G{newest}");
    // Older keys first: one that is wrapped for the newest is no news. A stanza does not say for whom it is.
    let old = view.generations.iter().skip(1).chain(view.generations.first());
    for (generation, stanza) in old.flat_map(|number| header.candidates().map(move |s| (*number, s))) {
        let Some((identity, _)) = open_stanza(client, header, generation, stanza, &claimed, secret)? else {
            continue;
        };
        let failed = |error: &dyn std::fmt::Display| Refusal::new(format!("`{}`: {error}", path.display()));
        let new = if generation == newest {
            // It was encrypted to the newest key when it was made.
            None
        } else {
            Some(header.rewrap(stanza, &identity, &view.recipient).map_err(|error| failed(&error))?)
        };
        if let Some(new) = &new {
            replace(path, header, new).map_err(|error| Refusal::file("write", path, &error))?;
        }
        let wrapping = Wrapping {
            claimed: name,
            generation: newest,
            before: hex(&header.hash()),
            after: hex(&new.as_ref().unwrap_or(header).hash()),
        };
        client.ask(&Command::RecordWrapped(wrapping))?;
        return Ok(());
    }
    Err(Refusal::new(format!("`{}` is not encrypted to this cluster's recipient of backups", path.display()))
        .fix("leave it out"))
}

/// Puts the file with the new header in its own place, whole or not at all.
fn replace(path: &Path, old: &Header, new: &Header) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let written = (|| {
        let mut from = File::open(path)?;
        from.seek(SeekFrom::Start(old.bytes().len() as u64))?;
        let mut to = File::create(&unfinished)?;
        to.set_permissions(from.metadata()?.permissions())?;
        to.write_all(new.bytes())?;
        io::copy(&mut BufReader::new(from), &mut to)?;
        to.sync_all()?;
        fs::rename(&unfinished, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}
