//! Takes files into the lock that something else wrote, such as plain agenix, which knows no lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::commitments::{COMMITMENTS, Commitments};
use crate::error::Error;
use crate::header;
use crate::lock::Entry;
use crate::memory::Plain;
use crate::replace;
use crate::signature::Standing;
use crate::tree::{name_of, sha256};
use crate::work::{Draft, Outcome, Work};

/// Adopts every file that is not as the lock says. The files stay as they are, but for the commitments. What is a person's own
/// nobody else can open, so it is taken in as it lies there.
///
/// # Errors
/// When one of them cannot be opened, or no rule names it; then nothing was changed.
pub fn adopt(work: &Work<'_>) -> Result<Outcome, Error> {
    work.sound()?;
    let mut outcome = Outcome::default();
    let mut draft = Draft::default();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for path in work.tree.files()? {
        if work.rules.get(&path).is_none() {
            return Err(Error::Unknown(name_of(&path).to_owned()));
        }
        let Some(bytes) = work.tree.read(&path)? else { continue };
        let known = work.lock.as_ref().and_then(|lock| lock.files.get(&path));
        if known.is_none_or(|entry| entry.sha256 != sha256(&bytes)) {
            files.insert(path, bytes);
        } else {
            outcome.kept += 1;
        }
    }
    for path in work.lock.iter().flat_map(|lock| lock.files.keys()) {
        if work.tree.read(path)?.is_none() {
            outcome.notes.push(format!("{path} is gone, and the lock forgets it"));
            draft.forgotten.push(path.clone());
        }
    }
    // Nothing changed outside: what is left to adopt is a lock that nobody vouches for.
    draft.sign =
        work.standing == Standing::Unauthenticated && work.lock.is_some() && work.settings.sign_key.is_some();
    let replaced = match &work.lock {
        Some(lock) => replace::replaced(&work.tree, &lock.replace)?,
        None => Vec::new(),
    };
    for (authority, replacement) in &replaced {
        outcome.notes.push(format!(
            "the intermediates of {} that were known are believed no more ({})",
            authority.as_str(),
            replacement.reason()
        ));
    }
    if files.is_empty() && draft.forgotten.is_empty() && !draft.sign && replaced.is_empty() {
        outcome.ok = true;
        return Ok(outcome);
    }
    let mut keyring = work.keyring()?;
    files.remove(COMMITMENTS);
    let opened = work.open_to_change(&mut keyring, &files)?;
    let commitments = work.commitments(&mut keyring)?;
    if commitments.is_none() && work.lock.is_some() {
        outcome.notes.push(format!(
            "warning: {COMMITMENTS} is not the one that the lock knows, so nobody can tell which values are others"
        ));
    }
    let mut wrong = Vec::new();
    for (path, opened) in opened {
        let Some(bytes) = files.get(&path) else { continue };
        match opened {
            Ok(plain) => {
                let entry = entry(work, &path, bytes, commitments.as_ref(), Some(&plain), &mut outcome)?;
                draft.entries.insert(path.clone(), entry);
                draft.noted.insert(path, plain);
            }
            Err(reason) => {
                let theirs = work.rules.get(&path).is_some_and(|rule| !keyring.is_among(&rule.public_keys));
                let theirs = theirs && header::shown(bytes).is_some();
                if theirs && work.rules.own(&path).is_some() {
                    let entry = entry(work, &path, bytes, None, None, &mut outcome)?;
                    draft.entries.insert(path, entry);
                } else if theirs && !keyring.has_plugins() {
                    outcome.passed_over.push(path);
                } else {
                    wrong.push((path, reason));
                }
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Undecryptable(wrong));
    }
    for path in &outcome.passed_over {
        outcome
            .next
            .push(format!("let somebody adopt {path} who opens it: until then the lock does not know it"));
    }
    let mut outcome = work.finish(draft, &mut keyring, outcome)?;
    outcome.next.push("keystone-cluster secrets verify; then git add secrets && git commit".to_owned());
    Ok(outcome)
}

/// What the lock will say of a file as it is, and of its value where that is known.
fn entry(
    work: &Work<'_>,
    path: &str,
    bytes: &[u8],
    commitments: Option<&Commitments>,
    plain: Option<&Plain>,
    outcome: &mut Outcome,
) -> Result<Entry, Error> {
    let rule = work.rules.get(path).ok_or_else(|| Error::Unknown(name_of(path).to_owned()))?;
    let claimed: BTreeSet<String> = rule.public_keys.iter().cloned().collect();
    let fits = header::shown(bytes) == Some(header::expected(&rule.public_keys));
    let recipients = if fits { claimed.clone() } else { BTreeSet::new() };
    if !fits {
        outcome.next.push(format!(
            "keystone-cluster secrets rekey: {path} is encrypted to others than the rules say"
        ));
    }
    let before = work.lock.as_ref().and_then(|lock| lock.files.get(path));
    let same = match (before, commitments, plain) {
        (Some(_), Some(commitments), Some(plain)) => commitments.is(path, plain)?,
        _ => None,
    };
    let generation = before.map_or(1, |before| before.generation + u64::from(same == Some(false)));
    let mut readers = claimed;
    // A value that is another one is unknown to those who could read the last.
    if same != Some(false) {
        readers.extend(before.iter().flat_map(|before| before.readers.iter().cloned()));
    }
    outcome.notes.push(match same {
        None if plain.is_none() => format!(
            "adopted {path} as it lies there: it opens for {} alone, so nobody else can tell its value",
            work.rules.own(path).unwrap_or("its owner")
        ),
        Some(true) => format!("adopted {path}: the value is the same"),
        Some(false) => {
            format!("adopted {path}: the value is ANOTHER ONE, now of generation {generation}; make sure that one of you wrote it")
        }
        None => format!("adopted {path}: nothing is known of an earlier value"),
    });
    let stage = before.and_then(|before| before.stage.clone());
    Ok(Entry {
        sha256: sha256(bytes),
        recipients,
        readers,
        generation,
        time: String::new(),
        who: String::new(),
        stage,
    })
}
