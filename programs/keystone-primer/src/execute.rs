//! What the running primer does for the command line.

use std::sync::Arc;

use keystone_protector::{Create, SlotKind};
use serde_json::{Value, json};

use crate::clock;
use crate::control::{Command, Device, Notes, Secret};
use crate::groups;
use crate::offline::{HANDOFF, RECOVERY};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::state::State;
use crate::token;

impl Primer {
    /// Does what the command line asks.
    #[allow(clippy::too_many_lines, reason = "one arm for each command")]
    pub fn execute(self: &Arc<Self>, command: Command, note: Notes<'_>) -> Result<Value, Refusal> {
        match command {
            Command::Init { cluster } => self.init(&cluster),
            Command::Join { token } => self.join(&token, note),
            Command::Status { verify } => self.status(verify),
            Command::Wait { seconds } => self.wait_for_keys(seconds),
            Command::TokenCreate { name } => self.create_token(&name),
            Command::TokenList => {
                let inner = self.inner();
                inner.begun()?;
                Ok(json!({ "tokens": token::all(&inner.store)?, "now": clock::now() }))
            }
            Command::TokenRevoke { id } => {
                token::revoke(&self.inner().store, &id)?;
                self.record("token-revoked", &format!("token {id} was taken back"), json!({ "id": id }))?;
                Ok(json!({ "id": id }))
            }
            Command::ProtectorList => {
                let inner = self.inner();
                let slots = inner.begun()?.slots.as_ref();
                let wanting = slots.map(keystone_protector::Slots::wanting).unwrap_or_default();
                Ok(
                    json!({ "slots": slots.map(|slots| slots.all().to_vec()).unwrap_or_default(), "wanting": wanting }),
                )
            }
            Command::ProtectorAdd { kind, label, recovery, passphrase, device, secret } => {
                let passphrase = passphrase.map(|text| text.as_str().to_owned().into());
                let create = slot_to_make(kind, passphrase, device)?;
                self.add_slot(&create, kind, &label, recovery, secret.as_ref())
            }
            Command::ProtectorReseal { id, secret } => self.reseal_slot(id, &secret),
            Command::ProtectorRemove { id } => {
                let removed = {
                    let mut inner = self.inner();
                    let (store, state) = inner.parts()?;
                    let mut slots = state.slots.clone().ok_or_else(|| {
                        groups::recipient(None).err().unwrap_or_else(|| Refusal::new("no slots"))
                    })?;
                    let removed = slots.remove(id)?;
                    state.replace_slots(store, slots)?;
                    removed
                };
                let summary = format!("slot {id} ({}) was removed", removed.kind());
                self.record("protector-removed", &summary, json!({ "slot": id }))?;
                Ok(json!({ "slot": id }))
            }
            Command::ProtectorTest { id, secret } => {
                let unlock = secret.unlock(self)?;
                let mut slots =
                    self.inner().begun()?.slots.clone().ok_or_else(|| Refusal::new("there are no slots"))?;
                let opened = slots.test(id, &unlock, clock::now())?;
                let mut inner = self.inner();
                let (store, state) = inner.parts()?;
                state.replace_slots(store, slots)?;
                Ok(json!({ "slot": opened }))
            }
            Command::Sign { generation, requests, reason, secret } => {
                let unlock = secret.map(|secret| secret.unlock(self)).transpose()?;
                let generation = generation.map_or_else(|| self.issuing(), Ok)?;
                self.ensure_root(generation, unlock.as_ref(), note)?;
                let certificates = self.sign(generation, &requests, &reason, unlock.as_ref(), note)?;
                let pems: Vec<String> =
                    certificates.iter().map(keystone_pki::certificate::Certificate::pem).collect();
                let summaries: Vec<String> = certificates.iter().map(ToString::to_string).collect();
                Ok(json!({ "certificates": pems, "summaries": summaries, "lab": self.config.lab() }))
            }
            Command::Root => self.roots(),
            Command::EnsureRoot { generation, secret } => {
                let unlock = secret.map(|secret| secret.unlock(self)).transpose()?;
                let root = self.ensure_root(generation, unlock.as_ref(), note)?;
                Ok(json!({ "root": root.pem() }))
            }
            Command::Rotate { stage, keys, reason, secret } => {
                let unlock = secret.map(|secret| secret.unlock(self)).transpose()?;
                self.rotate(stage, &keys, &reason, unlock.as_ref(), note)
            }
            Command::Decrypt { generation, header, stanza, claimed, recipient, without, secret } => {
                let unlock = secret.map(|secret| secret.unlock(self)).transpose()?;
                self.learn_missed(&format!("backup-G{generation}"))?;
                let record = groups::of(&self.inner().store, groups::Kind::Backup, generation)?;
                let act = crate::act::Act::Decrypt {
                    generation,
                    header: header.clone(),
                    stanza,
                    claimed: claimed.clone(),
                    recipient,
                };
                let agreed = self.propose(&record, self.quorum(), &act, &without, unlock.as_ref(), note)?;
                let names: Vec<String> = record.seats.iter().map(|seat| seat.name.clone()).collect();
                agreed.ceremony.tell_each(&names, &[]);
                let by: Vec<&str> = agreed.answers.keys().map(String::as_str).collect();
                let details = json!({ "session": agreed.ceremony.session, "header": crate::decrypting::header_hash(&header),
                    "stanza": stanza, "claimed": claimed, "by": by });
                self.record(
                    "decryption",
                    &format!("{} opened a file, claimed to be {claimed}", by.join(" and ")),
                    details,
                )?;
                Ok(json!({ "group": record.group, "seats": record.seats, "partials": agreed.answers }))
            }
            Command::Wrapped => self.wrapped(),
            Command::RecordWrapped(wrapping) => self.record_wrapped(&wrapping),
            Command::Repair { lost } => self.repair(&lost, note),
            Command::Refresh { secret } => {
                let unlock = secret.map(|secret| secret.unlock(self)).transpose()?;
                self.refresh(unlock.as_ref(), note)
            }
            Command::Handoff { journal, end } => self.journal(&HANDOFF, journal, end),
            Command::Recovery { journal, end } => self.journal(&RECOVERY, journal, end),
            Command::TestWake { secret } => self.test_wake(&secret),
            Command::OfflinePoints => Ok(json!({ "points": self.offline_points()? })),
            Command::RecordOffline { details } => self.record_offline(details),
            Command::SessionList => Ok(self.session_list()),
            Command::SessionExport { to } => self.session_export(&to),
            Command::SessionImport { file } => self.session_import(file.as_bytes()),
            Command::Pending => Ok(json!({ "waiting": self.waiting(), "now": clock::now() })),
            Command::Approve { id, secret } => {
                let summary = self.approve(&id, &secret.unlock(self)?)?;
                Ok(json!({ "id": id, "summary": summary }))
            }
            Command::Deny { id, reason } => {
                let summary: Vec<String> = self
                    .waiting()
                    .into_iter()
                    .filter(|act| act.id == id)
                    .flat_map(|act| act.summary)
                    .collect();
                self.deny(&id, &reason)?;
                self.record_denial(&id, &summary, &reason)?;
                Ok(json!({ "id": id }))
            }
        }
    }

