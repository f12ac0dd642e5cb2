//! The slots of one key, and the rules by which they come and go.

use std::path::PathBuf;

use age::secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::device;
use crate::error::ProtectorError;
use crate::file;
use crate::identity::ShareIdentity;
use crate::paper::Paper;
use crate::sealed::{open, seal};
use crate::slot::{Method, Slot, SlotKind};

/// What is not worth guessing: six words drawn by dice have more.
const SHORTEST_PASSPHRASE: usize = 16;
/// 2^18 rounds of scrypt are about a second; files that ask for 2^22 are refused instead of computed for minutes.
const WORK_FACTOR: u8 = 18;
const WORK_FACTOR_OF_LABS: u8 = 10;
const GREATEST_WORK_FACTOR: u8 = 22;

/// Whether something is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// Yes.
    Production,
    /// No: a lab may keep keys in files, and lose its recovery slots.
    Lab,
}

/// The slots of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slots {
    version: u32,
    setting: Setting,
    /// The public half of the key.
    recipient: String,
    next: u32,
    #[serde(rename = "slots")]
    list: Vec<Slot>,
}

/// A slot to make.
pub enum Create {
    /// With a passphrase.
    Passphrase(SecretString),
    /// With a sheet of paper that is made with it.
    Paper,
    /// With a key in a new file.
    File(PathBuf),
    /// With a key that the machine's TPM gives back while these registers are as they are now.
    Tpm2 {
        /// Registers of the SHA-256 bank.
        pcrs: Vec<u8>,
    },
    /// With a key that a token decrypts.
    Pkcs11 {
        /// The module that speaks to the token.
        module: PathBuf,
        /// Label of the token.
        token: String,
        /// PIN of the token.
        pin: SecretString,
    },
}

/// What opens a slot.
pub enum Unlock {
    /// A passphrase.
    Passphrase(SecretString),
    /// A sheet.
    Paper(Paper),
    /// The file that the slot names.
    File,
    /// The machine's TPM.
    Tpm2,
    /// The token that the slot names, by its PIN.
    Pkcs11(SecretString),
}

impl Unlock {
    /// The kind of slots that it opens.
    #[must_use]
    pub const fn kind(&self) -> SlotKind {
        match self {
            Self::Passphrase(_) => SlotKind::Passphrase,
            Self::Paper(_) => SlotKind::Paper,
            Self::File => SlotKind::File,
            Self::Tpm2 => SlotKind::Tpm2,
            Self::Pkcs11(_) => SlotKind::Pkcs11,
        }
    }
}

/// A slot that was made.
pub struct Created {
    /// Its number.
    pub id: u32,
    /// The sheet to print, of a slot for paper. It is nowhere else.
    pub paper: Option<Paper>,
}

impl Slots {
    /// No slot yet. The key is lost unless one is added.
    #[must_use]
    pub fn new(key: &ShareIdentity, setting: Setting) -> Self {
        Self { version: 1, setting, recipient: key.recipient(), next: 1, list: Vec::new() }
    }

    /// Reads the list.
    ///
    /// # Errors
    /// When it is none, or of a later version.
    pub fn from_json(text: &str) -> Result<Self, ProtectorError> {
        let slots: Self =
            serde_json::from_str(text).map_err(|error| ProtectorError::Unreadable(error.to_string()))?;
        if slots.version != 1 {
            let reason = format!("it is of version {}, and this program knows 1", slots.version);
            return Err(ProtectorError::Unreadable(reason));
        }
        Ok(slots)
    }

