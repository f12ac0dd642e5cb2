//! Which keys open which file: what secrets.nix evaluates to, in one evaluation; where there is no Nix, the same from the
//! inventory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::Command;

use keystone_model::{Cluster, secret};
use serde::Deserialize;

use crate::error::Error;
use crate::inventory;
use crate::tree::{FOLDER, Tree};

/// Who opens a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Recipients: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`, without comments.
    pub public_keys: Vec<String>,
    /// Whether the file is text.
    #[serde(default)]
    pub armor: bool,
}

/// Without whom a file is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// One of these keys, and a key of somebody else.
    Both {
        /// The keys.
        one_of: BTreeSet<String>,
        /// Whose they are.
        called: String,
    },
    /// One of these keys, and nobody else's.
    One {
        /// The keys.
        one_of: BTreeSet<String>,
        /// Whose they are.
        called: String,
    },
}

/// Where rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// secrets.nix where it and `nix-instantiate` are there, else the inventory.
    #[default]
    Either,
    /// secrets.nix, or nothing.
    Nix,
    /// The inventory.
    Inventory,
}

/// Every rule, by the path of its file relative to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    by_path: BTreeMap<String, Rule>,
    needs: BTreeMap<String, Need>,
    usual: Need,
}

impl Rules {
    /// Rules as data.
    ///
    /// # Errors
    /// When a path is none of a file `secrets/NAME.age`, or a rule has nobody.
    pub fn new(
        rules: BTreeMap<String, Rule>,
        needs: BTreeMap<String, Need>,
        usual: Need,
    ) -> Result<Self, Error> {
        let mut plain = BTreeMap::new();
        for (path, mut rule) in rules {
            let wrong = |reason: &str| Error::Rule { path: path.clone(), reason: reason.to_owned() };
            let name = path.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/'));
            let name = name.and_then(|name| name.strip_suffix(".age"));
            if name.is_none_or(|name| {
                name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', '\n'])
            }) {
                return Err(wrong("only files secrets/NAME.age are kept"));
            }
            if rule.public_keys.is_empty() {
                return Err(wrong("it has no `publicKeys`, so nobody could open it"));
            }
            let mut seen = BTreeSet::new();
            rule.public_keys = rule.public_keys.iter().map(|key| plain_key(key)).collect();
            rule.public_keys.retain(|key| seen.insert(key.clone()));
            plain.insert(path, rule);
        }
        Ok(Self { by_path: plain, needs, usual })
    }

    /// Reads the tree's.
    ///
    /// # Errors
    /// When secrets.nix cannot be evaluated, or is something else.
    pub fn read(tree: &Tree, cluster: &Cluster, source: Source) -> Result<Self, Error> {
        let nix = tree.path("secrets.nix").is_file() && source != Source::Inventory;
        let evaluated = if nix { evaluate(tree)? } else { None };
        let rules = match (evaluated, source) {
            (Some(rules), _) => rules,
            (None, Source::Nix) => {
                return Err(Error::Evaluate(
                    "secrets.nix or the program nix-instantiate is not here".to_owned(),
                ));
            }
            (None, _) => computed(cluster),
        };
        Self::new(rules, inventory::needs(cluster), inventory::usual_need(cluster))
    }

    /// Every path and rule, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Rule)> {
        self.by_path.iter()
    }

    /// The rule of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Rule> {
        self.by_path.get(path)
    }

    /// Whose own a file is, if nobody else opens it.
    #[must_use]
    pub fn own(&self, path: &str) -> Option<&str> {
        match self.needs.get(path) {
            Some(Need::One { called, .. }) => Some(called),
            _ => None,
        }
    }

    /// The rule of a file that may be written: never without those who must be able to open it.
    ///
    /// # Errors
    /// When no rule names it, or the rule leaves somebody out.
    pub fn guarded(&self, path: &str) -> Result<&Rule, Error> {
        let rule = self.get(path).ok_or_else(|| Error::Unknown(crate::tree::name_of(path).to_owned()))?;
        let count = rule.public_keys.len();
        let (one_of, called, alone) = match self.needs.get(path).unwrap_or(&self.usual) {
            Need::Both { one_of, called } => (one_of, called, false),
            Need::One { one_of, called } => (one_of, called, true),
        };
        let needed = rule.public_keys.iter().filter(|key| one_of.contains(*key)).count();
        let fine = if alone { needed == count } else { needed > 0 && count > needed.min(1) };
        if fine && count > 0 {
            return Ok(rule);
        }
        let keys = if count == 1 { "one key".to_owned() } else { format!("{count} keys") };
        let have = if needed == 0 { format!("{keys}, none of them of {called}") } else { keys };
        let need = if alone { format!("{called} alone") } else { format!("{called} and somebody else") };
        Err(Error::Guard { path: path.to_owned(), have, need })
    }
}

