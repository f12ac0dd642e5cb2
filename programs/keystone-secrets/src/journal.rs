//! Files that change all together or not at all.
//!
//! New files are written into a folder beside the old ones, and synced; the old ones are linked there under another name. Then
//! the journal is put in its place, and from that moment the change goes forward: each new file is renamed over its target.
//! Where that is not possible, the journal is renamed, which is the decision to go back, and the old files are renamed over
//! their targets. Either way another rename says that it is over, and the folder goes away.
//!
//! Whatever moment a machine stops at, what lies in the folder says which of the two to do; [`resume`] does it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::tree::{FOLDER, Tree, sha256};

/// The folder of an unfinished change, in that of the encrypted files.
const UNFINISHED: &str = ".keystone-unfinished";
const FORWARD: &str = "journal.json";
const BACK: &str = "back.json";
const FORWARD_OVER: &str = "new.json";
const BACK_OVER: &str = "old.json";

/// A file that becomes another one, or comes, or goes.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its path, relative to the tree.
    pub path: String,
    /// What it held when the change was made out of it.
    pub old: Option<Vec<u8>>,
    /// What it will hold.
    pub new: Option<Vec<u8>>,
}

/// What became of an interrupted change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// There was none.
    Nothing,
    /// Every file is as it was before.
    AllOld,
    /// Every file is as it should become.
    AllNew,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    version: u32,
    files: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    path: String,
    old: Option<String>,
    new: Option<String>,
}

/// Whether an interrupted change lies in the tree.
#[must_use]
pub fn unfinished(tree: &Tree) -> bool {
    Place::of(tree).folder.exists()
}

/// Makes all changes or none.
///
/// # Errors
/// When nothing was changed, and why. [`Error::Stuck`] alone means that [`resume`] has to be called.
pub fn commit(tree: &Tree, changes: &[Change]) -> Result<(), Error> {
    let place = Place::of(tree);
    let _lock = place.lock()?;
    match place.state() {
        State::Nothing => {}
        // Nothing was changed yet when it stopped, or everything was.
        State::Staged | State::ForwardOver | State::BackOver => place.clear()?,
        State::Forward | State::Back => return Err(Error::Unfinished),
    }
    let staged = place.stage(changes).and_then(|journal| {
        place.decide(&journal)?;
        Ok(journal)
    });
    let journal = match staged {
        Ok(journal) => journal,
        Err(error) => {
            // The error that matters is the first one, and what lies there harms nobody.
            let _ = place.clear();
            return Err(error);
        }
    };
    place.forward_or_back(&journal)
}

/// Brings an interrupted change to its end.
///
/// # Errors
/// When a file is neither old nor new, or the files still cannot be put in their places.
pub fn resume(tree: &Tree) -> Result<Resumed, Error> {
    let place = Place::of(tree);
    let _lock = place.lock()?;
    match place.state() {
        State::Nothing => Ok(Resumed::Nothing),
        State::Staged => {
            // A folder with nothing in it was just made, or is the last thing to go.
            let any = fs::read_dir(&place.folder).is_ok_and(|mut files| files.next().is_some());
            place.clear()?;
            Ok(if any { Resumed::AllOld } else { Resumed::Nothing })
        }
        State::Forward => {
            let journal = place.read(FORWARD)?;
            place.check(&journal)?;
            match place.forward_or_back(&journal) {
                Ok(()) => Ok(Resumed::AllNew),
                Err(Error::RolledBack { .. }) => Ok(Resumed::AllOld),
                Err(error) => Err(error),
            }
        }
        State::Back => {
            let journal = place.read(BACK)?;
            place.check(&journal)?;
            place.back(&journal).map_err(|(path, source)| Error::Write { path: tree.path(&path), source })?;
            Ok(Resumed::AllOld)
        }
        State::ForwardOver => place.clear().map(|()| Resumed::AllNew),
        State::BackOver => place.clear().map(|()| Resumed::AllOld),
    }
}

enum State {
    Nothing,
    Staged,
    Forward,
    Back,
    ForwardOver,
    BackOver,
}

struct Place<'a> {
    tree: &'a Tree,
    folder: PathBuf,
}

type Step<T> = Result<T, (String, io::Error)>;

impl<'a> Place<'a> {
    fn of(tree: &'a Tree) -> Self {
        Self { tree, folder: tree.path(FOLDER).join(UNFINISHED) }
    }

