//! Reading user-data as cloud-init and the cloud do, and as somebody who looks for secrets.

use std::sync::OnceLock;

use jsonschema::Validator;
use regex::RegexSet;
use serde_json::Value;
use thiserror::Error;

use crate::KEY_FILE;

/// Most bytes that clouds take (EC2: 16 KiB before encoding).
pub const MAX_BYTES: usize = 16_384;

/// Why a text is not to be handed to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Clouds cut or refuse it.
    #[error("has {bytes} bytes, and clouds take {MAX_BYTES}; most of it ({largest}) is `{what}`")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest part of it.
        what: String,
        /// The size of that part.
        largest: usize,
    },
    /// cloud-init would not know it for its own.
    #[error("does not begin with `#cloud-config`")]
    NoHeader,
    /// Not YAML.
    #[error("cannot be read as YAML: {0}")]
    Unreadable(String),
    /// Not what cloud-init's schema asks for.
    #[error("is refused by cloud-init's schema at `{place}`: {message}")]
    Schema {
        /// The place as a JSON pointer.
        place: String,
        /// What the schema says.
        message: String,
    },
    /// A line for a shell.
    #[error(
        "has a command that is no list of arguments (`{key}`, number {number}); a line would be split by a shell"
    )]
    NoArguments {
        /// `bootcmd` or `runcmd`.
        key: &'static str,
        /// Which of the commands, from 1.
        number: usize,
    },
    /// A text in which nobody would see a secret.
    #[error(
        "has the file `{0}` in an encoding, in which a secret would not be seen; write its text as it is"
    )]
    Encoded(String),
    /// Something that looks like a secret where everyone can read it.
    #[error(
        "holds something that looks like {0}, and is shared by many machines; nothing secret belongs there"
    )]
    Secret(&'static str),
    /// Headscale takes tags from the key alone, and refuses a client that asks for some itself.
    #[error(
        "asks for tags (`--advertise-tags`), which Headscale refuses beside a key; the key brings its tags"
    )]
    Tags,
    /// A key that others can read, or that stays.
    #[error("{0}")]
    LooseKey(&'static str),
}

/// Keys of user-data that hold commands.
const COMMANDS: [&str; 2] = ["bootcmd", "runcmd"];

/// The schema that cloud-init publishes for user-data; see `schema/README.md`.
const SCHEMA: &str = include_str!("../schema/schema-cloud-config-v1.json");

fn schema() -> Result<&'static Validator, Refusal> {
    static COMPILED: OnceLock<Result<Validator, String>> = OnceLock::new();
    COMPILED
        .get_or_init(|| {
            let schema: Value = serde_json::from_str(SCHEMA).map_err(|error| error.to_string())?;
            jsonschema::validator_for(&schema).map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| Refusal::Unreadable(format!("cloud-init's schema: {error}")))
}

const SECRETS: [(&str, &str); 6] = [
    ("a key of Headscale", r"hskey-(auth|api)-"),
    ("a key of Tailscale", r"tskey-"),
    ("an age identity", r"(?i)AGE-SECRET-KEY-"),
    ("a private key", r"PRIVATE KEY"),
    ("a key of AWS", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|(?i)aws_secret_access_key"),
    ("a token of Kubernetes", r"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ|[a-z0-9]{6}\.[a-z0-9]{16}\b)"),
];

fn secret(text: &str) -> Option<&'static str> {
    static PATTERNS: OnceLock<Option<RegexSet>> = OnceLock::new();
    let patterns =
        PATTERNS.get_or_init(|| RegexSet::new(SECRETS.map(|(_, pattern)| pattern)).ok()).as_ref()?;
    let first = patterns.matches(text).into_iter().next()?;
    Some(SECRETS[first].0)
}

