//! Rules, lock and files compared, without any private key.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::commitments::COMMITMENTS;
use crate::error::Error;
use crate::generate::ROTATE;
use crate::header;
use crate::inventory;
use crate::journal;
use crate::lock::Entry;
use crate::rekey::short;
use crate::replace::{self, State};
use crate::signature::Standing;
use crate::tree::{name_of, sha256};
use crate::work::Work;

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A change was interrupted.
    Unfinished,
    /// There is no lock.
    NoLock,
    /// Nobody vouches for the lock.
    Unauthenticated,
    /// Somebody signed who may not, or it is no signature over this lock.
    Distrusted,
    /// The lock knows a file that is not there.
    Missing,
    /// A file, or an entry of the lock, that no rule names.
    Extra,
    /// It is encrypted to others than the rules say.
    Stale,
    /// The lock knows another file.
    ChangedOutside,
    /// It shows other recipients than its writer claims.
    NotAsClaimed,
    /// Somebody could read the value who may not any more.
    NotRotated,
    /// A rotation is between two of its steps.
    InRotation,
    /// An intermediate is believed whose key somebody may know.
    NotReplaced,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind it is of.
    pub kind: Kind,
    /// The file, if it is one.
    pub path: Option<String>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// Number of files that were looked at.
    pub files: usize,
    /// Who signed the lock, if somebody did who may.
    pub signed_by: Option<String>,
    /// Where those who may sign were read.
    pub basis: String,
    /// Number of files of which no more than the number of recipients could be checked.
    pub claimed: usize,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

/// Compares. Without `require_signed` an unsigned lock is a finding that fails nothing.
///
/// # Errors
/// When something cannot be read.
pub fn verify(work: &Work<'_>, require_signed: bool) -> Result<Verdict, Error> {
    let mut looking = Looking { work, findings: Vec::new(), claimed: 0 };
    if journal::unfinished(&work.tree) {
        looking.add(
            Kind::Unfinished,
            None,
            "an earlier change was interrupted",
            "keystone-cluster secrets resume",
        );
    }
    let signed_by = looking.at_the_lock();
    looking.at_intermediates()?;
    let files = work.tree.files()?;
    let lock = work.lock.clone().unwrap_or_default();
    let all: BTreeSet<&String> = files.iter().chain(lock.files.keys()).collect();
    for path in all {
        looking.at_a_file(path, lock.files.get(path))?;
    }
    let Looking { findings, claimed, .. } = looking;
    let fails = |finding: &Finding| finding.kind != Kind::Unauthenticated || require_signed;
    Ok(Verdict {
        ok: !findings.iter().any(fails),
        files: files.len(),
        signed_by,
        basis: work.signers.basis.clone(),
        claimed,
        findings,
    })
}

struct Looking<'a> {
    work: &'a Work<'a>,
    findings: Vec<Finding>,
    claimed: usize,
}