    fn init(self: &Arc<Self>, cluster: &str) -> Result<Value, Refusal> {
        if cluster != self.config.cluster {
            return Err(Refusal::new(format!(
                "this machine is configured for the cluster {}, not {cluster}",
                self.config.cluster
            ))
            .fix(format!("keystone-primer init --cluster {}", self.config.cluster)));
        }
        {
            let mut inner = self.inner();
            let state = State::begin(&inner.store, &self.config, clock::now())?;
            inner.state = Some(state);
        }
        self.lab_slot()?;
        let mut tokens = Vec::new();
        for name in self.config.peer_names().into_iter().filter(|name| *name != self.config.node) {
            tokens.push(self.create_token(&name)?);
        }
        let pin = self.whoami()?.1.public().pin();
        Ok(
            json!({ "cluster": cluster, "name": self.config.node, "pin": pin, "tokens": tokens, "lab": self.config.lab(),
            "ready": self.inner().begun()?.slots.is_some() }),
        )
    }

    /// In a lab the key to the shares lies in a file, so that nobody has to type.
    pub fn lab_slot(self: &Arc<Self>) -> Result<(), Refusal> {
        let Some(path) = &self.config.lab_key else { return Ok(()) };
        let mut inner = self.inner();
        let (store, state) = inner.parts()?;
        if let Some((key, mut slots)) = state.first_slots() {
            slots.add(&key, &Create::File(path.clone()), "lab", false, clock::now())?;
            state.replace_slots(store, slots)?;
        }
        Ok(())
    }

