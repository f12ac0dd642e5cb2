//! Reading all files again, and comparing what they say of the same keys.

use std::collections::{BTreeMap, BTreeSet};

use keystone_generator::Artifact;

use crate::nix::{self, Declared};
use crate::options::{FOLDER, MOST_LINES, OPTIONS};
use crate::reference::{self, INVENTORY, SERVICES};
use crate::schema::{self, SCHEMA};
use crate::{Error, shape};

/// Options lie below this; the rest of a path is that of the key.
const BELOW: &str = "keystone.cluster.";

pub(crate) fn verify(artifacts: &[Artifact]) -> Result<(), Error> {
    let apart = |path: &str, reason: String| Error::Apart { path: path.to_owned(), reason };
    let find = |path: &str| {
        let found = artifacts.iter().find(|artifact| artifact.path == path);
        found.ok_or_else(|| apart(path, "is missing".to_owned()))
    };
    let schema = schema::read(&find(SCHEMA)?.contents)?;
    let root = shape::read(&schema)?;
    let keys: BTreeMap<String, bool> =
        root.keys().into_iter().map(|(path, field)| (path, field.default.is_some())).collect();

    let options = modules(artifacts)?;
    let declared: BTreeMap<String, bool> =
        options.into_iter().map(|(path, option)| (path, option.has_default)).collect();
    for (key, has_default) in &keys {
        match declared.get(key) {
            None => return Err(apart(OPTIONS, format!("does not declare `{key}`, which the schema has"))),
            Some(other) if other != has_default => {
                let reason = format!("and the schema disagree whether `{key}` may be left out");
                return Err(apart(OPTIONS, reason));
            }
            Some(_) => {}
        }
    }
    if let Some(foreign) = declared.keys().find(|path| !keys.contains_key(*path)) {
        return Err(apart(OPTIONS, format!("declares `{foreign}`, which the schema does not have")));
    }

    for path in [INVENTORY, SERVICES] {
        reference::check(&find(path)?.contents).map_err(|source| Error::Page { path, source })?;
    }
    let told = rows(&find(INVENTORY)?.contents);
    if told != keys.len() {
        let reason = format!("has {told} rows of keys, and the schema has {} keys", keys.len());
        return Err(apart(INVENTORY, reason));
    }
    Ok(())
}

/// All options, by the key that they stand for.
fn modules(artifacts: &[Artifact]) -> Result<BTreeMap<String, Declared>, Error> {
    let mut options = BTreeMap::new();
    let mut imported = BTreeSet::new();
    let mut present = BTreeSet::new();
    let folder = format!("{FOLDER}/");
    let apart = |path: &str, reason: String| Error::Apart { path: path.to_owned(), reason };
    for artifact in artifacts.iter().filter(|a| a.path == OPTIONS || a.path.starts_with(&folder)) {
        let path = artifact.path.as_str();
        let lines = artifact.contents.lines().count();
        if lines >= MOST_LINES {
            let reason = format!("has {lines} lines, and a Nix file has fewer than {MOST_LINES}");
            return Err(apart(path, reason));
        }
        let module =
            nix::read(&artifact.contents).map_err(|source| Error::Nix { path: path.to_owned(), source })?;
        if path != OPTIONS {
            present.insert(path.to_owned());
        }
        // `./` is the folder of options.nix, the only module that imports.
        imported.extend(module.imports.iter().map(|import| import.replacen("./", "nix/", 1)));
        for (option, declared) in module.options {
            let key = option
                .strip_prefix(BELOW)
                .ok_or_else(|| apart(path, format!("declares `{option}`, which is not below `{BELOW}`")))?;
            if options.insert(key.to_owned(), declared).is_some() {
                return Err(apart(path, format!("declares `{option}` a second time")));
            }
        }
    }
    if let Some(lost) = imported.symmetric_difference(&present).next() {
        return Err(apart(OPTIONS, format!("and the files beside it disagree on `{lost}`")));
    }
    Ok(options)
}

/// Rows of the tables of keys; tables of keys have five columns.
fn rows(page: &str) -> usize {
    let cells = page.lines().filter(|line| line.starts_with('|')).map(reference::cells);
    cells
        .filter(|cells| cells.len() == 5 && cells.first().is_some_and(|first| first.starts_with('`')))
        .count()
}