impl Looking<'_> {
    fn add(&mut self, kind: Kind, path: Option<&str>, message: &str, fix: &str) {
        let (message, fix) = (message.to_owned(), fix.to_owned());
        self.findings.push(Finding { kind, path: path.map(str::to_owned), message, fix });
    }

    /// Who signed, if they may.
    fn at_the_lock(&mut self) -> Option<String> {
        let basis = &self.work.signers.basis;
        match (&self.work.lock, &self.work.standing) {
            (None, _) => self.add(
                Kind::NoLock,
                None,
                "there is no secrets/lock.json, so nobody can tell what the files are",
                "keystone-cluster secrets adopt",
            ),
            (Some(_), Standing::Signed { by }) => return Some(by.clone()),
            (Some(_), Standing::Unauthenticated) => self.add(
                Kind::Unauthenticated,
                None,
                "the lock is not signed: unauthenticated",
                "keystone-cluster secrets adopt --sign-key FILE",
            ),
            (Some(_), Standing::NotAllowed { key }) => self.add(
                Kind::Distrusted,
                None,
                &format!("`{key}` signed the lock, which may not, by {basis}"),
                "let an admin of that inventory sign",
            ),
            (Some(_), Standing::Wrong(reason)) => self.add(
                Kind::Distrusted,
                None,
                &format!("the lock's signature is wrong: {reason}"),
                "git checkout -- secrets/lock.json secrets/lock.json.sig",
            ),
        }
        None
    }

    fn at_intermediates(&mut self) -> Result<(), Error> {
        let Some(lock) = &self.work.lock else { return Ok(()) };
        for (authority, replacement) in &lock.replace {
            let (name, reason) = (authority.as_str(), replacement.reason());
            let (what, fix) = match replace::state(&self.work.tree, *authority, replacement)? {
                State::Issues => (
                    "issues",
                    format!(
                        "{ROTATE} --only {name} --overlap-days 0 on a node of the control plane, or keystone-primer \
                         generate-credentials on a primer, where a quorum approves"
                    ),
                ),
                State::Ahead => (
                    "was signed in advance",
                    "keystone-primer generate-credentials on a primer, where a quorum approves".to_owned(),
                ),
                State::Believed => (
                    "is still believed",
                    format!("deploy every machine, then {ROTATE} --only {name} --finish"),
                ),
                State::Gone => continue,
            };
            let message = format!(
                "an intermediate of {name} {what} whose key may be known ({reason}): whoever has it makes certificates"
            );
            self.add(
                Kind::NotReplaced,
                None,
                &message,
                &format!("{fix}; then keystone-cluster secrets adopt"),
            );
        }
        Ok(())
    }

    fn at_a_file(&mut self, path: &str, entry: Option<&Entry>) -> Result<(), Error> {
        if self.work.rules.get(path).is_none() {
            self.add(
                Kind::Extra,
                Some(path),
                "no rule names it",
                "name it in secrets.nix, or remove it and `keystone-cluster secrets adopt`",
            );
        }
        let Some(bytes) = self.work.tree.read(path)? else {
            self.add(
                Kind::Missing,
                Some(path),
                "the lock knows it, and it is not there",
                "put it back with `git checkout`, or `keystone-cluster secrets adopt`",
            );
            return Ok(());
        };
        let message = match entry {
            None if self.work.lock.is_none() => return Ok(()),
            None => "it came from outside: the lock does not know it",
            Some(entry) if entry.sha256 != sha256(&bytes) => {
                "changed outside: the lock knows another file, which agenix or somebody else replaced"
            }
            Some(entry) => {
                self.at_recipients(path, entry, &bytes);
                self.at_a_value(path, entry);
                return Ok(());
            }
        };
        self.add(Kind::ChangedOutside, Some(path), message, "keystone-cluster secrets adopt");
        Ok(())
    }

    fn at_recipients(&mut self, path: &str, entry: &Entry, bytes: &[u8]) {
        let recipients: Vec<String> = entry.recipients.iter().cloned().collect();
        let expected = header::expected(&recipients);
        if expected.contains(&header::Shown::X25519) {
            self.claimed += 1;
        }
        if !recipients.is_empty() && header::shown(bytes) != Some(expected) {
            self.add(
                Kind::NotAsClaimed,
                Some(path),
                &format!(
                    "whoever wrote it claims {} recipients, and its header shows others",
                    recipients.len()
                ),
                "keystone-cluster secrets rekey --all",
            );
        }
        let Some(rule) = self.work.rules.get(path) else { return };
        let wanted: BTreeSet<String> = rule.public_keys.iter().cloned().collect();
        if wanted != entry.recipients {
            let message = difference(self.work, &wanted, &entry.recipients);
            self.add(Kind::Stale, Some(path), &message, "keystone-cluster secrets rekey");
        }
        let gone = entry.readers.iter().filter(|key| !wanted.contains(*key));
        let gone: BTreeSet<String> = gone.map(|key| called(self.work, key)).collect();
        if !gone.is_empty() && path != COMMITMENTS {
            self.add(
                Kind::NotRotated,
                Some(path),
                &format!("its value was never rotated since {} could read it", list(&gone)),
                &format!("keystone-cluster secrets rotate {}", name_of(path)),
            );
        }
    }

    fn at_a_value(&mut self, path: &str, entry: &Entry) {
        if let Some(stage) = &entry.stage {
            self.add(
                Kind::InRotation,
                Some(path),
                &format!("its rotation is under way: {stage}"),
                &format!("keystone-cluster secrets rotate {}, once that is everywhere", name_of(path)),
            );
        }
    }
}

/// Whose a key is, or the key.
#[must_use]
pub fn called(work: &Work<'_>, key: &str) -> String {
    inventory::owners(&work.cluster).get(key).cloned().unwrap_or_else(|| short(key))
}

fn difference(work: &Work<'_>, wanted: &BTreeSet<String>, have: &BTreeSet<String>) -> String {
    if have.is_empty() {
        return "nobody knows to whom it is encrypted".to_owned();
    }
    let names = |keys: &BTreeSet<String>, without: &BTreeSet<String>| -> BTreeSet<String> {
        keys.difference(without).map(|key| called(work, key)).collect()
    };
    let (more, less) = (names(have, wanted), names(wanted, have));
    let mut said = Vec::new();
    if !more.is_empty() {
        said.push(format!("it still opens for {}", list(&more)));
    }
    if !less.is_empty() {
        said.push(format!("it does not open for {}", list(&less)));
    }
    said.join(", and ")
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}
