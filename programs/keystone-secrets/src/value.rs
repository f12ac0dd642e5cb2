//! One value: shown, or written.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::memory::Plain;
use crate::tree::{name_of, path_of};
use crate::work::{Draft, Outcome, Planned, Work};

/// What a secret holds.
///
/// # Errors
/// When there is none, or it does not open.
pub fn show(work: &Work<'_>, name: &str) -> Result<Plain, Error> {
    let path = path_of(name);
    match opened(work, &path)? {
        Some((_, plain)) => Ok(plain),
        None if work.rules.get(&path).is_none() => Err(Error::Unknown(name.to_owned())),
        None => Err(Error::NoFile(path)),
    }
}

fn opened(work: &Work<'_>, path: &str) -> Result<Option<(Vec<u8>, Plain)>, Error> {
    let Some(bytes) = work.tree.read(path)? else { return Ok(None) };
    let mut keyring = work.keyring()?;
    let files = BTreeMap::from([(path.to_owned(), bytes.clone())]);
    match work.open_all(&mut keyring, &files)?.remove(path) {
        Some(Ok(plain)) => Ok(Some((bytes, plain))),
        Some(Err(reason)) => Err(Error::Undecryptable(vec![(path.to_owned(), reason)])),
        None => Ok(None),
    }
}

/// Lets somebody change a value, and writes it. `change` gets what there is, and says nothing to leave it.
///
/// # Errors
/// When the secret is unknown, does not open, changed outside, or cannot be written.
pub fn edit(
    work: &Work<'_>,
    name: &str,
    change: impl FnOnce(Option<&Plain>) -> Result<Option<Plain>, Error>,
) -> Result<Outcome, Error> {
    work.sound()?;
    let path = path_of(name);
    work.rules.guarded(&path).map_err(|error| match error {
        Error::Unknown(_) => Error::Unknown(name.to_owned()),
        other => other,
    })?;
    let there = opened(work, &path)?;
    if let Some((bytes, _)) = &there {
        crate::rotate::outside(work, &BTreeMap::from([(path.clone(), bytes.clone())]))?;
    }
    let new = change(there.as_ref().map(|(_, plain)| plain))?;
    let same = match (&there, &new) {
        (_, None) => true,
        (Some((_, old)), Some(new)) => old == new,
        (None, Some(_)) => false,
    };
    let Some(plain) = new.filter(|_| !same) else {
        let notes = vec![format!("{} is as it was, and nothing was written", name_of(&path))];
        return Ok(Outcome { ok: true, notes, ..Outcome::default() });
    };
    let is_new = there.is_some();
    let planned = Planned {
        old: there.map(|(bytes, _)| bytes),
        plain,
        new_value: is_new,
        forgets_readers: true,
        stage: None,
    };
    let mut draft = Draft::default();
    draft.values.insert(path, planned);
    let mut outcome = work.finish(draft, &mut work.keyring()?, Outcome::default())?;
    outcome.next.push("git add secrets && git commit, then deploy".to_owned());
    Ok(outcome)
}
