//! A row of the table and the inventory together: what the certificate of one machine or person says.

use std::collections::BTreeSet;
use std::fmt;

use keystone_model::validate::mesh::relay_domain;
use keystone_model::{Cluster, Name, Node, Person, Role, TlsMode};
use thiserror::Error;

use super::leaf::{self, Holders, Profile, Word};
use crate::certificate::{AltName, Subject};

/// Why somebody has no such certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// No such row.
    #[error("there is no profile `{name}`; there are {}", leaf::PROFILES.iter().map(|p| p.name).collect::<Vec<_>>().join(", "))]
    NoProfile {
        /// The name asked for.
        name: String,
    },
    /// Nobody of that name.
    #[error("the inventory has no {} `{name}`; add it to hosts/cluster.toml first", if *.person { "person" } else { "machine" })]
    Unknown {
        /// The name asked for.
        name: String,
        /// Whether a person was looked for.
        person: bool,
    },
    /// Somebody who does not get such a certificate.
    #[error("`{holder}` has no certificate `{profile}`: {reason}")]
    NotFor {
        /// The name asked for.
        holder: String,
        /// The profile.
        profile: &'static str,
        /// Who has one.
        reason: String,
    },
}

/// Whose certificate it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A machine of the inventory.
    Machine(Name),
    /// A person of the inventory.
    Person(Name),
}

impl Holder {
    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        match self {
            Self::Machine(name) | Self::Person(name) => name,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// What a certificate of one holder says. It comes from the inventory and the table, and can be made in no other way.
#[derive(Debug, Clone)]
pub struct Identity {
    profile: &'static Profile,
    holder: Holder,
    subject: Subject,
    alt_names: BTreeSet<AltName>,
}

impl Identity {
    /// The identity of `holder` by the profile of that name.
    ///
    /// # Errors
    /// When there is no such profile or holder, or the holder does not get one.
    pub fn new(cluster: &Cluster, profile: &str, holder: &str) -> Result<Self, IdentityError> {
        let row =
            Profile::named(profile).ok_or_else(|| IdentityError::NoProfile { name: profile.to_owned() })?;
        let person = matches!(row.holders, Holders::People | Holders::Admins);
        let found = if person {
            cluster.people.get_key_value(holder).map(|(name, person)| Subjectable::Person(name, person))
        } else {
            cluster.nodes.get_key_value(holder).map(|(name, node)| Subjectable::Machine(name, node))
        };
        let found = found.ok_or_else(|| IdentityError::Unknown { name: holder.to_owned(), person })?;
        if !found.holds(cluster, row.holders) {
            let reason = format!("only {} have one", row.holders);
            return Err(IdentityError::NotFor { holder: holder.to_owned(), profile: row.name, reason });
        }
        Ok(Self::of(cluster, row, found))
    }

    fn of(cluster: &Cluster, profile: &'static Profile, found: Subjectable<'_>) -> Self {
        let text = |words: &[Word]| words.iter().map(|word| found.word(cluster, *word)).collect::<String>();
        let alt_names = profile
            .alt_names
            .iter()
            .filter_map(|name| match name {
                leaf::Name::Dns(words) => Some(AltName::Dns(text(words))),
                leaf::Name::Email(words) => Some(AltName::Email(text(words))),
                leaf::Name::Ip(words) => text(words).parse().ok().map(AltName::Ip),
            })
            .collect();
        let subject = Subject {
            organisation: profile.organisation.map(str::to_owned),
            common_name: common_name(text(profile.common_name)),
        };
        let holder = match found {
            Subjectable::Machine(name, _) => Holder::Machine(name.clone()),
            Subjectable::Person(name, _) => Holder::Person(name.clone()),
        };
        Self { profile, holder, subject, alt_names }
    }

    /// Its row of the table.
    #[must_use]
    pub const fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Whose it is.
    #[must_use]
    pub const fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The subject.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The alternative names.
    #[must_use]
    pub const fn alt_names(&self) -> &BTreeSet<AltName> {
        &self.alt_names
    }
}

/// A common name has at most 64 characters (RFC 5280). One that is cut names nobody: verifiers read host and mail names from
/// the alternative names, which are whole. Users of Kubernetes are read from here, and theirs is never cut but refused when
/// the certificate is written.
fn common_name(name: String) -> String {
    match name.get(..64) {
        Some(cut) if name.len() > 64 && !name.contains(':') && !name.contains('@') => {
            cut.trim_end_matches('.').to_owned()
        }
        _ => name,
    }
}

/// Every certificate that the inventory's machines and people have, in the order of the table.
#[must_use]
pub fn identities(cluster: &Cluster) -> Vec<Identity> {
    let machines = || cluster.nodes.iter().map(|(name, node)| Subjectable::Machine(name, node));
    let people = || cluster.people.iter().map(|(name, person)| Subjectable::Person(name, person));
    leaf::PROFILES
        .iter()
        .flat_map(|profile| {
            machines()
                .chain(people())
                .filter(|found| found.holds(cluster, profile.holders))
                .map(|found| Identity::of(cluster, profile, found))
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Subjectable<'c> {
    Machine(&'c Name, &'c Node),
    Person(&'c Name, &'c Person),
}

impl Subjectable<'_> {
    fn holds(&self, cluster: &Cluster, holders: Holders) -> bool {
        match (self, holders) {
            (Self::Machine(_, node), Holders::Roles(roles)) => node.roles.iter().any(|r| roles.contains(r)),
            (Self::Machine(_, node), Holders::MeshServers) => {
                cluster.mesh.tls.mode == TlsMode::Files
                    && node.endpoint.is_some()
                    && node.roles.iter().any(|r| Role::RELAY_HOSTS.contains(r))
            }
            (Self::Machine(..), Holders::Machines) | (Self::Person(..), Holders::People) => true,
            (Self::Person(_, person), Holders::Admins) => person.admin,
            _ => false,
        }
    }

    fn word(&self, cluster: &Cluster, word: Word) -> String {
        let name = match self {
            Self::Machine(name, _) | Self::Person(name, _) => *name,
        };
        match (word, self) {
            (Word::Text(text), _) => text.to_owned(),
            (Word::Name, _) => name.to_string(),
            (Word::MeshName, _) => cluster.mesh.base_domain.child(name).to_string(),
            (Word::RelayName, _) => relay_domain(cluster).child(name).to_string(),
            (Word::UrlHost, _) => cluster.mesh.url.host().to_string(),
            (Word::ApiName, _) => cluster.mesh.base_domain.child(&cluster.kubernetes.api_name).to_string(),
            (Word::ClusterDomain, _) => cluster.kubernetes.cluster_domain.to_string(),
            (Word::Email, Self::Person(_, person)) => person.email.to_string(),
            // No row asks for a machine's mail; a certificate with an empty name is refused when it is written.
            (Word::Email, Self::Machine(..)) => String::new(),
            (Word::ServiceAddress, _) => {
                let first = cluster.kubernetes.service_cidr.net().hosts().next();
                first.map(|address| address.to_string()).unwrap_or_default()
            }
        }
    }
}
