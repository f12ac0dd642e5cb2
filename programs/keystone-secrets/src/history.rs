//! What somebody could ever have read: from git's history, all branches and tags of it.

use std::collections::{BTreeMap, BTreeSet};

use keystone_model::secret;

use crate::error::Error;
use crate::inventory;
use crate::lock::{LOCK, Lock};
use crate::rules::plain_key;
use crate::signers::{git, shallow, show};
use crate::tree::{FOLDER, Tree};

/// What history tells about a person.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Every key that was ever theirs.
    pub keys: BTreeSet<String>,
    /// Files that they could open, and the highest generation of the value that they could.
    pub read: BTreeMap<String, u64>,
    /// Number of commits that were looked at.
    pub commits: usize,
    /// Commits whose inventory or lock this program cannot read: there, every file counts as read.
    pub unclear: usize,
}

/// Looks through all history.
///
/// # Errors
/// When it is not all here.
pub fn of(tree: &Tree, person: &str) -> Result<Past, Error> {
    let said = |arguments: &[&str]| {
        git(tree, arguments)?.ok_or_else(|| Error::NoHistory("git fails or is not here".to_owned()))
    };
    said(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    if shallow(tree)? {
        return Err(Error::Shallow);
    }
    let inventory = tree.inventory().display().to_string();
    // Every commit that changed who opens what, or what is in the files. Merges too: each may have decided something else.
    let commits = said(&[
        "log",
        "--all",
        "--full-history",
        "-m",
        "--format=%H",
        "--",
        &inventory,
        FOLDER,
        "secrets.nix",
        "lib",
    ])?;
    let commits: BTreeSet<&str> = commits.lines().collect();
    let mut past = Past { commits: commits.len(), ..Past::default() };
    let mut inventories = Vec::new();
    // Keys first: a file may have been encrypted to a key before its owner had a name, or after.
    for commit in &commits {
        let text = show(tree, commit, tree.inventory())?;
        let read = text.as_ref().map(|text| inventory::read(text.as_bytes(), tree.inventory()));
        if let Some(Ok(cluster)) = &read {
            past.keys.extend(inventory::keys_of(cluster, person).iter().map(|key| plain_key(key)));
        }
        inventories.push((*commit, text, read));
    }
    for (commit, text, read) in inventories {
        let lock = show(tree, commit, LOCK.as_ref())?.map(|text| Lock::parse(text.as_bytes()));
        let there = said(&["ls-tree", "--name-only", commit, &format!("{FOLDER}/")])?;
        let there: BTreeSet<&str> =
            there.lines().filter(|path| path.strip_suffix(".age").is_some()).collect();
        let generation = |path: &str| match &lock {
            Some(Ok(lock)) => lock.files.get(path).map_or(1, |entry| entry.generation),
            _ => 1,
        };
        let mut add = |path: &str| {
            let highest = past.read.entry(path.to_owned()).or_default();
            *highest = generation(path).max(*highest);
        };
        match &read {
            Some(Ok(cluster)) => {
                let rules = secret::rules(cluster);
                let opens = rules
                    .iter()
                    .filter(|(_, keys)| keys.iter().any(|key| past.keys.contains(&plain_key(key))));
                for (name, _) in opens {
                    let path = format!("{FOLDER}/{name}.age");
                    if there.contains(path.as_str()) {
                        add(&path);
                    }
                }
            }
            // Nobody knows the rules of that time, so all that was there counts, if the person was there.
            Some(Err(_))
                if text.as_ref().is_some_and(|text| {
                    text.contains(person) || past.keys.iter().any(|key| text.contains(key))
                }) =>
            {
                past.unclear += 1;
                for path in &there {
                    add(path);
                }
            }
            _ => {}
        }
        match &lock {
            Some(Ok(lock)) => {
                let opens = lock
                    .files
                    .iter()
                    .filter(|(_, entry)| entry.recipients.iter().any(|key| past.keys.contains(key)));
                opens.for_each(|(path, _)| add(path));
            }
            Some(Err(_)) => {
                past.unclear += 1;
                for path in &there {
                    add(path);
                }
            }
            None => {}
        }
    }
    Ok(past)
}
