//! The public material of a cluster, `hosts/trust/`: certificates, token keys, recipients. No private key.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redact::{conceal, holds_private_key};
use crate::tables::Cluster;

/// A certificate authority, in the order in which trust descends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The root, whose key exists nowhere.
    Root,
    /// Signs servers and clients of the API.
    Kubernetes,
    /// Signs members and clients of etcd.
    Etcd,
    /// Signs the aggregation layer's client.
    FrontProxy,
    /// Signs machines: the mesh's coordinator and relays among them.
    Node,
}

impl Authority {
    /// Every authority.
    pub const ALL: [Self; 5] = [Self::Root, Self::Kubernetes, Self::Etcd, Self::FrontProxy, Self::Node];

    /// The name in file names: `hosts/trust/<name>-ca.crt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
            Self::FrontProxy => "front-proxy",
            Self::Node => "node",
        }
    }
}

/// Where a token key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It signs new tokens.
    Signing,
    /// It is published and signs nothing yet, so that relying parties know it when it does.
    Published,
    /// It signs nothing any more; its tokens are valid until they expire.
    Retiring,
}

/// A public key that verifies service-account tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountKey {
    /// Its name, the file's stem.
    pub name: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// `SubjectPublicKeyInfo` in PEM.
    pub pem: String,
}

/// The public material of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates in PEM.
    pub authorities: BTreeMap<Authority, String>,
    /// Token keys, the signing one first.
    pub service_account_keys: Vec<ServiceAccountKey>,
}

