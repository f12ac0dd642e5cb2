//! The groups that this primer has a share of. The description is public; the share is encrypted to the share identity
//! as soon as it exists, so that it is never on disk in the clear, and no slot has to be opened to receive one.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::group::{Group, Member, Purpose, Share};
use keystone_protector::{ShareIdentity, Slots};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::message::Signed;
use crate::node_key::hex;
use crate::refusal::Refusal;
use crate::store::Store;

const FOLDER: &str = "groups";

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is the root certificate authority.
    Root,
    /// It opens backups.
    Backup,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Root, Self::Backup];

    /// The name in file names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Backup => "backup",
        }
    }
}

/// A member of a group, and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Seat {
    /// The primer.
    pub name: String,
    /// The pin of its node key when the group was made.
    pub pin: String,
}

/// A group, as it lies in the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Record {
    /// What it is for.
    pub kind: Kind,
    /// Which of its kind, from 1.
    pub generation: u32,
    /// Nothing of it is to be trusted.
    pub lab: bool,
    /// Members in the order of their numbers.
    pub seats: Vec<Seat>,
    /// The description, in base64.
    pub group: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// This primer's share, as an armored age file; nothing once it was destroyed.
    pub share: String,
    /// When the share was destroyed, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed: Option<u64>,
    /// Since when the share is this one, if all shares were made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Refreshed>,
}

/// That all shares of a key were made anew.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Refreshed {
    /// When this primer began to use the new one, in seconds since 1970.
    pub at: u64,
    /// Fingerprint of the description before.
    pub before: String,
    /// What every primer signed: that it has its new share on disk. Whoever missed it is shown this.
    pub stored: Vec<Signed>,
}

impl fmt::Debug for Refreshed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshed")
            .field("at", &self.at)
            .field("before", &self.before)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// A new one.
    pub fn new<P: Purpose>(
        kind: Kind,
        generation: u32,
        lab: bool,
        seats: Vec<Seat>,
        group: &Group<P>,
        share: &Share<P>,
        recipient: &str,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            kind,
            generation,
            lab,
            seats,
            group: STANDARD.encode(group.to_bytes()),
            fingerprint: hex(&group.fingerprint()),
            share: encrypt(recipient, &share.to_bytes())?,
            destroyed: None,
            refreshed: None,
        })
    }

    /// Nothing but who may be asked, where there is no group yet.
    #[must_use]
    pub fn of_nobody(seats: Vec<Seat>, lab: bool) -> Self {
        let (group, fingerprint, share) = Default::default();
        Self {
            kind: Kind::Root,
            generation: 0,
            lab,
            seats,
            group,
            fingerprint,
            share,
            destroyed: None,
            refreshed: None,
        }
    }

    /// The name in files and messages.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-G{}", self.kind.as_str(), self.generation)
    }

    /// The description.
    pub fn group<P: Purpose>(&self) -> Result<Group<P>, Refusal> {
        let bytes = STANDARD.decode(&self.group).unwrap_or_default();
        Group::from_bytes(&bytes)
            .map_err(|error| Refusal::new(format!("the group {} cannot be read: {error}", self.name())))
    }

    /// This primer's share, opened.
    pub fn share<P: Purpose>(&self, key: &ShareIdentity) -> Result<Share<P>, Refusal> {
        let failed = |error: &dyn std::fmt::Display| {
            Refusal::new(format!("this primer's share of {} cannot be used: {error}", self.name()))
                .fix("let the other primers repair it")
        };
        if let Some(at) = self.destroyed {
            let message = format!(
                "this primer's share of {} was destroyed at {}",
                self.name(),
                crate::clock::shown(at)
            );
            return Err(Refusal::new(message));
        }
        let bytes = decrypt(key.identity(), &self.share).map_err(|error| failed(&error))?;
        let share = Share::from_bytes(&bytes).map_err(|error| failed(&error))?;
        share.check(&self.group()?).map_err(|error| failed(&error))?;
        Ok(share)
    }

    /// The number of a primer in the group.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Member> {
        let place = self.seats.iter().position(|seat| seat.name == name)?;
        Member::new(u16::try_from(place + 1).ok()?)
    }

    /// Writes it where it is not used yet.
    pub fn save_pending(&self, store: &Store) -> Result<(), Refusal> {
        store.save(&format!("{FOLDER}/{}.pending", self.name()), self)
    }
}

/// The group that is waiting to be used.
pub fn pending(store: &Store, kind: Kind, generation: u32) -> Result<Option<Record>, Refusal> {
    store.load(&format!("{FOLDER}/{}-G{generation}.pending", kind.as_str()))
}

/// Every group that is waiting to be used.
pub fn waiting(store: &Store) -> Result<Vec<Record>, Refusal> {
    let names = store.list(FOLDER)?;
    let waiting = names.iter().filter(|name| name.ends_with(".pending"));
    waiting.filter_map(|name| store.load::<Record>(&format!("{FOLDER}/{name}")).transpose()).collect()
}

