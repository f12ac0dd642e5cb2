//! What a primer knows of itself and of the others, as it lies in the state folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use keystone_protector::{Setting, ShareIdentity, Slots};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::Config;
use crate::node_key::{NodeKey, PublicKey};
use crate::refusal::Refusal;
use crate::store::Store;
use crate::transcript;

const IDENTITY: &str = "identity.json";
const NODE_KEY: &str = "node.key";
const MEMBERS: &str = "members.json";
const SLOTS: &str = "slots.json";

/// Who this primer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Identity {
    /// The cluster.
    pub cluster: String,
    /// This primer.
    pub name: String,
    /// Nothing that it makes is to be trusted.
    pub lab: bool,
    /// When it began, in seconds since 1970.
    pub since: u64,
}

/// A primer, as the others know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// Its node key.
    pub key: PublicKey,
    /// Where it answers.
    pub endpoint: String,
    /// When it joined.
    pub since: u64,
}

/// Every primer that joined, this one included, by name.
pub type Members = BTreeMap<String, Member>;

/// The state of a primer that has begun.
pub struct State {
    /// Who it is.
    pub identity: Identity,
    /// Its node key.
    pub key: Arc<NodeKey>,
    /// Who the others are.
    pub members: Members,
    /// What protects its share identity; none until there is a slot.
    pub slots: Option<Slots>,
}

impl State {
    /// Reads the state, if the primer has begun.
    pub fn load(store: &Store) -> Result<Option<Self>, Refusal> {
        if !store.begun() {
            return Ok(None);
        }
        let missing = |name: &str| {
            Refusal::new(format!("`{}` is missing", store.root().join(name).display()))
                .fix("restore the folder from a snapshot of this primer")
        };
        let seed = store.read(NODE_KEY)?.ok_or_else(|| missing(NODE_KEY))?;
        let slots = match store.read(SLOTS)? {
            Some(bytes) => Some(Slots::from_json(&String::from_utf8_lossy(&bytes))?),
            None => None,
        };
        Ok(Some(Self {
            identity: store.load(IDENTITY)?.ok_or_else(|| missing(IDENTITY))?,
            key: Arc::new(NodeKey::from_seed(&seed)?),
            members: store.load(MEMBERS)?.ok_or_else(|| missing(MEMBERS))?,
            slots,
        }))
    }

    /// Begins: identity and node key. The share identity begins with its first slot.
    pub fn begin(store: &Store, config: &Config, now: u64) -> Result<Self, Refusal> {
        if store.begun() {
            return Err(Refusal::new(format!(
                "this primer has begun already, in `{}`",
                store.root().display()
            ))
            .fix("keystone-primer status"));
        }
        store.clear_unbegun()?;
        let key = NodeKey::generate()?;
        let endpoint = config.endpoint(&config.node).unwrap_or_default().to_owned();
        let identity = Identity {
            cluster: config.cluster.clone(),
            name: config.node.clone(),
            lab: config.lab(),
            since: now,
        };
        let me = Member { key: key.public(), endpoint, since: now };
        let state = Self {
            members: BTreeMap::from([(identity.name.clone(), me)]),
            identity,
            key: Arc::new(key),
            slots: None,
        };
        store.write(NODE_KEY, state.key.seed())?;
        store.save(IDENTITY, &state.identity)?;
        store.save(MEMBERS, &state.members)?;
        let details = json!({ "pin": state.key.public().pin() });
        let summary = format!("{} began, with a key of its own", state.identity.name);
        transcript::append(store, &state.identity, &state.key, "init", &summary, details, now)?;
        // Last: without it the folder is nothing, and with it everything is there.
        store.seal_version()?;
        Ok(state)
    }

    /// Adds primers. A name never gets another key this way.
    pub fn meet(&mut self, store: &Store, config: &Config, others: Members) -> Result<Vec<String>, Refusal> {
        let mut met = Vec::new();
        let mut members = self.members.clone();
        for (name, member) in others {
            match members.get(&name) {
                Some(known) if known.key == member.key => {}
                Some(_) => {
                    return Err(Refusal::new(format!(
                        "{name} is known here by another key; nothing was changed"
                    ))
                    .fix("compare the pins of `keystone-primer status` on all primers"));
                }
                None if config.endpoint(&name).is_none() => {
                    return Err(Refusal::new(format!("{name} is not declared as a primer here"))
                        .fix("add it to the peers of every primer"));
                }
                None => {
                    met.push(name.clone());
                    members.insert(name, member);
                }
            }
        }
        if !met.is_empty() {
            store.save(MEMBERS, &members)?;
            self.members = members;
        }
        Ok(met)
    }

    /// What the primer that let this one in says of the others. Those that are lost are kept, as their record is theirs, and
    /// nobody talks to them.
    pub fn inherit(&mut self, store: &Store, config: &Config, all: Members) -> Result<(), Refusal> {
        let (declared, lost): (Members, Members) =
            all.into_iter().partition(|(name, _)| config.endpoint(name).is_some());
        let mut members = self.members.clone();
        for (name, member) in lost {
            members.entry(name).or_insert(member);
        }
        store.save(MEMBERS, &members)?;
        self.members = members;
        self.meet(store, config, declared).map(drop)
    }

    /// Puts other slots in the place of these: on disk first, so that no slot is known which a restart would forget.
    pub fn replace_slots(&mut self, store: &Store, slots: Slots) -> Result<(), Refusal> {
        store.write(SLOTS, slots.to_json()?.as_bytes())?;
        self.slots = Some(slots);
        Ok(())
    }

    /// A new share identity and its slots, if there was none.
    #[must_use]
    pub fn first_slots(&self) -> Option<(ShareIdentity, Slots)> {
        if self.slots.is_some() {
            return None;
        }
        let key = ShareIdentity::generate();
        let setting = if self.identity.lab { Setting::Lab } else { Setting::Production };
        let slots = Slots::new(&key, setting);
        Some((key, slots))
    }

    /// Refuses a configuration that is another primer's.
    pub fn fits(&self, config: &Config) -> Result<(), Refusal> {
        let Identity { cluster, name, lab, .. } = &self.identity;
        if *cluster == config.cluster && *name == config.node && *lab == config.lab() {
            return Ok(());
        }
        let setting = |lab: bool| if lab { ", a lab" } else { "" };
        Err(Refusal::new(format!(
            "`{}` holds the state of {name} of the cluster {cluster}{}, and the configuration is for {} of {}{}",
            config.key_storage.display(),
            setting(*lab),
            config.node,
            config.cluster,
            setting(config.lab())
        )))
    }

    /// Who has the key.
    #[must_use]
    pub fn name_of(&self, key: &PublicKey) -> Option<&str> {
        self.members.iter().find(|(_, member)| member.key == *key).map(|(name, _)| name.as_str())
    }
}
