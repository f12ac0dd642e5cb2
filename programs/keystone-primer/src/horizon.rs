//! The autonomy horizon: the first moment at which anything breaks while all primers are off, and what that is.
//!
//! Two moments are told apart. With nobody renewing anything the first certificate that ends is the horizon. With a
//! control plane that renews what it can (certificates below an intermediate, lists of an intermediate, an intermediate as
//! long as a successor of it was signed in advance) it is the end of what only a quorum makes.
//!
//! Everything is read from public files, so any machine that has the repository can compute it.

mod read;
mod show;

use std::path::{Path, PathBuf};

use keystone_model::{Cluster, secret};
use keystone_pki::certificate::{DAY, Time};
use keystone_pki::profile::{Holder, INTERMEDIATES, identities};
use serde::Serialize;

pub use read::{Issued, Token};

use crate::credentials::{key_file, read_issued};
use crate::refusal::Refusal;

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A root, after which nothing verifies.
    Root,
    /// An intermediate that issues.
    Intermediate,
    /// An intermediate that was signed in advance and is not used yet.
    Successor,
    /// A certificate of a machine or person.
    Certificate,
    /// A list of revoked certificates: whoever reads it refuses everybody afterwards.
    List,
    /// A token with which a primer may join.
    Token,
}

impl Kind {
    /// The name in texts and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Intermediate => "intermediate",
            Self::Successor => "successor",
            Self::Certificate => "certificate",
            Self::List => "list",
            Self::Token => "token",
        }
    }
}

/// Who can put something else in the place of what ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renewer {
    /// A quorum of primers, and nobody else.
    Primers,
    /// The control plane, by itself.
    ControlPlane,
    /// Nobody has to: what comes after it is there already, or it is spent.
    Nobody,
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What.
    pub kind: Kind,
    /// Which, for people.
    pub name: String,
    /// When, in seconds since 1970.
    #[serde(serialize_with = "seconds")]
    pub ends: Time,
    /// Who renews it.
    pub renewed_by: Renewer,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn seconds<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.unix())
}

/// What was issued, by file and profile, as the trust folder says.
///
/// # Errors
/// When its list is there and cannot be read.
pub fn issued(trust: &Path) -> Result<Issued, Refusal> {
    read_issued(trust)
}

/// Something that is not as it has to be before the primers are switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// What, and of what.
    pub what: String,
    /// The next command.
    pub fix: String,
}

impl Open {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// Public material.
    pub trust: PathBuf,
    /// Encrypted files, where they are at hand. Only looked at for whether they exist.
    pub secrets: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Horizon {
    /// The cluster.
    pub cluster: String,
    /// When it was computed.
    pub now: Time,
    /// Everything that ends, first what ends first.
    pub items: Vec<Item>,
    /// What is not right.
    pub open: Vec<Open>,
}

impl Horizon {
    /// Computes it from the inventory, the public files, and the tokens of the primer that asks.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub fn new(cluster: &Cluster, places: &Places, tokens: &[Token], now: Time) -> Result<Self, Refusal> {
        let found = read::read(places)?;
        let mut open = found.open;
        let mut items = found.items;
        items.extend(tokens.iter().filter(|token| token.ends > now).map(|token| Item {
            kind: Kind::Token,
            name: format!("join token {} of {}", token.id, token.name),
            ends: token.ends,
            renewed_by: Renewer::Primers,
        }));
        missing(cluster, places, &found.issued, &mut open);
        for item in items.iter().filter(|item| item.ends <= now) {
            open.push(Open::new(
                format!("the {} {} has ended, on {}", item.kind.as_str(), item.name, item.ends),
                match item.kind {
                    Kind::Root => "keystone-primer rotate-root-keys",
                    _ => "keystone-primer generate-credentials",
                },
            ));
        }
        items.sort_by(|a, b| (a.ends, a.kind, &a.name).cmp(&(b.ends, b.kind, &b.name)));
        Ok(Self { cluster: cluster.cluster.name.to_string(), now, items, open })
    }

    /// What ends first, while nobody renews anything.
    #[must_use]
    pub fn first(&self) -> Option<&Item> {
        self.items.iter().find(|item| item.renewed_by != Renewer::Nobody)
    }

    /// What ends first, while the control plane renews what it can.
    #[must_use]
    pub fn renewing(&self) -> Option<&Item> {
        self.items.iter().find(|item| item.renewed_by == Renewer::Primers)
    }

    /// Whole days until then; negative afterwards.
    #[must_use]
    pub fn days_until(&self, time: Time) -> i64 {
        (time.unix() - self.now.unix()).div_euclid(DAY)
    }

    /// Whether everything is right, and stays so for that many days without a primer.
    #[must_use]
    pub fn is_good_for(&self, days: i64) -> bool {
        self.open.is_empty() && self.first().is_some_and(|item| self.days_until(item.ends) >= days)
    }
}

/// Certificates and keys that the inventory asks for and that are not there.
fn missing(cluster: &Cluster, places: &Places, issued: &read::Issued, open: &mut Vec<Open>) {
    let rules = secret::rules(cluster);
    let mut absent = Vec::new();
    for identity in identities(cluster) {
        let file = match identity.holder() {
            Holder::Machine(name) => secret::host_certificates(name),
            Holder::Person(name) => secret::person_certificates(name),
        };
        let noted = issued.get(&file).is_some_and(|notes| notes.contains_key(identity.profile().name));
        if rules.contains_key(&file) && !noted {
            absent.push(format!("{} of {}", identity.profile().name, identity.holder()));
        }
    }
    let generate = "keystone-primer generate-credentials";
    if !absent.is_empty() {
        let (shown, rest) = absent.split_at(absent.len().min(5));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        open.push(Open::new(format!("no certificate was issued for {}{more}", shown.join(", ")), generate));
    }
    let Some(secrets) = &places.secrets else { return };
    let files = issued.keys().cloned().chain(INTERMEDIATES.map(|one| key_file(one).to_owned()));
    for file in files.filter(|file| !secrets.join(format!("{file}.age")).exists()) {
        open.push(Open::new(format!("secrets/{file}.age is missing"), generate));
    }
}