    /// Two changes at once would be none.
    fn lock(&self) -> Result<File, Error> {
        let path = self.tree.path(FOLDER);
        let failed = |source| Error::Write { path: path.clone(), source };
        let lock = File::open(&path).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lock),
            Err(Errno::WOULDBLOCK) => Err(Error::Busy(path)),
            Err(error) => Err(failed(error.into())),
        }
    }

    fn state(&self) -> State {
        let there = |name: &str| self.folder.join(name).exists();
        if there(FORWARD) {
            State::Forward
        } else if there(BACK) {
            State::Back
        } else if there(FORWARD_OVER) {
            State::ForwardOver
        } else if there(BACK_OVER) {
            State::BackOver
        } else if self.folder.exists() {
            State::Staged
        } else {
            State::Nothing
        }
    }

    fn new_file(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index}.new"))
    }

    fn old_file(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index}.old"))
    }

    fn stage(&self, changes: &[Change]) -> Result<Journal, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        fs::create_dir(&self.folder).map_err(failed(&self.folder))?;
        let mut files = Vec::with_capacity(changes.len());
        let mut written = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            let target = self.tree.path(&change.path);
            let mut mode = 0o644;
            if change.old.is_some() {
                let found = fs::symlink_metadata(&target).map_err(|_| Error::Changed(change.path.clone()))?;
                if !found.is_file() {
                    return Err(Error::NotAFile(change.path.clone()));
                }
                mode = found.permissions().mode() & 0o7777;
                let old = self.old_file(index);
                if fs::hard_link(&target, &old).is_err() {
                    // A file system without links.
                    fs::copy(&target, &old)
                        .and_then(|_| File::open(&old)?.sync_all())
                        .map_err(failed(&old))?;
                }
                // What is linked is what will be put back: it has to be what the change was made of.
                if fs::read(&old).map_err(failed(&old))? != change.old.clone().unwrap_or_default() {
                    return Err(Error::Changed(change.path.clone()));
                }
            } else if target.symlink_metadata().is_ok() {
                return Err(Error::Changed(change.path.clone()));
            } else if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(failed(folder))?;
            }
            if let Some(new) = &change.new {
                let path = self.new_file(index);
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)
                    .map_err(failed(&path))?;
                file.write_all(new).map_err(failed(&path))?;
                file.set_permissions(Permissions::from_mode(mode)).map_err(failed(&path))?;
                written.push((path, file));
            }
            files.push(Item {
                path: change.path.clone(),
                old: change.old.as_deref().map(sha256),
                new: change.new.as_deref().map(sha256),
            });
        }
        sync(&written)?;
        Ok(Journal { version: 1, files })
    }

    /// From here on the change goes forward, whatever stops this program.
    fn decide(&self, journal: &Journal) -> Result<(), Error> {
        let failed = |source| Error::Write { path: self.folder.join(FORWARD), source };
        let text = serde_json::to_vec_pretty(journal).map_err(|error| failed(error.into()))?;
        let part = self.folder.join("journal.part");
        let write = || -> io::Result<()> {
            let mut file = File::create_new(&part)?;
            file.write_all(&text)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            File::open(self.tree.path(FOLDER))?.sync_all()?;
            fs::rename(&part, self.folder.join(FORWARD))
        };
        write().map_err(failed)
    }

    fn forward_or_back(&self, journal: &Journal) -> Result<(), Error> {
        // The decision is on the disk before the first target changes, or it is taken back.
        let decided = File::open(&self.folder).and_then(|folder| folder.sync_all());
        let went = decided.map_err(|error| (FORWARD.to_owned(), error)).and_then(|()| self.forward(journal));
        let Err((path, source)) = went else { return Ok(()) };
        let stuck = |source, again: String| Error::Stuck { path: path.clone(), source, again };
        if let Err(error) = self.rename(FORWARD, BACK) {
            return Err(stuck(source, error.to_string()));
        }
        match self.back(journal) {
            Ok(()) => Err(Error::RolledBack { path, source }),
            Err((_, again)) => Err(stuck(source, again.to_string())),
        }
    }

    fn forward(&self, journal: &Journal) -> Step<()> {
        for (index, item) in journal.files.iter().enumerate() {
            let target = self.tree.path(&item.path);
            let done = if item.new.is_some() {
                fs::rename(self.new_file(index), &target)
            } else {
                fs::remove_file(&target)
            };
            let done = self.or_done(done, &item.path, item.new.as_ref());
            done.map_err(|error| (item.path.clone(), error))?;
        }
        self.end(journal, FORWARD, FORWARD_OVER)
    }

    fn back(&self, journal: &Journal) -> Step<()> {
        for (index, item) in journal.files.iter().enumerate() {
            let target = self.tree.path(&item.path);
            let done = if item.old.is_some() {
                fs::rename(self.old_file(index), &target)
            } else {
                fs::remove_file(&target)
            };
            let done = self.or_done(done, &item.path, item.old.as_ref());
            done.map_err(|error| (item.path.clone(), error))?;
        }
        self.end(journal, BACK, BACK_OVER)
    }

    /// Everything is in its place: says so, and clears up. From the first rename on nothing can go wrong any more.
    fn end(&self, journal: &Journal, from: &str, to: &str) -> Step<()> {
        let folders: BTreeSet<PathBuf> = journal
            .files
            .iter()
            .filter_map(|item| self.tree.path(&item.path).parent().map(Path::to_owned))
            .collect();
        for folder in folders {
            let synced = File::open(&folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| (folder.display().to_string(), error))?;
        }
        fs::rename(self.folder.join(from), self.folder.join(to)).map_err(|error| (from.to_owned(), error))?;
        // Should the machine forget this rename, it finds everything in its place once more.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        // What is left harms nobody: the next change or `resume` clears it up.
        let _ = self.clear();
        Ok(())
    }

    /// A step that was done before the machine stopped is done, if what it was to bring is there.
    fn or_done(&self, step: io::Result<()>, path: &str, wanted: Option<&String>) -> io::Result<()> {
        match step {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let there = self.tree.read(path).map_err(|other| io::Error::other(other.to_string()))?;
                if there.as_deref().map(sha256).as_ref() == wanted { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))?;
        File::open(&self.folder)?.sync_all()
    }

    /// No file was made into something third while the change was interrupted.
    fn check(&self, journal: &Journal) -> Result<(), Error> {
        for item in &journal.files {
            let there = self.tree.read(&item.path)?.as_deref().map(sha256);
            if there != item.old && there != item.new {
                return Err(Error::Conflict { path: item.path.clone() });
            }
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Journal, Error> {
        let path = self.folder.join(name);
        let text = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        let damaged = |reason: String| Error::Journal { path: path.clone(), reason };
        let journal: Journal = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let inside =
            |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        match journal.files.iter().find(|item| !inside(Path::new(&item.path))) {
            Some(item) => Err(damaged(format!("`{}` is no path of the tree", item.path))),
            None if journal.version != 1 => Err(damaged(format!("it is of version {}", journal.version))),
            None => Ok(journal),
        }
    }

    /// Removes the folder: what says how it ended goes last.
    fn clear(&self) -> Result<(), Error> {
        let failed = |source| Error::Write { path: self.folder.clone(), source };
        let mut last = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.ends_with(FORWARD_OVER) || path.ends_with(BACK_OVER) {
                last.push(path);
            } else {
                fs::remove_file(path).map_err(failed)?;
            }
        }
        for path in last {
            fs::remove_file(path).map_err(failed)?;
        }
        fs::remove_dir(&self.folder).map_err(failed)
    }
}

