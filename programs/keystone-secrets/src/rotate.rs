//! New values, in the order in which one follows from another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use keystone_model::KeyState;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::clock;
use crate::error::Error;
use crate::generate::{self, ADDED, Maker, Overlap, PROMOTED, blocks, public_half, token_key};
use crate::identity::Keyring;
use crate::journal::Change;
use crate::memory::Plain;
use crate::replace;
use crate::rules::Rules;
use crate::tree::{name_of, path_of, sha256};
use crate::work::{Draft, Outcome, Planned, Work};

/// Rotates these secrets, or all, and what is made from them.
///
/// # Errors
/// When one of them cannot be opened or made; then nothing was changed.
pub fn rotate(work: &Work<'_>, names: &[String], all: bool) -> Result<Outcome, Error> {
    work.sound()?;
    let mut wanted = BTreeSet::new();
    for name in names {
        let path = path_of(name);
        if work.rules.get(&path).is_none() {
            return Err(Error::Unknown(name.clone()));
        }
        wanted.insert(path);
    }
    if all {
        for (path, _) in work.rules.iter() {
            if path != crate::commitments::COMMITMENTS && work.tree.read(path)?.is_some() {
                wanted.insert(path.clone());
            }
        }
    }
    let mut keyring = work.keyring()?;
    let mut draft = Draft::default();
    let mut outcome = Outcome::default();
    let because = format!("a new key was asked for on {}", clock::now().get(..10).unwrap_or_default());
    add(work, &work.rules, (&wanted, &because), &mut keyring, &mut draft, &mut outcome)?;
    let open = outcome.next.iter().any(|next| next.starts_with("open: "));
    let mut outcome = work.finish(draft, &mut keyring, outcome)?;
    outcome.ok = !open;
    Ok(outcome)
}

/// Puts new values into a draft, for a reason; what somebody else has to make is asked for in the lock where a quorum or a
/// successor does it, and told as what comes next.
///
/// # Errors
/// As [`rotate`].
pub fn add(
    work: &Work<'_>,
    rules: &Rules,
    (wanted, because): (&BTreeSet<String>, &str),
    keyring: &mut Keyring,
    draft: &mut Draft,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let graph = generate::graph(&work.cluster, rules.iter().map(|(path, _)| path.clone()));
    let there = |path: &str| work.tree.read(path).is_ok_and(|bytes| bytes.is_some());
    let mut olds = BTreeMap::new();
    let order = generate::ordered(&graph, wanted, there);
    for path in &order {
        if let Some(bytes) = work.tree.read(path)? {
            olds.insert(path.clone(), bytes);
        }
    }
    outside(work, &olds)?;
    let overlapping: BTreeMap<String, Vec<u8>> = olds
        .iter()
        .filter(|(path, _)| graph.get(*path).is_some_and(|node| matches!(node.maker, Maker::Overlapping(_))))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    let mut opened = work.open_to_change(keyring, &overlapping)?;
    for path in &order {
        let (Some(node), Some(rule)) = (graph.get(path), rules.get(path)) else { continue };
        let old = olds.remove(path);
        let made = match node.maker {
            Maker::AtOnce => {
                let plain = generate::machine_key(work.settings.require_mlock)?;
                Planned { old, plain, new_value: true, forgets_readers: true, stage: None }
            }
            Maker::Overlapping(overlap) => {
                let plain = match opened.remove(path) {
                    Some(Ok(plain)) => plain,
                    Some(Err(reason)) => return Err(Error::Undecryptable(vec![(path.clone(), reason)])),
                    None => return Err(Error::NoFile(path.clone())),
                };
                let stage = work
                    .lock
                    .as_ref()
                    .and_then(|lock| lock.files.get(path))
                    .and_then(|entry| entry.stage.as_deref());
                step(work, overlap, old, &plain, stage, draft)?
            }
            Maker::Quorum | Maker::Authority | Maker::Headscale | Maker::Person => {
                if node.maker == Maker::Quorum {
                    replace::ask(&work.tree, name_of(path), because, &mut draft.replace)?;
                }
                let who = match node.maker {
                    Maker::Quorum => "a quorum of primers signs",
                    Maker::Authority => "its authority issues it",
                    Maker::Headscale => {
                        "Headscale mints it; where the host has joined, it is spent, and the file can go"
                    }
                    _ => "only you know where it is from",
                };
                let command = node.command.clone().unwrap_or_default();
                outcome.next.push(format!(
                    "open: {}: {who}: {command}; then keystone-cluster secrets adopt",
                    name_of(path)
                ));
                continue;
            }
        };
        outcome.next.extend(generate::roll_out(
            &work.cluster,
            path,
            &rule.public_keys,
            made.stage.as_deref(),
        ));
        draft.values.insert(path.clone(), made);
    }
    Ok(())
}

