//! What every command begins and ends with: reading the tree, and changing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread;

use keystone_model::Cluster;
use keystone_model::replacement::Replacements;
use serde::Serialize;

use crate::clock;
use crate::commitments::{COMMITMENTS, Commitments};
use crate::error::Error;
use crate::identity::{Ask, Keyring};
use crate::inventory;
use crate::journal::{self, Change};
use crate::lock::{Entry, LOCK, Lock, SIGNATURE};
use crate::memory::{NOT_LOCKED, Plain, locked_all};
use crate::replace;
use crate::rules::{Rules, Source};
use crate::seal::{open, seal};
use crate::signature::{Signer, Standing, judge};
use crate::signers::Signers;
use crate::tree::{Tree, sha256};

/// What the command line says about all commands.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Folder of secrets.nix.
    pub root: PathBuf,
    /// The inventory, relative to it.
    pub inventory: PathBuf,
    /// Files of identities.
    pub identities: Vec<PathBuf>,
    /// SSH key that signs the lock.
    pub sign_key: Option<PathBuf>,
    /// Where rules come from.
    pub rules: Source,
    /// Fail where memory cannot be locked.
    pub require_mlock: bool,
    /// Change nothing.
    pub dry_run: bool,
}

/// A file that was written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Its path.
    pub path: String,
    /// Generation of its value.
    pub generation: u64,
    /// Number of its recipients.
    pub recipients: usize,
    /// Whether its value is another one than before.
    pub new_value: bool,
}

/// What a command did.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether everything is well.
    pub ok: bool,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Files that were written.
    pub written: Vec<Written>,
    /// Files that were right, and stayed byte for byte.
    pub kept: usize,
    /// Files that are somebody else's business.
    pub passed_over: Vec<String>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// What comes next.
    pub next: Vec<String>,
}

/// A value that is going to be written.
pub struct Planned {
    /// The file as it is.
    pub old: Option<Vec<u8>>,
    /// The value.
    pub plain: Plain,
    /// Whether it is another one than before.
    pub new_value: bool,
    /// Whether those who could read the value before know nothing of this one.
    pub forgets_readers: bool,
    /// How far a rotation in several steps is.
    pub stage: Option<String>,
}

/// Changes that are not made yet.
#[derive(Default)]
pub struct Draft {
    /// Secrets, by path.
    pub values: BTreeMap<String, Planned>,
    /// Entries of the lock for files that stay as they are.
    pub entries: BTreeMap<String, Entry>,
    /// Values of files that stay as they are, to be committed to.
    pub noted: BTreeMap<String, Plain>,
    /// Further keys that could read a value, by path.
    pub readers: BTreeMap<String, BTreeSet<String>>,
    /// Files that the lock forgets.
    pub forgotten: Vec<String>,
    /// Other files.
    pub others: Vec<Change>,
    /// Intermediates that have to be others.
    pub replace: Replacements,
    /// Whether the lock is signed even if it stays as it is.
    pub sign: bool,
    /// Rules that hold after the change, where it changes the inventory too.
    pub rules: Option<Rules>,
}

/// A tree that is worked on.
pub struct Work<'a> {
    /// The settings.
    pub settings: Settings,
    /// Where the files lie.
    pub tree: Tree,
    /// The inventory.
    pub cluster: Cluster,
    /// Who opens what.
    pub rules: Rules,
    /// The lock.
    pub lock: Option<Lock>,
    /// What its signature is worth.
    pub standing: Standing,
    /// Who may sign.
    pub signers: Signers,
    /// Who is at the terminal.
    pub ask: &'a dyn Ask,
}

