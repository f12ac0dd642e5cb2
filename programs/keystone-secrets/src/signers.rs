//! Who may sign the lock: the admins' SSH keys and the primers' node keys of the inventory at the parent commit, so that
//! nobody is let in by the same commit that they sign.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use keystone_model::{Cluster, Role};

use crate::error::Error;
use crate::inventory;
use crate::lock::{LOCK, SIGNATURE};
use crate::rules::plain_key;
use crate::tree::Tree;

/// Public keys and whose they are, and where that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    keys: BTreeMap<String, String>,
    /// Where it was read, in words.
    pub basis: String,
}

impl Signers {
    /// Those of an inventory.
    #[must_use]
    pub fn of(cluster: &Cluster, basis: &str) -> Self {
        let admins = cluster.people.iter().filter(|(_, person)| person.admin);
        let people = admins.flat_map(|(name, person)| {
            person.ssh_keys.iter().map(move |key| (key.to_string(), name.to_string()))
        });
        let primers = cluster.nodes.iter().filter(|(_, node)| node.roles.contains(&Role::Primer));
        let nodes = primers.flat_map(|(name, node)| {
            node.ssh_host_key.iter().map(move |key| (key.to_string(), name.to_string()))
        });
        let keys = people.chain(nodes).map(|(key, name)| (plain_key(&key), name)).collect();
        Self { keys, basis: basis.to_owned() }
    }

    /// Those who may have signed the lock that is there.
    ///
    /// # Errors
    /// When the history that says it is not here.
    pub fn for_lock(tree: &Tree, cluster: &Cluster) -> Result<Self, Error> {
        if git(tree, &["rev-parse", "--verify", "--quiet", "HEAD"])?.is_none() {
            return Ok(Self::of(cluster, "this tree's own inventory, as it has no history"));
        }
        let changed = git(tree, &["status", "--porcelain", "--untracked-files=all", "--", LOCK, SIGNATURE])?;
        if changed.is_none_or(|changed| !changed.trim().is_empty()) {
            return Self::at(tree, "HEAD", "the inventory of the last commit");
        }
        let Some(last) = git(tree, &["rev-list", "-1", "HEAD", "--", LOCK, SIGNATURE])?
            .filter(|last| !last.trim().is_empty())
        else {
            return Self::at(tree, "HEAD", "the inventory of the last commit");
        };
        let last = last.trim();
        if git(tree, &["rev-parse", "--verify", "--quiet", &format!("{last}^1")])?.is_some() {
            return Self::at(
                tree,
                &format!("{last}^1"),
                "the inventory of the commit before the one that signed",
            );
        }
        if shallow(tree)? {
            return Err(Error::NoHistory("this is a shallow clone; `git fetch --unshallow`".to_owned()));
        }
        Self::at(tree, last, "the inventory of the first commit, as there is none before it")
    }

    /// Those who may sign what is written now.
    ///
    /// # Errors
    /// When git fails, or the last commit's inventory is none.
    pub fn now(tree: &Tree, cluster: &Cluster) -> Result<Self, Error> {
        if git(tree, &["rev-parse", "--verify", "--quiet", "HEAD"])?.is_none() {
            return Ok(Self::of(cluster, "this tree's own inventory, as it has no history"));
        }
        Self::at(tree, "HEAD", "the inventory of the last commit")
    }

    fn at(tree: &Tree, commit: &str, basis: &str) -> Result<Self, Error> {
        let path = tree.inventory();
        let Some(text) = show(tree, commit, path)? else {
            return Ok(Self { keys: BTreeMap::new(), basis: format!("{basis}, which has none") });
        };
        Ok(Self::of(&inventory::read(text.as_bytes(), path)?, basis))
    }

    /// Whose key it is.
    #[must_use]
    pub fn name(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }
}

/// A file at a commit.
pub fn show(tree: &Tree, commit: &str, path: &Path) -> Result<Option<String>, Error> {
    git(tree, &["show", &format!("{commit}:./{}", path.display())])
}

/// Whether history is missing.
pub fn shallow(tree: &Tree) -> Result<bool, Error> {
    Ok(git(tree, &["rev-parse", "--is-shallow-repository"])?.is_some_and(|said| said.trim() == "true"))
}

/// What git says, or nothing if it fails or there is no git.
pub fn git(tree: &Tree, arguments: &[&str]) -> Result<Option<String>, Error> {
    let done = Command::new("git").arg("-C").arg(tree.root()).args(arguments).output();
    match done {
        Ok(done) if done.status.success() => Ok(Some(String::from_utf8_lossy(&done.stdout).into_owned())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Git(error.to_string())),
    }
}