    fn create_token(self: &Arc<Self>, name: &str) -> Result<Value, Refusal> {
        let (token, endpoint) = {
            let inner = self.inner();
            let state = inner.begun()?;
            if self.config.endpoint(name).is_none() {
                return Err(Refusal::new(format!(
                    "{name} is not declared as a primer; there are {}",
                    self.config.peer_names().join(", ")
                ))
                .fix("add it to the peers of every primer"));
            }
            if state.members.contains_key(name) {
                return Err(Refusal::new(format!("{name} has joined already")).fix("keystone-primer status"));
            }
            let endpoint = self.config.endpoint(&self.config.node).unwrap_or_default();
            let token = token::create(&inner.store, &state.key, name, endpoint, token::LIFE, clock::now())?;
            (token, endpoint.to_owned())
        };
        self.record(
            "token",
            &format!("a token with which {name} may join until {}", clock::shown(token.expiry)),
            json!({ "id": token.id, "name": name }),
        )?;
        Ok(
            json!({ "id": token.id, "name": name, "expiry": token.expiry, "endpoint": endpoint, "token": token.text().as_str() }),
        )
    }

    /// Binds a slot to the state that the machine is in now.
    fn reseal_slot(self: &Arc<Self>, id: u32, secret: &Secret) -> Result<Value, Refusal> {
        let key = self.unlock(&secret.unlock(self)?)?;
        let age = self.age()?;
        {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            let slots = state.slots.as_ref().ok_or_else(|| Refusal::new("there are no slots"))?;
            let mut resealed = slots.clone();
            resealed.reseal(id, &key, clock::now())?;
            state.replace_slots(store, resealed)?;
            // A TPM that took the place of another has a counter of its own. A folder that is older than the counter stays so.
            if matches!(age, crate::counter::Age::Unknown(_)) {
                crate::counter::tie(store)?;
            }
        }
        self.record(
            "protector-resealed",
            &format!("slot {id} was bound to another state of the machine"),
            json!({ "slot": id }),
        )?;
        Ok(json!({ "slot": id }))
    }

    fn add_slot(
        self: &Arc<Self>,
        create: &Create,
        kind: SlotKind,
        label: &str,
        recovery: bool,
        secret: Option<&Secret>,
    ) -> Result<Value, Refusal> {
        let first = self.inner().begun()?.slots.is_none();
        let existing = match (first, secret) {
            (true, _) => None,
            (false, Some(secret)) => Some(self.unlock(&secret.unlock(self)?)?),
            (false, None) => {
                return Err(Refusal::new("a slot that is there has to be opened to make another"));
            }
        };
        let created = {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            let (key, mut slots) = match existing {
                Some(key) => state.slots.clone().map(|slots| (key, slots)),
                None => state.first_slots(),
            }
            .ok_or_else(|| Refusal::new("another slot was made meanwhile"))?;
            let created = slots.add(&key, create, label, recovery, clock::now())?;
            if kind == SlotKind::Tpm2 {
                crate::counter::tie(store)?;
            }
            state.replace_slots(store, slots)?;
            created
        };
        self.record(
            "protector-added",
            &format!("slot {} ({kind}) was made", created.id),
            json!({ "slot": created.id, "kind": kind }),
        )?;
        if first {
            self.announce_ready();
        }
        let paper = created.paper.as_ref().map(keystone_protector::Paper::text);
        Ok(json!({ "slot": created.id, "kind": kind, "paper": paper }))
    }
}

/// The slot that the command line asks for.
fn slot_to_make(
    kind: SlotKind,
    passphrase: Option<age::secrecy::SecretString>,
    device: Device,
) -> Result<Create, Refusal> {
    Ok(match (kind, passphrase) {
        (SlotKind::Passphrase, Some(passphrase)) => Create::Passphrase(passphrase),
        (SlotKind::Passphrase, None) => return Err(Refusal::new("a slot for a passphrase needs one")),
        (SlotKind::Paper, _) => Create::Paper,
        (SlotKind::Tpm2, _) => Create::Tpm2 { pcrs: device.pcrs },
        (SlotKind::Pkcs11, Some(pin)) if !device.token.is_empty() && device.module.is_absolute() => {
            Create::Pkcs11 { module: device.module, token: device.token, pin }
        }
        (SlotKind::Pkcs11, _) => {
            return Err(Refusal::new("a token has to be named, and the module that speaks to it")
                .fix("keystone-primer protector add pkcs11 --module /PATH/TO/MODULE.so --token LABEL"));
        }
        (SlotKind::File, _) => {
            return Err(Refusal::new("slots of the kind file are made in labs, by the lab itself")
                .fix("keystone-primer protector add passphrase"));
        }
    })
}
