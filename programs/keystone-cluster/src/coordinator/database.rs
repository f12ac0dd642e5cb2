//! Headscale's database, looked at from outside: `SQLite`'s own program reads it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::answer::Contents;
use super::error::CoordinatorError;
use super::system::output;

/// Tables of litestream's own, which differ between a database and its copies.
const OWN: &str = "name NOT LIKE '\\_litestream\\_%' ESCAPE '\\'";

/// A damaged database is an error.
pub fn check(database: &Path) -> Result<(), CoordinatorError> {
    let said = sqlite(database, "PRAGMA integrity_check;")?;
    match said.trim() {
        "ok" => Ok(()),
        other => Err(CoordinatorError::Integrity(other.lines().take(3).collect::<Vec<_>>().join("; "))),
    }
}

/// What it holds. Nobody may write to it meanwhile.
pub fn contents(database: &Path) -> Result<Contents, CoordinatorError> {
    // Reading a database that has a write-ahead log changes the files beside it, so this reads a copy.
    let folder = tempfile::tempdir_in(database.parent().unwrap_or(Path::new("/")))
        .map_err(|source| CoordinatorError::Write { path: database.to_owned(), source })?;
    let copy = folder.path().join("copy.sqlite");
    for ending in ["", "-wal"] {
        let (from, to) = (beside(database, ending), beside(&copy, ending));
        if ending.is_empty() || from.exists() {
            fs::copy(&from, &to).map_err(|source| CoordinatorError::Read { path: from, source })?;
        }
    }
    let schema = sqlite(
        &copy,
        &format!("SELECT type, name, sql FROM sqlite_schema WHERE {OWN} ORDER BY type, name;"),
    )?;
    let tables = sqlite(
        &copy,
        &format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND {OWN} ORDER BY name;"),
    )?;
    let mut hash = Sha256::new();
    hash.update(schema.as_bytes());
    let mut rows = BTreeMap::new();
    for table in tables.lines() {
        let quoted = table.replace('"', "\"\"");
        // In the form of SQL literals every value keeps its type.
        let all = sqlite(&copy, &format!(".mode quote\nSELECT * FROM \"{quoted}\";"))?;
        hash.update(table.as_bytes());
        hash.update(all.as_bytes());
        let count = sqlite(&copy, &format!("SELECT count(*) FROM \"{quoted}\";"))?;
        rows.insert(table.to_owned(), count.trim().parse().unwrap_or_default());
    }
    Ok(Contents { digest: hex(&hash.finalize()), rows })
}

/// The database's name with something after it.
pub fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// SHA-256 of a file, as hexadecimal digits.
pub fn hash(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|text| hex(&Sha256::digest(text)))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sqlite(database: &Path, commands: &str) -> Result<String, CoordinatorError> {
    let path = database.to_string_lossy();
    let words: Vec<&str> =
        ["-batch", "-bail", "-init", "/dev/null", &path].into_iter().chain(commands.split('\n')).collect();
    output("sqlite3", &words)
}
