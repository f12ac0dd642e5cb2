//! Real programs that run beside the primers: on PATH, or where checks/peers/setup puts them.

use std::collections::BTreeMap;
use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::LabError;

/// Programs, by name.
pub struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    /// Finds all of them, or says which are missing.
    pub fn find(names: impl Iterator<Item = &'static str>) -> Result<Self, LabError> {
        let peers = peers();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).chain(peers.clone()).collect();
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for name in names {
            match folders.iter().map(|folder| folder.join(name)).find(|path| executable(path)) {
                Some(path) => drop(found.insert(name, path)),
                None => missing.push(name),
            }
        }
        if missing.is_empty() {
            return Ok(Self(found));
        }
        Err(LabError::NoPrograms { missing: missing.join(", "), peers: peers.unwrap_or_default() })
    }

    /// Where it is.
    pub fn path(&self, name: &'static str) -> PathBuf {
        self.0.get(name).cloned().unwrap_or_else(|| PathBuf::from(name))
    }
}

/// Where checks/peers/setup puts programs.
fn peers() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("KEYSTONE_PEERS").or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        cache.map(|cache| cache.join("keystone/peers/bin"))
    })
}

fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
