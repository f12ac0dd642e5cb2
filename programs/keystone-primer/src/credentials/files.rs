//! Files that are made in memory and then put in their places, ciphertext before what is public, each whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use age::Recipient;
use keystone_model::{Cluster, recipients_file, secret};
use keystone_pki::certificate::Certificate;
use serde::{Deserialize, Serialize};

use super::Places;
use super::leaves::bundles;
use crate::refusal::Refusal;

const ISSUED: &str = "issued.json";

/// What is public about a certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Note {
    /// Hash of everything that it says because of inventory and table.
    pub meaning: String,
    /// When to renew it, in seconds since 1970.
    pub renewal: i64,
    /// When it ends.
    pub not_after: i64,
    /// Its serial number.
    pub serial: String,
}

/// Everything that was issued, by file and profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued(BTreeMap<String, BTreeMap<String, Note>>);

impl Issued {
    /// Reads it; nothing was issued where there is no such file.
    pub fn read(trust: &Path) -> Result<Self, Refusal> {
        let path = trust.join(ISSUED);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                Refusal::new(format!("`{}` cannot be read: {error}", path.display()))
                    .fix("remove it, and everything is issued anew")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Refusal::file("read", &path, &error)),
        }
    }

    /// What a file holds.
    pub fn of(&self, file: &str) -> BTreeMap<String, Note> {
        self.0.get(file).cloned().unwrap_or_default()
    }

    /// Notes what a file holds.
    pub fn set(&mut self, file: &str, notes: BTreeMap<String, Note>) {
        self.0.insert(file.to_owned(), notes);
    }

    /// Forgets those who are in the inventory no more.
    pub fn keep_only(&mut self, cluster: &Cluster) {
        let bundles = bundles(cluster);
        self.0.retain(|file, _| bundles.iter().any(|bundle| bundle.file == *file));
    }
}

/// Everything that was issued, by file and profile.
pub fn read_issued(trust: &Path) -> Result<BTreeMap<String, BTreeMap<String, Note>>, Refusal> {
    Issued::read(trust).map(|issued| issued.0)
}

/// Files that are not written yet.
pub struct Files {
    rules: BTreeMap<String, Vec<String>>,
    secrets: PathBuf,
    trust: PathBuf,
    sealed: BTreeMap<String, Vec<u8>>,
    public: BTreeMap<String, String>,
}

impl Files {
    /// None yet.
    pub fn new(cluster: &Cluster, places: &Places) -> Self {
        Self {
            rules: secret::rules(cluster),
            secrets: places.secrets.clone(),
            trust: places.trust.clone(),
            sealed: BTreeMap::new(),
            public: BTreeMap::new(),
        }
    }

    /// Encrypts a secret to whom the rules name, which are those of secrets.nix.
    pub fn secret(&mut self, name: &str, text: &[u8]) -> Result<(), Refusal> {
        let failed = |error: &dyn std::fmt::Display| {
            Refusal::new(format!("cannot encrypt secrets/{name}.age: {error}"))
        };
        let keys = self.rules.get(name).ok_or_else(|| failed(&"no rule names it"))?;
        let recipients: Vec<Box<dyn Recipient>> = keys
            .iter()
            .map(|key| recipient(key).map_err(|error| failed(&error)))
            .collect::<Result<_, _>>()?;
        let encryptor = age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
            .map_err(|error| failed(&error))?;
        let mut sealed = Vec::new();
        encryptor
            .wrap_output(&mut sealed)
            .and_then(|mut writer| {
                writer.write_all(text)?;
                writer.finish().map(drop)
            })
            .map_err(|error| failed(&error))?;
        self.sealed.insert(name.to_owned(), sealed);
        Ok(())
    }

    /// Something public.
    pub fn trust(&mut self, name: &str, text: String) {
        self.public.insert(name.to_owned(), text);
    }

    /// What is public whatever was made.
    pub fn public(&mut self, cluster: &Cluster, root: &Certificate, issued: &Issued) -> Result<(), Refusal> {
        self.trust("root-ca.crt", root.pem());
        self.trust("recipients.txt", recipients_file(cluster));
        let text = serde_json::to_string_pretty(issued).map_err(|error| Refusal::new(error.to_string()))?;
        self.trust(ISSUED, text + "\n");
        Ok(())
    }

    /// Writes everything that differs, and tells what.
    pub fn write(&self) -> Result<Vec<String>, Refusal> {
        let mut written = Vec::new();
        for (name, bytes) in &self.sealed {
            put(&self.secrets.join(format!("{name}.age")), bytes)?;
            written.push(format!("secrets/{name}.age"));
        }
        for (name, text) in &self.public {
            let path = self.trust.join(name);
            if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                continue;
            }
            put(&path, text.as_bytes())?;
            written.push(format!("trust/{name}"));
        }
        Ok(written)
    }
}

/// Whether public files that no certificate changes differ.
pub fn public_differs(cluster: &Cluster, root: &Certificate, places: &Places) -> bool {
    let there = |name: &str| fs::read_to_string(places.trust.join(name)).unwrap_or_default();
    there("root-ca.crt") != root.pem() || there("recipients.txt") != recipients_file(cluster)
}

fn recipient(text: &str) -> Result<Box<dyn Recipient>, String> {
    if text.starts_with("ssh-") {
        return match text.parse::<age::ssh::Recipient>() {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(error) => Err(format!("`{text}` is no key that age encrypts to: {error:?}")),
        };
    }
    match text.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        Err(error) => Err(format!("`{text}` is no recipient of age: {error}")),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let failed = |error: io::Error| Refusal::file("write", path, &error);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.unfinished"));
    let mut file = File::create(&part).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&part, path).and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
}