/// A file that nobody vouches for is not built on.
///
/// # Errors
/// When the lock knows another file, or none.
pub fn outside(work: &Work<'_>, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    let Some(lock) = &work.lock else { return Ok(()) };
    let outside: Vec<String> = files
        .iter()
        .filter(|(path, bytes)| lock.files.get(*path).is_none_or(|entry| entry.sha256 != sha256(bytes)))
        .map(|(path, _)| path.clone())
        .collect();
    if outside.is_empty() { Ok(()) } else { Err(Error::Outside(outside)) }
}

/// The next step of a rotation with two live values. Readers of the old value are forgotten when it is gone.
fn step(
    work: &Work<'_>,
    overlap: Overlap,
    old: Option<Vec<u8>>,
    plain: &Plain,
    stage: Option<&str>,
    draft: &mut Draft,
) -> Result<Planned, Error> {
    let lock = work.settings.require_mlock;
    let date = clock::now();
    let date = date.get(..10).unwrap_or_default();
    let next = match stage {
        None => Some(ADDED),
        Some(ADDED) => Some(PROMOTED),
        Some(_) => None,
    };
    let plain = match (overlap, stage) {
        (Overlap::Etcd, None) => generate::add_etcd_key(plain, date, lock)?,
        (Overlap::Etcd, Some(ADDED)) => generate::promote_etcd_key(plain, lock)?,
        (Overlap::Etcd, Some(_)) => generate::drop_etcd_key(plain, lock)?,
        (Overlap::Tokens, stage) => tokens(work, plain, stage, date, draft)?,
    };
    Ok(Planned {
        old,
        plain,
        new_value: stage.is_none(),
        forgets_readers: next.is_none(),
        stage: next.map(str::to_owned),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Trust {
    #[serde(default)]
    service_account_keys: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    state: KeyState,
}

/// A key that signs tokens is published before it signs, and after.
fn tokens(
    work: &Work<'_>,
    plain: &Plain,
    stage: Option<&str>,
    date: &str,
    draft: &mut Draft,
) -> Result<Plain, Error> {
    let folder = work.tree.trust();
    let list = format!("{folder}/trust.toml");
    let text = work.tree.read(&list)?.ok_or_else(|| Error::NoFile(list.clone()))?;
    let wrong = |reason: String| Error::Refused(format!("{list}: {reason}"));
    let mut trust: Trust =
        toml::from_slice(&text).map_err(|error| wrong(error.to_string().trim().replace('\n', " ")))?;
    let mut keys = blocks(plain)?;
    let public = |name: &str| format!("{folder}/service-account/{name}.pub");
    let named = |key: &str, trust: &Trust| -> Result<usize, Error> {
        let half = public_half(key)?;
        let is = |listed: &Listed| {
            work.tree
                .read(&public(&listed.name))
                .ok()
                .flatten()
                .is_some_and(|there| String::from_utf8_lossy(&there).trim() == half.trim())
        };
        trust
            .service_account_keys
            .iter()
            .position(is)
            .ok_or_else(|| wrong("a key of oidc-signing is not listed".to_owned()))
    };
    match stage {
        None => {
            let new = token_key()?;
            let name = generate::free_name(&format!("sa-{date}"), |name| {
                trust.service_account_keys.iter().any(|key| key.name == name)
            });
            keys.push(new.private);
            draft.others.push(Change { path: public(&name), old: None, new: Some(new.public.into_bytes()) });
            trust.service_account_keys.push(Listed { name, state: KeyState::Published });
        }
        Some(ADDED) => {
            let new = keys.pop().ok_or_else(|| wrong("no rotation is under way".to_owned()))?;
            let (old, new_at) =
                (keys.first().map(|key| named(key, &trust)).transpose()?, named(&new, &trust)?);
            if let Some(old) = old.and_then(|old| trust.service_account_keys.get_mut(old)) {
                old.state = KeyState::Retiring;
            }
            if let Some(new) = trust.service_account_keys.get_mut(new_at) {
                new.state = KeyState::Signing;
            }
            keys.insert(0, new);
        }
        Some(_) => {
            for old in keys.split_off(1) {
                let listed = trust.service_account_keys.remove(named(&old, &trust)?);
                let path = public(&listed.name);
                let there = work.tree.read(&path)?;
                draft.others.push(Change { path, old: there, new: None });
            }
        }
    }
    draft.others.push(Change { path: list, old: Some(text), new: Some(trust_text(&trust).into_bytes()) });
    let text = Zeroizing::new(keys.iter().map(|key| key.as_str()).collect::<String>());
    Plain::of(text.as_bytes(), work.settings.require_mlock)
}

fn trust_text(trust: &Trust) -> String {
    let mut text = "# Which public key verifies service-account tokens, and where each is in its life: signing, published,\n\
                    # retiring (hosts/trust/README.md).\n"
        .to_owned();
    for key in &trust.service_account_keys {
        let state = match key.state {
            KeyState::Signing => "signing",
            KeyState::Published => "published",
            KeyState::Retiring => "retiring",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n[[serviceAccountKeys]]\nname = \"{}\"\nstate = \"{state}\"\n", key.name);
    }
    text
}
