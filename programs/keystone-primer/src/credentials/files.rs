//! Files that are made in memory and then put in their places, all of them or none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use age::Recipient;
use keystone_model::{Cluster, Name, recipients_file, secret};
use keystone_pki::certificate::Certificate;
use serde::{Deserialize, Serialize};

use super::Places;
use super::journal::{Folder, Journal};
use super::leaves::bundles;
use crate::refusal::Refusal;

const ISSUED: &str = "issued.json";
/// Roots that are believed, the newest first.
pub const ROOTS: &str = "root-ca.crt";
/// Certificates by which generations of the root vouch for each other, while one follows the other.
pub const CROSSES: &str = "root-cross.crt";

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

    /// What a machine or a person of that name has.
    pub fn of_holder(&self, name: &Name) -> BTreeMap<String, Note> {
        let files = [secret::host_certificates(name), secret::person_certificates(name)];
        files.iter().flat_map(|file| self.of(file)).collect()
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
    sealed: BTreeMap<String, Vec<u8>>,
    public: BTreeMap<String, Vec<u8>>,
    gone: BTreeSet<String>,
}

impl Files {
    /// None yet.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            rules: secret::rules(cluster),
            sealed: BTreeMap::new(),
            public: BTreeMap::new(),
            gone: BTreeSet::new(),
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
    pub fn trust(&mut self, name: &str, contents: impl Into<Vec<u8>>) {
        self.public.insert(name.to_owned(), contents.into());
    }

    /// A public file that goes.
    pub fn without(&mut self, name: &str) {
        self.gone.insert(name.to_owned());
    }

    /// What is public whatever was made.
    pub fn public(
        &mut self,
        cluster: &Cluster,
        roots: &[Certificate],
        issued: &Issued,
    ) -> Result<(), Refusal> {
        self.trust(ROOTS, roots.iter().map(Certificate::pem).collect::<String>());
        self.trust("recipients.txt", recipients_file(cluster));
        self.issued(issued)
    }

    /// What was issued.
    pub fn issued(&mut self, issued: &Issued) -> Result<(), Refusal> {
        let text = serde_json::to_string_pretty(issued).map_err(|error| Refusal::new(error.to_string()))?;
        self.trust(ISSUED, text + "\n");
        Ok(())
    }

    /// Writes everything that differs, all of it or nothing, and tells what.
    pub fn write(&self, journal: &Journal<'_>, places: &Places) -> Result<Vec<String>, Refusal> {
        let differs = |name: &str, contents: &[u8]| {
            !fs::read(places.trust.join(name)).is_ok_and(|there| there == contents)
        };
        let public: Vec<_> = self.public.iter().filter(|(name, contents)| differs(name, contents)).collect();
        let gone: Vec<_> = self.gone.iter().filter(|name| places.trust.join(name).exists()).collect();
        let names: Vec<String> = self.sealed.keys().map(|name| format!("{name}.age")).collect();
        let sealed = names.iter().zip(self.sealed.values());
        journal.replace(
            sealed
                .map(|(name, bytes)| (Folder::Secrets, name.as_str(), Some(bytes.as_slice())))
                .chain(
                    public
                        .iter()
                        .map(|(name, contents)| (Folder::Trust, name.as_str(), Some(contents.as_slice()))),
                )
                .chain(gone.iter().map(|name| (Folder::Trust, name.as_str(), None))),
        )?;
        let secrets = names.iter().map(|name| format!("secrets/{name}"));
        let trust = public.iter().map(|(name, _)| *name).chain(gone.iter().copied());
        Ok(secrets.chain(trust.map(|name| format!("trust/{name}"))).collect())
    }
}

/// Whether public files that no certificate changes differ.
pub fn public_differs(cluster: &Cluster, roots: &[Certificate], places: &Places) -> bool {
    let there = |name: &str| fs::read_to_string(places.trust.join(name)).unwrap_or_default();
    there(ROOTS) != roots.iter().map(Certificate::pem).collect::<String>()
        || there("recipients.txt") != recipients_file(cluster)
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
