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
    let Some(bytes) = work.tree.read(&path)? else {
        let known = work.rules.get(&path).is_some();
        return Err(if known { Error::NoFile(path) } else { Error::Unknown(name.to_owned()) });
    };
    let files = BTreeMap::from([(path.clone(), bytes)]);
    only(&path, work.open_all(&mut work.keyring()?, &files)?)
}

fn only(path: &str, mut opened: BTreeMap<String, Result<Plain, String>>) -> Result<Plain, Error> {
    let plain = opened.remove(path).unwrap_or_else(|| Err("it was not tried".to_owned()));
    plain.map_err(|reason| Error::Undecryptable(vec![(path.to_owned(), reason)]))
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
    // Whoever has a passphrase, or has to touch a key, is asked once.
    let mut keyring = work.keyring()?;
    let there = match work.tree.read(&path)? {
        Some(bytes) => {
            let files = BTreeMap::from([(path.clone(), bytes.clone())]);
            crate::rotate::outside(work, &files)?;
            Some((bytes, only(&path, work.open_to_change(&mut keyring, &files)?)?))
        }
        None => None,
    };
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
    let mut outcome = work.finish(draft, &mut keyring, Outcome::default())?;
    outcome.next.push("git add secrets && git commit, then deploy".to_owned());
    Ok(outcome)
}