/// A key without its comment.
pub fn plain_key(key: &str) -> String {
    let mut words = key.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(kind), Some(blob)) => format!("{kind} {blob}"),
        (Some(key), None) => key.to_owned(),
        _ => String::new(),
    }
}

fn computed(cluster: &Cluster) -> BTreeMap<String, Rule> {
    secret::rules(cluster)
        .into_iter()
        .map(|(name, public_keys)| (format!("{FOLDER}/{name}.age"), Rule { public_keys, armor: false }))
        .collect()
}

/// One evaluation of everything; nothing if there is no Nix.
fn evaluate(tree: &Tree) -> Result<Option<BTreeMap<String, Rule>>, Error> {
    let done = Command::new("nix-instantiate")
        .args(["--json", "--eval", "--strict", "--expr", "import ./secrets.nix"])
        .current_dir(tree.root())
        .output();
    let done = match done {
        Ok(done) => done,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Evaluate(error.to_string())),
    };
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let line = said.lines().rev().map(str::trim).find(|line| line.starts_with("error:"));
        return Err(Error::Evaluate(line.unwrap_or("nix-instantiate failed").to_owned()));
    }
    serde_json::from_slice(&done.stdout).map(Some).map_err(|error| {
        Error::Evaluate(format!(
            "it is no set of rules `{{ \"secrets/NAME.age\".publicKeys = [ … ]; }}`: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, keys: &[&str], need: Option<Need>) -> Result<Rules, Error> {
        let rule = Rule { public_keys: keys.iter().map(|key| (*key).to_owned()).collect(), armor: false };
        let usual = Need::Both {
            one_of: BTreeSet::from(["p1".to_owned(), "p2".to_owned()]),
            called: "a primer".to_owned(),
        };
        let needs = need.map(|need| (path.to_owned(), need)).into_iter().collect();
        Rules::new(BTreeMap::from([(path.to_owned(), rule)]), needs, usual)
    }

    #[test]
    fn a_primer_and_one_other_are_never_left_out() {
        let path = "secrets/x.age";
        let said = |keys: &[&str]| {
            rules(path, keys, None).unwrap().guarded(path).map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(said(&["p1", "a"]), Ok(()));
        assert_eq!(said(&["p1", "p2"]), Ok(()));
        let end = "and has to for a primer and somebody else; write them into the inventory";
        assert_eq!(said(&["p1"]), Err(format!("{path} would open for one key, {end}")));
        assert_eq!(said(&["p1", "p1"]), Err(format!("{path} would open for one key, {end}")));
        assert_eq!(
            said(&["a", "b"]),
            Err(format!("{path} would open for 2 keys, none of them of a primer, {end}"))
        );
    }

    #[test]
    fn a_persons_own_file_is_nobody_elses() {
        let path = "secrets/person-bob.age";
        let own = || Some(Need::One { one_of: BTreeSet::from(["b".to_owned()]), called: "bob".to_owned() });
        assert!(rules(path, &["b"], own()).unwrap().guarded(path).is_ok());
        let error = rules(path, &["b", "p1"], own()).unwrap().guarded(path).unwrap_err();
        assert_eq!(
            error.to_string(),
            "secrets/person-bob.age would open for 2 keys, and has to for bob alone; write them into the inventory"
        );
    }

    #[test]
    fn paths_out_of_the_folder_are_refused() {
        for path in [
            "../x.age",
            "secrets/../x.age",
            "/x.age",
            "secrets/a/b.age",
            "secrets/.age",
            "secrets/.x.age",
            "x.age",
        ] {
            let error = rules(path, &["p1", "a"], None).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("secrets.nix names `{path}`: only files secrets/NAME.age are kept")
            );
        }
    }
}