/// A secret in what the YAML means. Its text can hide one: `"hskey\x2dauth-…"` and a word folded onto the next line
/// are read as the key that they spell.
fn secret_in(data: &Value) -> Option<&'static str> {
    match data {
        Value::String(text) => secret(text),
        Value::Array(items) => items.iter().find_map(secret_in),
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| secret(key).or_else(|| secret_in(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Reads a text that many machines share.
///
/// # Errors
/// Why it is not to be handed out.
pub fn read_shared(text: &str) -> Result<(), Refusal> {
    if let Some(what) = secret(text) {
        return Err(Refusal::Secret(what));
    }
    let data = read(text)?;
    secret_in(&data).map_or(Ok(()), |what| Err(Refusal::Secret(what)))
}

/// Reads a text for one machine. A key may be in it, in a file of its own that is removed.
///
/// # Errors
/// Why it is not to be handed out.
pub fn read_node(text: &str) -> Result<(), Refusal> {
    let data = read(text)?;
    for file in data["write_files"].as_array().into_iter().flatten() {
        let is_key_file = file["path"] == KEY_FILE;
        let has_secret = file["content"].as_str().is_some_and(|content| secret(content).is_some());
        if has_secret && !is_key_file {
            return Err(Refusal::LooseKey("has a key in a file that is not removed"));
        }
        if is_key_file && file["permissions"] != "0600" {
            return Err(Refusal::LooseKey(
                "has a key in a file that others can read; its permissions must be 0600",
            ));
        }
    }
    let removes = |command: &Value| *command == serde_json::json!(["rm", "-f", KEY_FILE]);
    let commands = data["runcmd"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !commands.last().is_some_and(removes) {
        return Err(Refusal::LooseKey("does not end with removing the key's file"));
    }
    let in_arguments = COMMANDS.iter().any(|key| secret_in(&data[*key]).is_some());
    if in_arguments {
        return Err(Refusal::LooseKey(
            "has a key among the arguments of a command, where every process can see it",
        ));
    }
    if COMMANDS.iter().any(|key| data[*key].to_string().contains("--advertise-tags")) {
        return Err(Refusal::Tags);
    }
    // The text itself is searched, so that comments are too. Each line of the key's file stands in it once.
    let of_key = data["write_files"].as_array().into_iter().flatten().filter(|file| file["path"] == KEY_FILE);
    let lines = of_key.filter_map(|file| file["content"].as_str()).flat_map(str::lines);
    let rest = lines.fold(text.to_owned(), |rest, line| rest.replacen(line.trim(), "", 1));
    let mut besides = data.clone();
    for file in besides["write_files"].as_array_mut().into_iter().flatten() {
        if file["path"] == KEY_FILE {
            file["content"].take();
        }
    }
    if secret(&rest).is_some() || secret_in(&besides).is_some() {
        return Err(Refusal::LooseKey("has a key outside of the one file that is removed"));
    }
    Ok(())
}

fn read(text: &str) -> Result<Value, Refusal> {
    if !text.starts_with("#cloud-config\n") {
        return Err(Refusal::NoHeader);
    }
    let data: Value = serde_saphyr::from_str(text).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if text.len() > MAX_BYTES {
        let (what, largest) = largest_part(&data);
        return Err(Refusal::TooLarge { bytes: text.len(), what, largest });
    }
    if let Err(error) = schema()?.validate(&data) {
        return Err(Refusal::Schema { place: error.instance_path().to_string(), message: error.to_string() });
    }
    for key in COMMANDS {
        let mut commands = data[key].as_array().into_iter().flatten();
        if let Some(before) = commands.position(|command| !command.is_array()) {
            return Err(Refusal::NoArguments { key, number: before + 1 });
        }
    }
    let mut files = data["write_files"].as_array().into_iter().flatten();
    if let Some(file) = files.find(|file| !file["encoding"].is_null()) {
        return Err(Refusal::Encoded(file["path"].as_str().unwrap_or_default().to_owned()));
    }
    Ok(data)
}

/// The largest file or, where there is none, the largest key.
fn largest_part(data: &Value) -> (String, usize) {
    let files = data["write_files"].as_array().into_iter().flatten().map(|file| {
        let size = file["content"].as_str().map_or(0, str::len);
        (file["path"].as_str().unwrap_or_default().to_owned(), size)
    });
    let keys = data
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "write_files")
        .map(|(key, value)| (key.clone(), serde_saphyr::to_string(value).map_or(0, |text| text.len())));
    files.chain(keys).max_by_key(|(_, size)| *size).unwrap_or_default()
}
