//! A running primer: its configuration, its state, its links to the others.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use keystone_model::Cluster;
use serde_json::Value;

use crate::clock;
use crate::config::Config;
use crate::courier::Courier;
use crate::groups::Kind;
use crate::node_key::NodeKey;
use crate::peers::Links;
use crate::refusal::Refusal;
use crate::sessions::Sessions;
use crate::state::{Identity, Members, State};
use crate::store::Store;
use crate::transcript;

/// A running primer. One lock guards the state folder and what is read from it; nobody waits for another machine while
/// he holds it.
pub struct Primer {
    /// What its machine told it.
    pub config: Config,
    inner: Mutex<Inner>,
    /// Connections to the others.
    pub links: Links,
    /// What is carried by hand.
    pub courier: Courier,
    /// Ceremonies that are under way: in memory only.
    pub sessions: Mutex<Sessions>,
    /// Something about them changed.
    pub changed: Condvar,
    /// Held while the credentials are made or the keys generated, so that it happens once at a time.
    pub ceremony: Mutex<()>,
    /// Something happened since keys were made or tried.
    pub again: AtomicBool,
    /// New keys whose making was agreed to here, and who may lead it: in memory only.
    pub agreed: Mutex<BTreeSet<(String, Kind, u32)>>,
    /// The inventory that was judged last, by its file's hash.
    pub judged: Mutex<Option<(String, Arc<Cluster>)>>,
    /// Held while the TPM's counter and the folder's are compared or changed.
    pub counting: Mutex<()>,
    /// What a test makes of this primer's answers.
    #[cfg(test)]
    pub lie: crate::testing::Kept,
}

/// What the lock guards.
pub struct Inner {
    /// The state folder.
    pub store: Store,
    /// What is in it, once there is something.
    pub state: Option<State>,
}

impl Inner {
    /// The state, or that there is none yet.
    pub fn begun(&self) -> Result<&State, Refusal> {
        self.state.as_ref().ok_or_else(unbegun)
    }

    /// Store and state, to change.
    pub fn parts(&mut self) -> Result<(&Store, &mut State), Refusal> {
        let Self { store, state } = self;
        state.as_mut().map(|state| (&*store, state)).ok_or_else(unbegun)
    }
}

fn unbegun() -> Refusal {
    Refusal::new("this primer has not begun")
        .fix("keystone-primer init --cluster NAME on the first one, keystone-primer join --token TOKEN on the others")
}

impl Primer {
    /// Takes the state folder.
    pub fn open(config: Config) -> Result<Arc<Self>, Refusal> {
        let store = Store::open(&config.key_storage)?;
        let state = State::load(&store)?;
        if let Some(state) = &state {
            state.fits(&config)?;
        }
        Ok(Arc::new(Self {
            config,
            inner: Mutex::new(Inner { store, state }),
            links: Links::default(),
            courier: Courier::default(),
            sessions: Mutex::new(Sessions::default()),
            changed: Condvar::new(),
            ceremony: Mutex::new(()),
            again: AtomicBool::new(false),
            agreed: Mutex::default(),
            judged: Mutex::default(),
            counting: Mutex::default(),
            #[cfg(test)]
            lie: Mutex::default(),
        }))
    }

    /// The state. Whoever panicked while he held it left the folder whole, as every file is.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ceremonies.
    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who this primer is, its key, and who the others are.
    pub fn whoami(&self) -> Result<(Identity, Arc<NodeKey>, Members), Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        Ok((state.identity.clone(), Arc::clone(&state.key), state.members.clone()))
    }

    /// Names of the other primers that joined and are declared: one that is lost is declared no more.
    pub fn others(&self) -> Result<Vec<String>, Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        let others = state.members.keys().filter(|name| **name != state.identity.name);
        Ok(others.filter(|name| self.config.endpoint(name).is_some()).cloned().collect())
    }

    /// Writes down what happened, and shows it to the others, who countersign it; those that are off see it later.
    pub fn record(self: &Arc<Self>, kind: &str, summary: &str, details: Value) -> Result<(), Refusal> {
        {
            let inner = self.inner();
            let state = inner.begun()?;
            transcript::append(
                &inner.store,
                &state.identity,
                &state.key,
                kind,
                summary,
                details,
                clock::now(),
            )?;
        }
        self.count()?;
        self.share_record();
        Ok(())
    }
}
