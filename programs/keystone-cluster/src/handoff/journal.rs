//! The journal: the plan, and each step before and after it, one line each, on the disk before anything goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::HandoffError;
use super::plan::{Plan, Step};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    Plan(Plan),
    Began(Step),
    Done { step: Step, answer: Value },
}

/// A journal, held alone as long as it is open.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    entries: Vec<Entry>,
}

impl Journal {
    /// Opens the journal for writing; it need not be there yet.
    pub fn open(path: &Path) -> Result<Self, HandoffError> {
        let failed = |source| HandoffError::Journal { path: path.to_owned(), source };
        fs::create_dir_all(folder(path)).map_err(failed)?;
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => HandoffError::Busy(path.to_owned()),
            other => failed(other.into()),
        })?;
        let mut journal = Self::look(path)?;
        // What a torn last line left would spoil the next.
        let whole: u64 = fs::read_to_string(path)
            .map_err(failed)?
            .rfind('\n')
            .map_or(0, |end| u64::try_from(end).unwrap_or_default() + 1);
        file.set_len(whole).map_err(failed)?;
        journal.file = Some(file);
        Ok(journal)
    }

    /// Reads what there is, and writes nothing.
    pub fn look(path: &Path) -> Result<Self, HandoffError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(HandoffError::Journal { path: path.to_owned(), source }),
        };
        // A line without its end was being written when the machine stopped: what it tells did not happen yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let entries = whole
            .lines()
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|error| HandoffError::DamagedJournal {
                    path: path.to_owned(),
                    line: index + 1,
                    reason: error.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), file: None, entries })
    }

    pub fn plan(&self) -> Option<&Plan> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Plan(plan) => Some(plan),
            _ => None,
        })
    }

    pub fn began(&self, step: Step) -> bool {
        self.entries.contains(&Entry::Began(step))
    }

    /// What a step answered, if it is done.
    pub fn answer(&self, step: Step) -> Option<&Value> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Done { step: done, answer } if *done == step => Some(answer),
            _ => None,
        })
    }

    pub fn begin(&mut self, plan: &Plan) -> Result<(), HandoffError> {
        self.add(Entry::Plan(plan.clone()))
    }

    /// Adds a line, and returns when it is on the disk.
    pub fn add(&mut self, entry: Entry) -> Result<(), HandoffError> {
        let failed = |source| HandoffError::Journal { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&entry).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        if let Some(file) = &mut self.file {
            file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)?;
            if self.entries.is_empty() {
                File::open(folder(&self.path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The move is over. The journal stays beside as the last one.
    pub fn close(&mut self) -> Result<(), HandoffError> {
        let mut last = self.path.clone().into_os_string();
        last.push(".last");
        fs::rename(&self.path, last)
            .map_err(|source| HandoffError::Journal { path: self.path.clone(), source })
    }
}

/// The folder of a file; the one we are in, where the path names none.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