/// Syncs many files: together, as file systems put syncs that wait at the same time into one.
fn sync(files: &[(PathBuf, File)]) -> Result<(), Error> {
    let share = files.len().div_ceil(16).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = files
            .chunks(share)
            .map(|files| {
                scope.spawn(move || {
                    files.iter().try_for_each(|(path, file)| {
                        file.sync_all().map_err(|source| Error::Write { path: path.clone(), source })
                    })
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Error::Random)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        let tree = Tree::at(folder.path(), Path::new("hosts/cluster.toml")).unwrap();
        (folder, tree)
    }

    type Files = BTreeMap<String, Vec<u8>>;

    fn files(tree: &Tree) -> Files {
        let names = fs::read_dir(tree.path(FOLDER))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| (name.clone(), fs::read(tree.path(FOLDER).join(name)).unwrap())).collect()
    }

    fn written(changes: &[Change], new: bool) -> Files {
        let side = |change: &Change| if new { change.new.clone() } else { change.old.clone() };
        let name = |change: &Change| change.path.rsplit('/').next().unwrap().to_owned();
        changes.iter().filter_map(|change| Some((name(change), side(change)?))).collect()
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        let one = (prop::option::of(bytes.clone()), prop::option::of(bytes));
        prop::collection::vec(one, 1..7).prop_map(|all| {
            let named = |(index, (old, new))| Change { path: format!("{FOLDER}/{index}.age"), old, new };
            all.into_iter()
                .enumerate()
                .map(named)
                .filter(|change| change.old.is_some() || change.new.is_some())
                .collect()
        })
    }

    /// The first steps of a change, as the machine stops after them.
    fn steps(place: &Place<'_>, journal: &Journal, count: usize, back: bool) {
        for (index, item) in journal.files.iter().enumerate().take(count) {
            let target = place.tree.path(&item.path);
            let (wanted, from) =
                if back { (&item.old, place.old_file(index)) } else { (&item.new, place.new_file(index)) };
            let _ = if wanted.is_some() { fs::rename(from, target) } else { fs::remove_file(target) };
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn whatever_step_it_stops_after_it_is_all_or_nothing(changes in changes(), forward in 0usize..8, back in 0usize..8, decision in 0..3) {
            let (_folder, tree) = tree();
            for (name, bytes) in written(&changes, false) {
                fs::write(tree.path(FOLDER).join(name), bytes).unwrap();
            }
            let place = Place::of(&tree);
            let journal = place.stage(&changes).unwrap();
            let expected = match decision {
                // It stopped before it was decided.
                0 => Resumed::AllOld,
                1 => {
                    place.decide(&journal).unwrap();
                    steps(&place, &journal, forward, false);
                    Resumed::AllNew
                }
                _ => {
                    place.decide(&journal).unwrap();
                    steps(&place, &journal, forward, false);
                    place.rename(FORWARD, BACK).unwrap();
                    steps(&place, &journal, back, true);
                    Resumed::AllOld
                }
            };
            let resumed = resume(&tree).unwrap();
            // A staged change without files leaves nothing to tell.
            prop_assert!(resumed == expected || (changes.is_empty() && resumed == Resumed::Nothing));
            prop_assert_eq!(files(&tree), written(&changes, expected == Resumed::AllNew));
            prop_assert_eq!(resume(&tree).unwrap(), Resumed::Nothing);
        }

        #[test]
        fn a_change_is_made(changes in changes()) {
            let (_folder, tree) = tree();
            for (name, bytes) in written(&changes, false) {
                fs::write(tree.path(FOLDER).join(name), bytes).unwrap();
            }
            commit(&tree, &changes).unwrap();
            prop_assert_eq!(files(&tree), written(&changes, true));
        }
    }

    fn change(path: &str, old: Option<&[u8]>, new: &[u8]) -> Change {
        Change { path: path.to_owned(), old: old.map(<[u8]>::to_vec), new: Some(new.to_vec()) }
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_not_lost() {
        let (_folder, tree) = tree();
        fs::write(tree.path("secrets/a.age"), "mine").unwrap();
        for changes in [
            [change("secrets/b.age", None, b"b"), change("secrets/a.age", Some(b"other"), b"new")],
            [change("secrets/b.age", None, b"b"), change("secrets/a.age", None, b"new")],
        ] {
            let error = commit(&tree, &changes).unwrap_err();
            assert_eq!(
                error.to_string(),
                "secrets/a.age changed while this ran, so nothing was written; run it again"
            );
            assert_eq!(files(&tree), BTreeMap::from([("a.age".to_owned(), b"mine".to_vec())]));
        }
    }

    #[test]
    fn a_file_made_into_something_third_stops_resume() {
        let (_folder, tree) = tree();
        fs::write(tree.path("secrets/a.age"), "old").unwrap();
        let place = Place::of(&tree);
        let journal = place.stage(&[change("secrets/a.age", Some(b"old"), b"new")]).unwrap();
        place.decide(&journal).unwrap();
        fs::write(tree.path("secrets/other"), "third").unwrap();
        fs::rename(tree.path("secrets/other"), tree.path("secrets/a.age")).unwrap();
        let error = resume(&tree).unwrap_err().to_string();
        assert!(
            error.starts_with("secrets/a.age is neither what it was before nor what it should become"),
            "{error}"
        );
        assert_eq!(fs::read(tree.path("secrets/a.age")).unwrap(), b"third");
    }

    #[test]
    fn two_at_once_are_refused() {
        let (_folder, tree) = tree();
        let _lock = Place::of(&tree).lock().unwrap();
        let error = commit(&tree, &[change("secrets/a.age", None, b"new")]).unwrap_err().to_string();
        assert!(error.ends_with("is being changed by somebody else"), "{error}");
    }

    #[test]
    fn a_target_that_cannot_be_replaced_brings_all_back() {
        let (_folder, tree) = tree();
        for name in ["a", "b", "c"] {
            fs::write(tree.path(&format!("secrets/{name}.age")), name).unwrap();
        }
        let place = Place::of(&tree);
        let all: Vec<Change> = ["a", "b", "c"]
            .map(|name| change(&format!("secrets/{name}.age"), Some(name.as_bytes()), b"new"))
            .into();
        let journal = place.stage(&all).unwrap();
        place.decide(&journal).unwrap();
        // No file is renamed over a folder.
        fs::remove_file(tree.path("secrets/b.age")).unwrap();
        fs::create_dir(tree.path("secrets/b.age")).unwrap();
        let error = place.forward_or_back(&journal).unwrap_err();
        assert!(matches!(error, Error::Stuck { .. }), "{error}");
        fs::remove_dir(tree.path("secrets/b.age")).unwrap();
        fs::write(tree.path("secrets/b.age"), "b").unwrap();
        assert_eq!(resume(&tree).unwrap(), Resumed::AllOld);
        let expected = ["a", "b", "c"].map(|name| (format!("{name}.age"), name.as_bytes().to_vec()));
        assert_eq!(files(&tree), BTreeMap::from(expected));
    }
}
