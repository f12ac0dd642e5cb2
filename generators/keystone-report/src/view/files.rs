//! The rendered files: each with its hash, or counted by folder where there are many.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::File;
use crate::wording::{bytes, thousands};

/// Files that are listed one by one.
const MOST_FILES: usize = 500;
/// Folders that are listed where files are not.
const MOST_FOLDERS: usize = 200;

/// The rendered files.
#[derive(Debug, Serialize)]
pub(super) struct Files {
    listed: Vec<Row>,
    folders: Vec<Folder>,
    total: String,
    size: String,
}

/// A file.
#[derive(Debug, Serialize)]
struct Row {
    path: String,
    size: String,
    sha256: String,
}

/// A folder and everything below it.
#[derive(Debug, Serialize)]
struct Folder {
    path: String,
    files: String,
    size: String,
}

impl Files {
    pub(super) fn of(files: &[File]) -> Self {
        let total = thousands(files.len());
        let size = bytes(files.iter().map(|file| file.bytes).sum());
        if files.len() > MOST_FILES {
            return Self { listed: Vec::new(), folders: folders(files), total, size };
        }
        let mut sorted: Vec<&File> = files.iter().collect();
        sorted.sort_by_key(|file| &file.path);
        let row = |file: &File| Row {
            path: file.path.clone(),
            size: bytes(file.bytes),
            sha256: file.sha256.clone(),
        };
        Self { listed: sorted.into_iter().map(row).collect(), folders: Vec::new(), total, size }
    }
}

/// As deep as the limit allows: a folder per machine is one line too many for thousands of machines.
fn folders(files: &[File]) -> Vec<Folder> {
    let mut fit = by_folder(files, 0);
    for depth in 1.. {
        let deeper = by_folder(files, depth);
        if deeper.len() > MOST_FOLDERS || deeper.len() == fit.len() && depth > 1 {
            break;
        }
        fit = deeper;
    }
    let folder = |(path, (count, size)): (String, (usize, u64))| Folder {
        path,
        files: thousands(count),
        size: bytes(size),
    };
    fit.into_iter().map(folder).collect()
}

fn by_folder(files: &[File], depth: usize) -> BTreeMap<String, (usize, u64)> {
    let mut folders: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for file in files {
        let steps: Vec<&str> = file.path.split('/').collect();
        let mut folder = String::new();
        for step in steps.iter().take(depth.min(steps.len() - 1)) {
            folder.push_str(step);
            folder.push('/');
        }
        let sums = folders.entry(folder).or_default();
        sums.0 += 1;
        sums.1 += file.bytes;
    }
    folders
}