impl<'a> Work<'a> {
    /// Reads everything that needs no private key.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn begin(settings: Settings, ask: &'a dyn Ask) -> Result<Self, Error> {
        let tree = Tree::at(&settings.root, &settings.inventory)?;
        let cluster = inventory::of(&tree)?;
        let rules = Rules::read(&tree, &cluster, settings.rules)?;
        let (lock, bytes) =
            Lock::read(&tree)?.map_or((None, Vec::new()), |(lock, bytes)| (Some(lock), bytes));
        let signature = tree.read(SIGNATURE)?;
        let (signers, standing) = if lock.is_some() {
            let signers = Signers::for_lock(&tree, &cluster)?;
            let standing = judge(&bytes, signature.as_deref(), &signers);
            (signers, standing)
        } else {
            (Signers::of(&cluster, "this tree's own inventory"), Standing::Unauthenticated)
        };
        Ok(Self { settings, tree, cluster, rules, lock, standing, signers, ask })
    }

    /// Refuses to build on what is not to be trusted, or is not finished.
    ///
    /// # Errors
    /// When a change was interrupted, or the lock's signature is none.
    pub fn sound(&self) -> Result<(), Error> {
        if journal::unfinished(&self.tree) {
            return Err(Error::Unfinished);
        }
        match &self.standing {
            Standing::Unauthenticated | Standing::Signed { .. } => Ok(()),
            Standing::NotAllowed { key } => {
                Err(Error::Distrusted(format!("`{key}` signed it, which may not, by {}", self.signers.basis)))
            }
            Standing::Wrong(reason) => Err(Error::Distrusted(format!("its signature is wrong: {reason}"))),
        }
    }

    /// Reads the caller's identities.
    ///
    /// # Errors
    /// When one cannot be read, or there is none.
    pub fn keyring(&self) -> Result<Keyring, Error> {
        Keyring::read(&self.settings.identities, self.ask)
    }

    /// Decrypts, each as far as it opens.
    ///
    /// # Errors
    /// When a plugin fails, or memory has to be locked and cannot.
    pub fn open_all(
        &self,
        keyring: &mut Keyring,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, Result<Plain, String>>, Error> {
        keyring.prepare(files.values().map(Vec::as_slice), self.ask)?;
        let keyring: &Keyring = keyring;
        let lock = self.settings.require_mlock;
        let all: Vec<(&String, &Vec<u8>)> = files.iter().collect();
        in_parallel(&all, |(path, bytes)| Ok(((*path).clone(), open(bytes, keyring, lock)?)))
            .map(|all| all.into_iter().collect())
    }

    /// Decrypts what is going to be changed, and lets plugins open in the same run what notes the values.
    ///
    /// # Errors
    /// As [`Work::open_all`].
    pub fn open_to_change(
        &self,
        keyring: &mut Keyring,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, Result<Plain, String>>, Error> {
        if keyring.has_plugins() {
            let commitments = self.tree.read(COMMITMENTS)?;
            let all = files.values().chain(&commitments).map(Vec::as_slice);
            keyring.prepare(all, self.ask)?;
        }
        self.open_all(keyring, files)
    }

    /// What was noted about values; nothing where there is no such file, or it is not the one that the lock knows.
    ///
    /// # Errors
    /// When the file is there and does not open.
    pub fn commitments(&self, keyring: &mut Keyring) -> Result<Option<Commitments>, Error> {
        let Some(bytes) = self.tree.read(COMMITMENTS)? else { return Ok(None) };
        keyring.prepare(std::iter::once(bytes.as_slice()), self.ask)?;
        match open(&bytes, keyring, self.settings.require_mlock)? {
            Ok(plain) => {
                // Anybody can encrypt a file to us, so a file that opens is not one of ours yet.
                let noted = self.lock.as_ref().and_then(|lock| lock.commitments.as_ref());
                if self.lock.is_some() && noted != Some(&sha256(plain.bytes())) {
                    return Ok(None);
                }
                Commitments::read(&plain).map(Some)
            }
            Err(reason) => Err(Error::Undecryptable(vec![(COMMITMENTS.to_owned(), reason)])),
        }
    }

    /// Who the caller is, by the keys that they have.
    #[must_use]
    pub fn caller(&self, keyring: &Keyring, signer: Option<&Signer>) -> String {
        let owners = inventory::owners(&self.cluster);
        let mut key =
            signer.map(Signer::public).into_iter().chain(keyring.public().iter().map(String::as_str));
        key.find_map(|key| owners.get(key)).cloned().unwrap_or_else(|| "unknown".to_owned())
    }

    /// Encrypts what the draft holds, opens it again, notes all of it in the lock, and makes every change or none.
    ///
    /// # Errors
    /// When anything of that is not possible; then nothing was changed.
    pub fn finish(
        &self,
        mut draft: Draft,
        keyring: &mut Keyring,
        mut outcome: Outcome,
    ) -> Result<Outcome, Error> {
        outcome.dry_run = self.settings.dry_run;
        outcome.ok = true;
        let rules = draft.rules.take().unwrap_or_else(|| self.rules.clone());
        let signer = self.signer()?;
        let who = self.caller(keyring, signer.as_ref());
        let mut lock = self.lock.clone().unwrap_or_default();
        if !draft.values.is_empty() || !draft.entries.is_empty() || !draft.forgotten.is_empty() {
            self.note_values(&mut draft, keyring, &rules, &mut lock)?;
        }
        for path in draft.values.keys() {
            let rule = rules.guarded(path)?;
            if !keyring.has_plugins() && !keyring.is_among(&rule.public_keys) {
                return Err(Error::NotForCaller { path: path.clone() });
            }
        }
        let planned: Vec<(&String, &Planned)> = draft.values.iter().collect();
        let sealed = in_parallel(&planned, |(path, planned)| {
            let rule = rules.guarded(path)?;
            seal(path, &planned.plain, &rule.public_keys, rule.armor)
        })?;
        self.open_again(&planned, &sealed, keyring)?;
        let time = clock::now();
        let mut changes = Vec::new();
        for ((path, planned), sealed) in planned.iter().zip(sealed) {
            let recipients: BTreeSet<String> = rules.guarded(path)?.public_keys.iter().cloned().collect();
            let before = lock.files.get(*path);
            let generation = before.map_or(1, |before| before.generation + u64::from(planned.new_value));
            let mut readers = recipients.clone();
            if !planned.forgets_readers {
                readers.extend(before.iter().flat_map(|before| before.readers.iter().cloned()));
                readers.extend(draft.readers.get(*path).into_iter().flatten().cloned());
            }
            if **path != COMMITMENTS {
                let written = Written {
                    path: (*path).clone(),
                    generation,
                    recipients: recipients.len(),
                    new_value: planned.new_value,
                };
                outcome.written.push(written);
            }
            let stage = planned.stage.clone();
            let entry = Entry {
                sha256: sha256(&sealed),
                recipients,
                readers,
                generation,
                time: time.clone(),
                who: who.clone(),
                stage,
            };
            lock.files.insert((*path).clone(), entry);
            changes.push(Change { path: (*path).clone(), old: planned.old.clone(), new: Some(sealed) });
        }
        for (path, entry) in &draft.entries {
            lock.files.insert(path.clone(), Entry { time: time.clone(), who: who.clone(), ..entry.clone() });
        }
        for path in &draft.forgotten {
            lock.files.remove(path);
        }
        changes.append(&mut draft.others);
        for change in &changes {
            if change.new.is_none() {
                lock.files.remove(&change.path);
            }
        }
        replace::note(&self.tree, &mut lock.replace, draft.replace)?;
        if lock != self.lock.clone().unwrap_or_default() || draft.sign {
            self.add_lock(&lock, signer.as_ref(), &mut changes, &mut outcome)?;
        }
        if !locked_all() {
            outcome.notes.push(NOT_LOCKED.to_owned());
        }
        if !self.settings.dry_run && !changes.is_empty() {
            journal::commit(&self.tree, &changes)?;
        }
        Ok(outcome)
    }

    fn add_lock(
        &self,
        lock: &Lock,
        signer: Option<&Signer>,
        changes: &mut Vec<Change>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let text = lock.text()?;
        let old = self.tree.read(SIGNATURE)?;
        // A touch of a security key for nothing is one too many.
        let signature = match signer {
            Some(signer) if !self.settings.dry_run => Some(signer.sign(&text)?),
            Some(_) => None,
            None => {
                outcome.notes.push(
                    "warning: the lock is not signed, so nobody vouches for it; name an SSH key with `--sign-key FILE`".to_owned(),
                );
                None
            }
        };
        changes.push(Change { path: LOCK.to_owned(), old: self.tree.read(LOCK)?, new: Some(text) });
        if old.is_some() || signature.is_some() {
            changes.push(Change { path: SIGNATURE.to_owned(), old, new: signature });
        }
        Ok(())
    }

    /// The key that signs: the one that was named, or the usual one where it may.
    fn signer(&self) -> Result<Option<Signer>, Error> {
        // What is written now is signed under the last commit, whatever the lock was signed under.
        let signers = Signers::now(&self.tree, &self.cluster)?;
        if let Some(file) = &self.settings.sign_key {
            let signer = Signer::read(file)?;
            if signers.name(signer.public()).is_none() {
                let reason = format!("it is no key of an admin or a primer, by {}", signers.basis);
                return Err(Error::Sign { path: file.clone(), reason });
            }
            return Ok(Some(signer));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let usual = home.join(".ssh/id_ed25519");
        let signer = if usual.is_file() { Signer::read(&usual).ok() } else { None };
        Ok(signer.filter(|signer| signers.name(signer.public()).is_some()))
    }

    /// Whoever can open the commitments sees next time which values are others.
    fn note_values(
        &self,
        draft: &mut Draft,
        keyring: &mut Keyring,
        rules: &Rules,
        lock: &mut Lock,
    ) -> Result<(), Error> {
        draft.values.remove(COMMITMENTS);
        let Some(rule) = rules.get(COMMITMENTS) else { return Ok(()) };
        let old = self.tree.read(COMMITMENTS)?;
        // A value of somebody who is not among those who open the commitments is theirs alone.
        if !keyring.has_plugins() && !keyring.is_among(&rule.public_keys) {
            return Ok(());
        }
        let recipients: BTreeSet<String> = rule.public_keys.iter().cloned().collect();
        let entry = self.lock.as_ref().and_then(|lock| lock.files.get(COMMITMENTS));
        let left = entry.is_some_and(|entry| !entry.readers.is_subset(&recipients));
        let old_ones = self.commitments(keyring)?;
        let fresh = old_ones.is_none() || left;
        let mut commitments = match old_ones {
            Some(commitments) if !left => commitments,
            _ => Commitments::fresh()?,
        };
        for (path, planned) in &draft.values {
            commitments.note(path, &planned.plain)?;
        }
        for (path, plain) in &draft.noted {
            commitments.note(path, plain)?;
        }
        for path in &draft.forgotten {
            commitments.forget(path);
        }
        let plain = commitments.plain(self.settings.require_mlock)?;
        lock.commitments = Some(sha256(plain.bytes()));
        let planned = Planned { old, plain, new_value: true, forgets_readers: fresh, stage: None };
        draft.values.insert(COMMITMENTS.to_owned(), planned);
        Ok(())
    }

    /// What was encrypted opens, and holds what it should.
    fn open_again(
        &self,
        planned: &[(&String, &Planned)],
        sealed: &[Vec<u8>],
        keyring: &mut Keyring,
    ) -> Result<(), Error> {
        if self.settings.dry_run && keyring.has_plugins() {
            return Ok(());
        }
        let files: BTreeMap<String, Vec<u8>> =
            planned.iter().zip(sealed).map(|((path, _), sealed)| ((*path).clone(), sealed.clone())).collect();
        let opened = self.open_all(keyring, &files)?;
        for (path, planned) in planned {
            let failed = |reason: String| Error::NotReopened { path: (*path).clone(), reason };
            match opened.get(*path) {
                Some(Ok(plain)) if *plain == planned.plain => {}
                Some(Ok(_)) => return Err(failed("it holds something else".to_owned())),
                Some(Err(reason)) => return Err(failed(reason.clone())),
                None => return Err(failed("it was not tried".to_owned())),
            }
        }
        Ok(())
    }
}

/// The same for each, on every core, in order.
fn in_parallel<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = all
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<R>, Error>>()))
            .collect();
        let mut done = Vec::with_capacity(all.len());
        for thread in threads {
            done.extend(thread.join().unwrap_or(Err(Error::Random))?);
        }
        Ok(done)
    })
}
