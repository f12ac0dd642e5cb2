//! Plugins that decrypt, by age's protocol identity-v1: one process for all files, where the crate age starts one for each.

use std::collections::HashMap;
use std::path::PathBuf;

use age::DecryptError;
use age_core::format::{FileKey, Stanza};
use age_core::plugin::{Connection, Reply, Response};
use age_core::secrecy::ExposeSecret as _;

use crate::error::Error;
use crate::header;
use crate::identity::{Ask, exposed};

/// `AGE-PLUGIN-NAME-1…`, from an identity file.
#[derive(Debug, Clone)]
pub struct Handle {
    plugin: String,
    text: String,
}

impl Handle {
    /// Reads it; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, _) = bech32::decode(text).ok()?;
        let prefix = prefix.to_string().to_ascii_lowercase();
        let plugin = prefix.strip_prefix("age-plugin-")?.strip_suffix('-')?;
        // It becomes the name of a program.
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        if plugin.is_empty() || plugin.starts_with('.') || !plugin.chars().all(plain) {
            return None;
        }
        Some(Self { plugin: plugin.to_owned(), text: text.to_owned() })
    }
}

/// What plugins opened: file keys by the stanzas of the file.
#[derive(Default)]
pub struct Opened(HashMap<Vec<u8>, FileKey>);

impl Opened {
    /// Asks each plugin once about all files, of which it sees no more than their stanzas.
    pub fn learn(&mut self, handles: &[Handle], headers: &[Vec<Stanza>], ask: &dyn Ask) -> Result<(), Error> {
        let mut plugins: Vec<&str> = handles.iter().map(|handle| handle.plugin.as_str()).collect();
        plugins.sort_unstable();
        plugins.dedup();
        for plugin in plugins {
            let mine: Vec<&Handle> = handles.iter().filter(|handle| handle.plugin == plugin).collect();
            self.ask_one(plugin, &mine, headers, ask)?;
        }
        Ok(())
    }

    fn ask_one(
        &mut self,
        plugin: &str,
        handles: &[&Handle],
        headers: &[Vec<Stanza>],
        ask: &dyn Ask,
    ) -> Result<(), Error> {
        let name = format!("age-plugin-{plugin}");
        let failed = |reason: String| Error::Plugin { plugin: name.clone(), reason };
        let program = on_path(&name).ok_or_else(|| failed("there is no such program on PATH".to_owned()))?;
        ask.tell(&format!(
            "{name} is asked for {} files; it may want a touch or a PIN for each of them",
            headers.len()
        ));
        let mut connection =
            Connection::open(&program, "identity-v1").map_err(|error| failed(error.to_string()))?;
        connection
            .unidir_send(|mut phase| {
                for handle in handles {
                    phase.send("add-identity", &[handle.text.as_str()], &[])?;
                }
                for (index, stanzas) in headers.iter().enumerate() {
                    for stanza in stanzas {
                        phase.send_stanza("recipient-stanza", &[index.to_string().as_str()], stanza)?;
                    }
                }
                Ok(())
            })
            .map_err(|error| failed(error.to_string()))?;
        let mut said = Vec::new();
        let mut keys: Vec<(usize, FileKey)> = Vec::new();
        connection
            .bidir_receive(
                &["msg", "confirm", "request-public", "request-secret", "file-key", "error"],
                |command, reply| answer(&command, reply, ask, &name, &mut keys, &mut said),
            )
            .map_err(|error| failed(error.to_string()))?;
        // A file that is not the plugin's is no error. One that is and did not open is: passed over, it would stay as it was while
        // all others change. Of two keys one may be at hand, as long as anything opens.
        let open =
            |about: &Complaint| about.file.is_some_and(|file| keys.iter().any(|(key, _)| *key == file));
        let fatal = |about: &&Complaint| if about.file.is_some() { !open(about) } else { keys.is_empty() };
        let said: Vec<&str> = said.iter().filter(fatal).map(|about| about.text.as_str()).collect();
        if !said.is_empty() {
            return Err(failed(said.join("; ")));
        }
        for (index, key) in keys {
            if let Some(stanzas) = headers.get(index) {
                self.0.insert(fingerprint(stanzas), key);
            }
        }
        Ok(())
    }
}

/// What a plugin says that it could not do, and of which file.
struct Complaint {
    file: Option<usize>,
    text: String,
}

fn answer<R: std::io::Read, W: std::io::Write>(
    command: &Stanza,
    reply: Reply<'_, R, W>,
    ask: &dyn Ask,
    name: &str,
    keys: &mut Vec<(usize, FileKey)>,
    said: &mut Vec<Complaint>,
) -> Response {
    let text = String::from_utf8_lossy(&command.body);
    match command.tag.as_str() {
        "msg" => {
            ask.tell(&format!("{name}: {text}"));
            reply.ok(None)
        }
        "request-public" | "request-secret" => match ask.answer(&format!("{name}: {text}")) {
            Some(value) => reply.ok(Some(exposed(&value).as_bytes())),
            None => reply.fail(),
        },
        "file-key" => {
            let index = command.args.first().and_then(|index| index.parse().ok());
            let key = FileKey::try_init_with_mut(|key| {
                if key.len() == command.body.len() {
                    key.copy_from_slice(&command.body);
                    Ok(())
                } else {
                    Err(())
                }
            });
            match (index, key) {
                (Some(index), Ok(key)) => {
                    keys.push((index, key));
                    reply.ok(None)
                }
                _ => reply.fail(),
            }
        }
        "error" => {
            let mut words = command.args.iter().map(String::as_str);
            let file = match (words.next(), words.next()) {
                (Some("stanza"), Some(file)) => file.parse().ok(),
                _ => None,
            };
            said.push(Complaint { file, text: text.into_owned() });
            reply.ok(None)
        }
        // `confirm`: nobody chooses between two things here.
        _ => reply.fail(),
    }
}

impl age::Identity for Opened {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let key = self.0.get(&fingerprint(stanzas))?;
        Some(Ok(FileKey::init_with_mut(|copy| copy.copy_from_slice(key.expose_secret()))))
    }
}

/// A file's stanzas; none if it is no age file.
pub fn stanzas(file: &[u8]) -> Vec<Stanza> {
    let stanzas = header::stanzas(file).unwrap_or_default().into_iter();
    stanzas
        .filter_map(|stanza| {
            let mut words = stanza.words.into_iter();
            Some(Stanza { tag: words.next()?, args: words.collect(), body: stanza.body })
        })
        .collect()
}

/// Stanzas are fresh for each file: they tell files apart.
fn fingerprint(stanzas: &[Stanza]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for stanza in stanzas.iter().filter(|stanza| !stanza.tag.ends_with("-grease")) {
        for word in std::iter::once(&stanza.tag).chain(&stanza.args) {
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(b' ');
        }
        bytes.extend_from_slice(&stanza.body);
        bytes.push(b'\n');
    }
    bytes
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