/// Uses the group that waits.
pub fn activate(store: &Store, record: &Record) -> Result<(), Refusal> {
    store.save(&format!("{FOLDER}/{}.json", record.name()), record)?;
    store.remove(&format!("{FOLDER}/{}.pending", record.name()))
}

/// Puts a group in the place of itself.
pub fn replace(store: &Store, record: &Record) -> Result<(), Refusal> {
    store.save(&format!("{FOLDER}/{}.json", record.name()), record)
}

/// New shares of a group that are kept beside the one in use, until everybody has one; the last is of the last refresh.
pub fn new_shares(store: &Store, name: &str) -> Result<Vec<Record>, Refusal> {
    Ok(store.load(&format!("{FOLDER}/{name}.refresh"))?.unwrap_or_default())
}

/// Keeps new shares of a group beside the one in use.
pub fn keep_new_shares(store: &Store, name: &str, records: &[Record]) -> Result<(), Refusal> {
    let file = format!("{FOLDER}/{name}.refresh");
    if records.is_empty() { store.remove(&file) } else { store.save(&file, &records) }
}

/// Whether a file of the folder is a group in use, and not one that waits for it.
fn in_use(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "json")
}

/// All groups in use, oldest first.
pub fn all(store: &Store) -> Result<Vec<Record>, Refusal> {
    let mut records: Vec<Record> = Vec::new();
    for name in store.list(FOLDER)?.iter().filter(|name| in_use(name)) {
        records.extend(store.load::<Record>(&format!("{FOLDER}/{name}"))?);
    }
    records.sort_by_key(|record| (record.kind, record.generation));
    Ok(records)
}

/// A group of a kind, by its generation.
pub fn of(store: &Store, kind: Kind, generation: u32) -> Result<Record, Refusal> {
    let found = all(store)?.into_iter().find(|one| one.kind == kind && one.generation == generation);
    found.ok_or_else(|| {
        Refusal::new(format!(
            "this primer has no share of generation {generation} of the {} key",
            kind.as_str()
        ))
        .fix("keystone-primer status")
    })
}

/// A group by its name.
pub fn named(store: &Store, name: &str) -> Result<Option<Record>, Refusal> {
    Ok(all(store)?.into_iter().find(|record| record.name() == name))
}

/// Destroys the share, and keeps what is public.
pub fn destroy(store: &Store, record: &Record, now: u64) -> Result<(), Refusal> {
    let gone = Record { share: String::new(), destroyed: Some(now), ..record.clone() };
    store.save(&format!("{FOLDER}/{}.json", gone.name()), &gone)?;
    keep_new_shares(store, &gone.name(), &[])
}

/// The present group of a kind.
pub fn present(store: &Store, kind: Kind) -> Result<Option<Record>, Refusal> {
    Ok(all(store)?.into_iter().rfind(|record| record.kind == kind))
}

/// The present group of a kind, or that there is none yet.
pub fn needed(store: &Store, kind: Kind) -> Result<Record, Refusal> {
    present(store, kind)?.ok_or_else(|| {
        Refusal::new(format!(
            "there is no {} key yet; it is made when all declared primers have joined",
            kind.as_str()
        ))
        .fix("keystone-primer status")
    })
}

/// Fingerprints by name.
pub fn fingerprints(store: &Store) -> Result<BTreeMap<String, String>, Refusal> {
    let all = all(store)?;
    let kept = all.iter().filter(|record| record.destroyed.is_none());
    Ok(kept.map(|record| (record.name(), record.fingerprint.clone())).collect())
}

/// The recipient to which new shares are encrypted.
pub fn recipient(slots: Option<&Slots>) -> Result<String, Refusal> {
    slots.map(|slots| slots.recipient().to_owned()).ok_or_else(|| {
        Refusal::new("nothing protects this primer's shares yet")
            .fix("keystone-primer protector add passphrase")
    })
}

/// Encrypts to one recipient.
pub fn encrypt(recipient: &str, bytes: &[u8]) -> Result<String, Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::new(format!("cannot encrypt: {error}"));
    let recipient: age::x25519::Recipient = recipient.parse().map_err(|error| failed(&error))?;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|error| failed(&error))?;
    let mut sealed = Vec::new();
    age::armor::ArmoredWriter::wrap_output(&mut sealed, age::armor::Format::AsciiArmor)
        .and_then(|armor| {
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(bytes)?;
            writer.finish()?.finish()
        })
        .map_err(|error| failed(&error))?;
    String::from_utf8(sealed).map_err(|error| failed(&error))
}

/// Decrypts what [`encrypt`] encrypted.
pub fn decrypt(identity: &age::x25519::Identity, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let failed = |error: &dyn std::fmt::Display| Refusal::new(format!("it does not decrypt: {error}"));
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    age::Decryptor::new(age::armor::ArmoredReader::new(sealed.as_bytes()))
        .and_then(|decryptor| decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)))
        .map_err(|error| failed(&error))?
        .take(1 << 16)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// The recipient to whom backups are encrypted.
pub fn backup_recipient(store: &Store) -> Result<String, Refusal> {
    Ok(keystone_pki::decryption::recipient(&needed(store, Kind::Backup)?.group()?))
}
