//! Encrypts files for those whom the rules name now. It changes no value: whoever could read one still knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::commitments::COMMITMENTS;
use crate::error::Error;
use crate::rules::Rules;
use crate::tree::sha256;
use crate::work::{Draft, Outcome, Planned, Work};

/// Which files are encrypted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those whose recipients are others than the rules say, or unknown.
    Stale,
    /// Every one.
    All,
}

/// Encrypts anew, all or none. Files whose recipients are right stay byte for byte, unless all are asked for.
///
/// # Errors
/// When one of them cannot be opened, written, or opened again; then nothing was changed.
pub fn rekey(work: &Work<'_>, which: Which) -> Result<Outcome, Error> {
    work.sound()?;
    let (draft, mut keyring, outcome) = plan(work, &work.rules, which)?;
    let mut outcome = work.finish(draft, &mut keyring, outcome)?;
    if !outcome.written.is_empty() {
        outcome.notes.push(
            "this is no rotation: the values are the same, and git keeps the old files, which open for whom they opened before".to_owned(),
        );
        let left = leavers(work, &outcome);
        if !left.is_empty() {
            outcome.notes.push(format!(
                "{} could read values that are still in use",
                left.into_iter().collect::<Vec<_>>().join(", ")
            ));
            outcome.next.push("keystone-cluster secrets revoke NAME, for each of them who left".to_owned());
        }
        outcome.next.push("git add secrets && git commit, then deploy".to_owned());
    }
    Ok(outcome)
}

fn leavers(work: &Work<'_>, outcome: &Outcome) -> BTreeSet<String> {
    let owners = crate::inventory::owners(&work.cluster);
    let Some(lock) = &work.lock else { return BTreeSet::new() };
    let written = outcome.written.iter().filter(|written| !written.new_value);
    let entries =
        written.filter_map(|written| Some((lock.files.get(&written.path)?, work.rules.get(&written.path)?)));
    entries
        .flat_map(|(entry, rule)| entry.readers.iter().filter(|key| !rule.public_keys.contains(key)))
        .map(|key| owners.get(key).cloned().unwrap_or_else(|| short(key)))
        .collect()
}

/// Enough of a key to find it again.
#[must_use]
pub fn short(key: &str) -> String {
    let key = key.rsplit(' ').next().unwrap_or(key);
    let end = key.len().saturating_sub(8);
    format!("{}…{}", key.get(..9).unwrap_or(key), key.get(end..).unwrap_or_default())
}

/// What would be encrypted anew under these rules, opened.
///
/// # Errors
/// When a file changed outside, or one cannot be opened that the caller has to be able to open.
pub fn plan(work: &Work<'_>, rules: &Rules, which: Which) -> Result<(Draft, crate::Keyring, Outcome), Error> {
    let mut outcome = Outcome::default();
    let mut selected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut stale = BTreeSet::new();
    let mut outside = Vec::new();
    let mut commitments_stale = false;
    for (path, rule) in rules.iter() {
        let Some(bytes) = work.tree.read(path)? else { continue };
        let recipients: BTreeSet<String> = rule.public_keys.iter().cloned().collect();
        let entry = work.lock.as_ref().and_then(|lock| lock.files.get(path));
        if let Some(entry) = entry
            && entry.sha256 != sha256(&bytes)
        {
            outside.push(path.clone());
            continue;
        }
        // A lock that knows other files does not know this one: somebody put it there.
        if entry.is_none() && work.lock.is_some() {
            outside.push(path.clone());
            continue;
        }
        let is_stale = entry.is_none_or(|entry| entry.recipients != recipients);
        if path == COMMITMENTS {
            commitments_stale = is_stale;
            continue;
        }
        if is_stale {
            stale.insert(path.clone());
        }
        if is_stale || which == Which::All {
            selected.insert(path.clone(), bytes);
        } else {
            outcome.kept += 1;
        }
    }
    if !outside.is_empty() {
        return Err(Error::Outside(outside));
    }
    let mut draft = Draft::default();
    if selected.is_empty() && !commitments_stale {
        return Ok((draft, crate::Keyring::default(), outcome));
    }
    // Before anybody is asked for a touch or a passphrase.
    for path in selected.keys() {
        rules.guarded(path)?;
    }
    let mut keyring = work.keyring()?;
    let mut wrong = Vec::new();
    let opened = work.open_to_change(&mut keyring, &selected)?;
    for (path, opened) in opened {
        let Some(old) = selected.remove(&path) else { continue };
        match opened {
            Ok(plain) => {
                let planned = Planned {
                    old: Some(old),
                    plain,
                    new_value: false,
                    forgets_readers: false,
                    stage: stage(work, &path),
                };
                draft.values.insert(path, planned);
            }
            // A person's own, for instance; where its recipients are right, nothing is wrong with it.
            Err(_) if passes_over(work, rules, &path, &stale, &keyring) => {
                if let (true, Some(whose)) = (work.lock.is_some() && stale.contains(&path), rules.own(&path))
                {
                    outcome.next.push(format!("keystone-cluster secrets rekey, by {whose}, for {path}"));
                }
                outcome.passed_over.push(path);
            }
            Err(reason) => wrong.push((path, reason)),
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Undecryptable(wrong));
    }
    // Somebody who asked for everything and opens nothing has the wrong identity in hand.
    if draft.values.is_empty() && which == Which::All && !outcome.passed_over.is_empty() {
        return Err(Error::NothingOpens(outcome.passed_over.len()));
    }
    if commitments_stale && let Some(bytes) = work.tree.read(COMMITMENTS)? {
        let plain = crate::memory::Plain::of(b"", work.settings.require_mlock)?;
        let planned =
            Planned { old: Some(bytes), plain, new_value: true, forgets_readers: false, stage: None };
        draft.values.insert(COMMITMENTS.to_owned(), planned);
    }
    Ok((draft, keyring, outcome))
}

fn stage(work: &Work<'_>, path: &str) -> Option<String> {
    work.lock.as_ref()?.files.get(path)?.stage.clone()
}

/// A file that neither was nor will be the caller's to open is left to those whose it is, if it is right as it is, or nobody
/// else's. Without a lock nobody knows whether it is right; then the rule alone has to show that it is not the caller's.
fn passes_over(
    work: &Work<'_>,
    rules: &Rules,
    path: &str,
    stale: &BTreeSet<String>,
    keyring: &crate::Keyring,
) -> bool {
    let among = rules.get(path).is_some_and(|rule| keyring.is_among(&rule.public_keys));
    let known_right = work.lock.is_some() && !stale.contains(path);
    let theirs_alone = work.lock.is_none() && !keyring.has_plugins();
    !among && (known_right || theirs_alone || rules.own(path).is_some())
}