/// Why a folder is no trust material. Every variant names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A file that the cluster cannot do without.
    #[error("`{file}` is missing; {fix}")]
    Missing {
        /// Its path in the folder.
        file: String,
        /// What makes it.
        fix: String,
    },
    /// A file that does not hold what its name says.
    #[error("`{file}` {reason}; {fix}")]
    Unfit {
        /// Its path in the folder.
        file: String,
        /// What it holds instead.
        reason: String,
        /// What would be right.
        fix: String,
    },
    /// A private key where everything is public.
    #[error(
        "`{file}` holds a private key; remove it from the folder and from git's history, and replace the key, as \
         everyone who can read the repository has it"
    )]
    PrivateKey {
        /// Its path in the folder.
        file: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyList {
    #[serde(default)]
    service_account_keys: Vec<ListedKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListedKey {
    name: String,
    state: KeyState,
}

const KEY_LIST: &str = "trust.toml";
const TOKEN_KEYS: &str = "service-account/";
const RECIPIENTS: &str = "recipients.txt";

impl Trust {
    /// Reads the folder's files, given by path with `/` and text.
    ///
    /// # Errors
    /// Every file that is missing, unfit or private.
    pub fn from_files(files: &BTreeMap<String, String>, cluster: &Cluster) -> Result<Self, Vec<TrustError>> {
        let mut errors = Vec::new();
        for (file, text) in files {
            if holds_private_key(text) {
                errors.push(TrustError::PrivateKey { file: file.clone() });
            }
        }
        let mut trust = Self::default();
        for authority in Authority::ALL {
            let file = format!("{}-ca.crt", authority.as_str());
            match files.get(&file) {
                Some(text) => match pem_blocks(text, "CERTIFICATE") {
                    Ok(_) => {
                        trust.authorities.insert(authority, text.clone());
                    }
                    Err(reason) => errors.push(TrustError::Unfit {
                        file,
                        reason,
                        fix: "put the authority's certificates there, in PEM".to_owned(),
                    }),
                },
                None => errors.push(TrustError::Missing {
                    file,
                    fix: "`keystone-primer generate-credentials` writes it".to_owned(),
                }),
            }
        }
        match token_keys(files) {
            Ok(keys) => trust.service_account_keys = keys,
            Err(more) => errors.extend(more),
        }
        if let Err(error) = recipients(files, cluster) {
            errors.push(error);
        }
        if errors.is_empty() { Ok(trust) } else { Err(errors) }
    }
}

fn token_keys(files: &BTreeMap<String, String>) -> Result<Vec<ServiceAccountKey>, Vec<TrustError>> {
    let unfit = |file: &str, reason: String, fix: &str| TrustError::Unfit {
        file: file.to_owned(),
        reason,
        fix: fix.to_owned(),
    };
    let Some(list) = files.get(KEY_LIST) else {
        let fix =
            "list the token keys there, each as `[[serviceAccountKeys]]` with `name` and `state`".to_owned();
        return Err(vec![TrustError::Missing { file: KEY_LIST.to_owned(), fix }]);
    };
    let list: KeyList = toml::from_str(list).map_err(|error| {
        vec![unfit(
            KEY_LIST,
            format!("cannot be read: {}", conceal(error.message())),
            "give each key a `name` and a `state`",
        )]
    })?;
    let mut errors = Vec::new();
    let mut keys = Vec::new();
    let mut contents: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    let mut names = BTreeSet::new();
    for listed in list.service_account_keys {
        if holds_private_key(&listed.name) {
            // Said of the whole file already, and not to be repeated.
            continue;
        }
        let file = format!("{TOKEN_KEYS}{}.pub", listed.name);
        if !names.insert(file.clone()) {
            let reason = format!("lists `{}` twice", listed.name);
            errors.push(unfit(KEY_LIST, reason, "a key has one state"));
            continue;
        }
        match files.get(&file) {
            Some(pem) => match pem_blocks(pem, "PUBLIC KEY") {
                Ok(blocks) if blocks.len() == 1 => {
                    keys.push(ServiceAccountKey { name: listed.name, state: listed.state, pem: pem.clone() });
                    contents.push((file, blocks));
                }
                Ok(blocks) => {
                    let fix = "write each key to a file of its own, and list it";
                    errors.push(unfit(&file, format!("holds {} keys", blocks.len()), fix));
                }
                Err(reason) => {
                    errors.push(unfit(&file, reason, "write `openssl rsa -pubout` of the key there"));
                }
            },
            None => errors.push(TrustError::Missing {
                file,
                fix: format!("`{KEY_LIST}` lists it: add the public key, or take the entry out"),
            }),
        }
    }
    for (n, (file, key)) in contents.iter().enumerate() {
        if let Some((other, _)) = contents[..n].iter().find(|(_, other)| other == key) {
            // Relying parties know a key by its hash, and would find two of the same name.
            errors.push(unfit(file, format!("holds the key of `{other}`"), "remove one of the two"));
        }
    }
    for file in files.keys().filter(|file| file.starts_with(TOKEN_KEYS) && !names.contains(*file)) {
        let fix = "list it with its state, or remove it: tokens of a key that nobody publishes are refused";
        errors.push(unfit(file, format!("is not listed in `{KEY_LIST}`"), fix));
    }
    let signing = keys.iter().filter(|key| key.state == KeyState::Signing).count();
    if errors.is_empty() && signing != 1 {
        errors.push(unfit(
            KEY_LIST,
            format!("lists {signing} keys with state `signing`"),
            "exactly one key signs; one that waits is `published`, one that signed before is `retiring`",
        ));
    }
    keys.sort_by(|a, b| (a.state, &a.name).cmp(&(b.state, &b.name)));
    if errors.is_empty() { Ok(keys) } else { Err(errors) }
}

/// The list that `age -R` takes holds exactly the recipients of the inventory.
fn recipients(files: &BTreeMap<String, String>, cluster: &Cluster) -> Result<(), TrustError> {
    let expected = recipients_file(cluster);
    match files.get(RECIPIENTS) {
        Some(found) if *found == expected => Ok(()),
        Some(_) => Err(TrustError::Unfit {
            file: RECIPIENTS.to_owned(),
            reason: "does not hold the recipients of the inventory".to_owned(),
            fix:
                "write it anew with `keystone-cluster recipients INVENTORY --out hosts/trust/recipients.txt`"
                    .to_owned(),
        }),
        None => Err(TrustError::Missing {
            file: RECIPIENTS.to_owned(),
            fix: "write it with `keystone-cluster recipients INVENTORY --out hosts/trust/recipients.txt`"
                .to_owned(),
        }),
    }
}

/// The recipients of every node and person, in the form that `age -R` takes.
#[must_use]
pub fn recipients_file(cluster: &Cluster) -> String {
    let mut lines =
        vec!["# Written from the inventory. `age -R` of this file encrypts to everyone in it.".to_owned()];
    for (name, node) in &cluster.nodes {
        lines.push(format!("# node {name}"));
        lines.push(node.age_key.to_string());
    }
    for (name, person) in &cluster.people {
        lines.push(format!("# person {name}"));
        lines.extend(person.age_keys.iter().map(ToString::to_string));
        lines.extend(
            person.ssh_keys.iter().filter(|key| key.kind().age_can_encrypt()).map(ToString::to_string),
        );
    }
    lines.join("\n") + "\n"
}

/// What the blocks of that label hold: at least one, nothing beside them, and each a whole piece of DER.
fn pem_blocks(text: &str, label: &str) -> Result<Vec<Vec<u8>>, String> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text.trim();
    if !rest.starts_with(&begin) {
        return Err(format!("does not begin with a block `{label}`"));
    }
    while let Some(body) = rest.strip_prefix(&begin) {
        let (inside, after) =
            body.split_once(&end).ok_or_else(|| format!("has a block `{label}` without end"))?;
        let joined: String = inside.split_ascii_whitespace().collect();
        let der = STANDARD.decode(joined).map_err(|_| format!("has a block `{label}` that is not base64"))?;
        if !is_whole_sequence(&der) {
            return Err(format!("has a block `{label}` that was cut, or holds something else"));
        }
        blocks.push(der);
        rest = after.trim_start();
    }
    if rest.is_empty() { Ok(blocks) } else { Err(format!("holds something besides blocks `{label}`")) }
}

/// Certificates and public keys are one SEQUENCE of DER, which says its length: what was cut while it was copied is
/// shorter. Whoever uses them parses the rest.
fn is_whole_sequence(der: &[u8]) -> bool {
    let Some((&[0x30, first], rest)) = der.split_first_chunk::<2>() else { return false };
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let Some((bytes, content)) = rest.split_at_checked(usize::from(first & 0x7f)) else {
                return false;
            };
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), content)
        }
        _ => return false,
    };
    length > 0 && content.len() == length
}
