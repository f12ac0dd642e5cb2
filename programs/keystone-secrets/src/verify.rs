//! Rules, lock and files compared, without any private key.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::commitments::COMMITMENTS;
use crate::error::Error;
use crate::header;
use crate::inventory;
use crate::journal;
use crate::rekey::short;
use crate::signature::Standing;
use crate::tree::sha256;
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
    let mut findings = Vec::new();
    let mut add = |kind, path: Option<&str>, message: String, fix: &str| {
        findings.push(Finding { kind, path: path.map(str::to_owned), message, fix: fix.to_owned() });
    };
    if journal::unfinished(&work.tree) {
        add(
            Kind::Unfinished,
            None,
            "an earlier change was interrupted".to_owned(),
            "keystone-cluster secrets resume",
        );
    }
    let files = work.tree.files()?;
    let mut signed_by = None;
    match (&work.lock, &work.standing) {
        (None, _) => add(
            Kind::NoLock,
            None,
            "there is no secrets/lock.json, so nobody can tell what the files are".to_owned(),
            "keystone-cluster secrets adopt",
        ),
        (Some(_), Standing::Signed { by }) => signed_by = Some(by.clone()),
        (Some(_), Standing::Unauthenticated) => add(
            Kind::Unauthenticated,
            None,
            "the lock is not signed: unauthenticated".to_owned(),
            "keystone-cluster secrets adopt --sign-key FILE",
        ),
        (Some(_), Standing::NotAllowed { key }) => add(
            Kind::Distrusted,
            None,
            format!("`{key}` signed the lock, which may not, by {}", work.signers.basis),
            "let an admin of that inventory sign",
        ),
        (Some(_), Standing::Wrong(reason)) => add(
            Kind::Distrusted,
            None,
            format!("the lock's signature is wrong: {reason}"),
            "git checkout -- secrets/lock.json secrets/lock.json.sig",
        ),
    }
    let lock = work.lock.clone().unwrap_or_default();
    let mut claimed = 0;
    let all: BTreeSet<&String> = files.iter().chain(lock.files.keys()).collect();
    for path in all {
        let (there, entry, rule) = (work.tree.read(path)?, lock.files.get(path), work.rules.get(path));
        if rule.is_none() {
            add(
                Kind::Extra,
                Some(path),
                "no rule names it".to_owned(),
                "name it in secrets.nix, or remove it and `keystone-cluster secrets adopt`",
            );
        }
        let Some(bytes) = there else {
            add(
                Kind::Missing,
                Some(path),
                "the lock knows it, and it is not there".to_owned(),
                "put it back with `git checkout`, or `keystone-cluster secrets adopt`",
            );
            continue;
        };
        let Some(entry) = entry else {
            if work.lock.is_some() {
                add(
                    Kind::ChangedOutside,
                    Some(path),
                    "it came from outside: the lock does not know it".to_owned(),
                    "keystone-cluster secrets adopt",
                );
            }
            continue;
        };
        if entry.sha256 != sha256(&bytes) {
            add(
                Kind::ChangedOutside,
                Some(path),
                "changed outside: the lock knows another file, which agenix or somebody else replaced"
                    .to_owned(),
                "keystone-cluster secrets adopt",
            );
            continue;
        }
        let recipients: Vec<String> = entry.recipients.iter().cloned().collect();
        let expected = header::expected(&recipients);
        if expected.contains(&header::Shown::X25519) {
            claimed += 1;
        }
        if !recipients.is_empty() && header::shown(&bytes) != Some(expected) {
            add(
                Kind::NotAsClaimed,
                Some(path),
                format!(
                    "whoever wrote it claims {} recipients, and its header shows others",
                    recipients.len()
                ),
                "keystone-cluster secrets rekey --all",
            );
        }
        if let Some(rule) = rule {
            let wanted: BTreeSet<String> = rule.public_keys.iter().cloned().collect();
            if wanted != entry.recipients {
                add(
                    Kind::Stale,
                    Some(path),
                    difference(work, &wanted, &entry.recipients),
                    "keystone-cluster secrets rekey",
                );
            }
            let gone: BTreeSet<String> = entry
                .readers
                .iter()
                .filter(|key| !wanted.contains(*key))
                .map(|key| called(work, key))
                .collect();
            if !gone.is_empty() && path != COMMITMENTS {
                add(
                    Kind::NotRotated,
                    Some(path),
                    format!("its value was never rotated since {} could read it", list(&gone)),
                    &format!("keystone-cluster secrets rotate {}", crate::tree::name_of(path)),
                );
            }
        }
        if let Some(stage) = &entry.stage {
            add(
                Kind::InRotation,
                Some(path),
                format!("its rotation is under way: {stage}"),
                &format!(
                    "keystone-cluster secrets rotate {}, once that is everywhere",
                    crate::tree::name_of(path)
                ),
            );
        }
    }
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