    /// Writes the list, of which nothing is secret.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub fn to_json(&self) -> Result<String, ProtectorError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| ProtectorError::Unreadable(error.to_string()))
    }

    /// The public half of the key: shares are encrypted to it.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Whether something is at stake.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        self.setting
    }

    /// Every slot, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Slot] {
        &self.list
    }

    /// Makes a slot.
    ///
    /// # Errors
    /// When the key is not the one of the other slots, or the slot cannot be made.
    pub fn add(
        &mut self,
        key: &ShareIdentity,
        create: &Create,
        label: &str,
        recovery: bool,
        now: u64,
    ) -> Result<Created, ProtectorError> {
        let id = self.next;
        if key.recipient() != self.recipient {
            return Err(ProtectorError::OtherKey { id });
        }
        let text = key.text();
        let (method, sealed, paper) = match create {
            Create::Passphrase(passphrase) => {
                let length = passphrase.expose_secret().chars().count();
                if length < SHORTEST_PASSPHRASE && self.setting == Setting::Production {
                    return Err(ProtectorError::WeakPassphrase { length, least: SHORTEST_PASSPHRASE });
                }
                let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(match self.setting {
                    Setting::Production => WORK_FACTOR,
                    Setting::Lab => WORK_FACTOR_OF_LABS,
                });
                (Method::Passphrase, seal(&recipient, text.expose_secret())?, None)
            }
            Create::Paper => {
                let sheet = ShareIdentity::generate();
                let recipient = sheet.recipient();
                let paper = Paper::of(&sheet, &recipient)?;
                let sealed = seal(&sheet.identity().to_public(), text.expose_secret())?;
                (Method::Paper { recipient }, sealed, Some(paper))
            }
            Create::File(path) => {
                if self.setting == Setting::Production {
                    return Err(ProtectorError::LabOnly);
                }
                let file = file::create(path)?;
                let sealed = seal(&file.identity().to_public(), text.expose_secret())?;
                (Method::File { path: path.clone() }, sealed, None)
            }
            Create::Tpm2 { pcrs } => {
                let (method, held) = device::tpm2(pcrs)?;
                (method, seal(&held.identity().to_public(), text.expose_secret())?, None)
            }
            Create::Pkcs11 { module, token, pin } => {
                // One for each slot, so that a slot that is removed takes its key's meaning with it.
                let label = format!("keystone-{id}-{}", &self.recipient[self.recipient.len() - 8..]);
                let (method, held) = device::pkcs11(module, token, pin, &label)?;
                (method, seal(&held.identity().to_public(), text.expose_secret())?, None)
            }
        };
        self.list.push(Slot {
            id,
            label: label.to_owned(),
            recovery,
            created: now,
            tested: None,
            method,
            sealed,
        });
        self.next += 1;
        Ok(Created { id, paper })
    }

    /// Opens the key: by the slot of that number, or by the first one that fits.
    ///
    /// # Errors
    /// When no slot opens.
    pub fn open(&self, id: Option<u32>, unlock: &Unlock) -> Result<ShareIdentity, ProtectorError> {
        self.open_slot(id, unlock).map(|(_, key)| key)
    }

    /// Opens a slot and notes that it does.
    ///
    /// # Errors
    /// When it does not open.
    pub fn test(&mut self, id: Option<u32>, unlock: &Unlock, now: u64) -> Result<u32, ProtectorError> {
        let (opened, _) = self.open_slot(id, unlock)?;
        for slot in &mut self.list {
            if slot.id == opened {
                slot.tested = Some(now);
            }
        }
        Ok(opened)
    }

    /// Binds a slot to the state that the machine is in now. The key comes from another slot, as this one does not open any
    /// more.
    ///
    /// # Errors
    /// When the slot is not bound to a state, or the device refuses.
    pub fn reseal(&mut self, id: u32, key: &ShareIdentity, now: u64) -> Result<(), ProtectorError> {
        let at = self.position(id)?;
        if key.recipient() != self.recipient {
            return Err(ProtectorError::OtherKey { id });
        }
        let Method::Tpm2 { pcrs, .. } = &self.list[at].method else {
            return Err(ProtectorError::NothingToReseal { id, kind: self.list[at].kind() });
        };
        let (method, held) = device::tpm2(&pcrs.clone())?;
        let sealed = seal(&held.identity().to_public(), key.text().expose_secret())?;
        let slot = &mut self.list[at];
        (slot.method, slot.sealed, slot.tested) = (method, sealed, None);
        // What does not open is not kept.
        self.test(Some(id), &Unlock::Tpm2, now).map(drop)
    }

    /// Takes a slot out.
    ///
    /// # Errors
    /// When nobody could open the key any more, or, outside a lab, only this machine could.
    pub fn remove(&mut self, id: u32) -> Result<Slot, ProtectorError> {
        let at = self.position(id)?;
        if self.list.len() == 1 {
            return Err(ProtectorError::LastSlot { id });
        }
        let recoveries = self.list.iter().filter(|slot| slot.recovery).count();
        if self.list[at].recovery && recoveries == 1 && self.setting == Setting::Production {
            return Err(ProtectorError::LastRecovery { id });
        }
        Ok(self.list.remove(at))
    }

    /// Why the primer should not be left alone yet, if so: it needs two slots, one of them a recovery slot that was
    /// seen to open.
    #[must_use]
    pub fn wanting(&self) -> Vec<String> {
        let mut wanting = Vec::new();
        if self.list.len() < 2 {
            wanting.push(
                "it has one slot; add another: keystone-primer protector add paper --recovery".to_owned(),
            );
        } else if !self.list.iter().any(|slot| slot.recovery) {
            wanting
                .push("it has no recovery slot: keystone-primer protector add paper --recovery".to_owned());
        }
        let untested = self.list.iter().filter(|slot| slot.recovery && slot.tested.is_none());
        wanting.extend(untested.map(|slot| {
            format!("recovery slot {id} was never tested: keystone-primer protector test {id}", id = slot.id)
        }));
        wanting
    }

    fn position(&self, id: u32) -> Result<usize, ProtectorError> {
        self.list
            .iter()
            .position(|slot| slot.id == id)
            .ok_or_else(|| ProtectorError::NoSlot { id, there: self.there() })
    }

    fn there(&self) -> String {
        let slots: Vec<String> =
            self.list.iter().map(|slot| format!("{} ({})", slot.id, slot.kind())).collect();
        if slots.is_empty() { "none".to_owned() } else { slots.join(", ") }
    }

    fn open_slot(&self, id: Option<u32>, unlock: &Unlock) -> Result<(u32, ShareIdentity), ProtectorError> {
        if let Some(id) = id {
            let slot = &self.list[self.position(id)?];
            if slot.kind() != unlock.kind() {
                return Err(ProtectorError::WrongKind { id, expected: slot.kind(), given: unlock.kind() });
            }
            return self.try_open(slot, unlock).map(|key| (id, key));
        }
        let mut failed = None;
        for slot in self.list.iter().filter(|slot| slot.kind() == unlock.kind()) {
            match self.try_open(slot, unlock) {
                Ok(key) => return Ok((slot.id, key)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed
            .unwrap_or_else(|| ProtectorError::NoSlotOfKind { kind: unlock.kind(), there: self.there() }))
    }

    fn try_open(&self, slot: &Slot, unlock: &Unlock) -> Result<ShareIdentity, ProtectorError> {
        let id = slot.id;
        let closed = |reason: String| ProtectorError::Closed { id, reason };
        let text = match (&slot.method, unlock) {
            (Method::Passphrase, Unlock::Passphrase(passphrase)) => {
                let mut identity = age::scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(GREATEST_WORK_FACTOR);
                open(&identity, &slot.sealed)
                    .map_err(|_| closed("the passphrase is not the slot's".to_owned()))?
            }
            (Method::Paper { recipient }, Unlock::Paper(paper)) => {
                let sheet = paper.key(recipient)?;
                open(sheet.identity(), &slot.sealed).map_err(closed)?
            }
            (Method::File { path }, Unlock::File) => {
                let file = file::read(path)?;
                open(file.identity(), &slot.sealed).map_err(closed)?
            }
            (Method::Tpm2 { public, private, pcrs }, Unlock::Tpm2) => {
                let held = device::by_tpm2(public, private, pcrs)?;
                open(held.identity(), &slot.sealed).map_err(closed)?
            }
            (Method::Pkcs11 { module, token, key, wrapped }, Unlock::Pkcs11(pin)) => {
                let held = device::by_pkcs11(module, token, key, wrapped, pin)?;
                open(held.identity(), &slot.sealed).map_err(closed)?
            }
            _ => {
                return Err(ProtectorError::WrongKind { id, expected: slot.kind(), given: unlock.kind() });
            }
        };
        let key = ShareIdentity::parse(&text).ok_or_else(|| closed("it holds no key".to_owned()))?;
        if key.recipient() == self.recipient { Ok(key) } else { Err(ProtectorError::OtherKey { id }) }
    }
}
