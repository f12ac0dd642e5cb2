//! The steps, each found out from what is there, so that it does not matter where an earlier run ended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::journal::Journal;
use super::look::{self, Sight, no_quorum, survivor};
use super::make::{self, Access};
use crate::commands::Client;
use crate::handoff::etcd::Etcd;
use crate::refusal::Refusal;

/// How often new members are asked whether they run.
const PAUSE: Duration = Duration::from_millis(500);

/// How it is done.
pub struct Options<'o> {
    /// Who is asked.
    pub etcd: &'o Etcd,
    /// Where everything is put together.
    pub work: PathBuf,
    /// A file that was saved before, instead of a member that still has everything.
    pub snapshot: Option<PathBuf>,
    /// How a member is asked for everything.
    pub access: &'o dyn Fn(&str) -> Result<Access, Refusal>,
    /// Every node that may be or have been a member.
    pub nodes: BTreeSet<String>,
    /// The cluster's name.
    pub cluster: String,
    /// How long the new members may take to start.
    pub patience: Duration,
    /// Tells what happens.
    pub tell: &'o dyn Fn(&str),
}

impl Options<'_> {
    fn folder(&self, journal: &Journal) -> PathBuf {
        self.work.join(&journal.label)
    }
}

/// Looks, without doing anything: what was seen, and whom everything would be taken from.
pub fn look(options: &Options<'_>, intended: &Journal) -> Result<(Sight, Option<String>), Refusal> {
    let sight = look::look(options.etcd, &options.nodes);
    let from = survivor(&sight, &intended.lost, &intended.members.iter().cloned().collect())?;
    Ok((sight, from))
}

/// A new quorum, from wherever an earlier run ended. The journal at the end.
pub fn run(client: &Client, intended: Journal, options: &Options<'_>) -> Result<Journal, Refusal> {
    let mut journal = match Journal::load(client)? {
        Some(journal) if journal.members == intended.members && journal.lost == intended.lost => journal,
        Some(other) => {
            let lost: Vec<&str> = other.lost.iter().map(String::as_str).collect();
            return Err(Refusal::new(format!(
                "a recovery is under way, to the members {}, without {}",
                other.members.join(", "),
                if lost.is_empty() { "nobody lost".to_owned() } else { lost.join(", ") }
            ))
            .fix(
                "go on with the same, or give it up: keystone-primer recover --mode quorum-restore --abort",
            ));
        }
        None => {
            look(options, &intended)?;
            (options.tell)("nobody leads: begin");
            intended.save(client)?;
            intended
        }
    };
    let folder = options.folder(&journal);
    if journal.revision.is_none() {
        journal.revision = Some(gather(options, &journal, &folder)?);
        journal.save(client)?;
    }
    for node in journal.members.clone() {
        if !folder.join(&node).exists() {
            make_member(client, options, &mut journal, &folder, &node)?;
        }
    }
    wait(options, &journal, &folder)?;
    Ok(journal)
}

/// Everything that is left, into the folder.
fn gather(options: &Options<'_>, journal: &Journal, folder: &Path) -> Result<u64, Refusal> {
    // However long ago the journal was begun.
    let (_, from) = look(options, journal)?;
    make::folder(folder)?;
    if let Some(file) = &options.snapshot {
        (options.tell)(&format!("take {}", file.display()));
        return make::take(file, folder);
    }
    let from = from.ok_or_else(|| {
        Refusal::new("no member of etcd answers, so there is nothing to begin from")
            .fix("name a file: --snapshot FILE; docs/how-to/restore-the-quorum.md says how to make one of a member's folder")
    })?;
    (options.tell)(&format!("save what {from} has"));
    make::save(&(options.access)(&from)?, folder)
}

fn make_member(
    client: &Client,
    options: &Options<'_>,
    journal: &mut Journal,
    folder: &Path,
    node: &str,
) -> Result<(), Refusal> {
    (options.tell)(&format!("make the folder of {node}"));
    let peers = journal
        .members
        .iter()
        .map(|name| {
            let url = options.etcd.peers.get(name);
            url.map(|url| (name.clone(), url.clone()))
                .ok_or_else(|| Refusal::new(format!("{name} has no peer URL")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let token = format!("{}-{}", options.cluster, journal.label);
    let (part, number) = make::member(folder, node, &peers, &token)?;
    match journal.number() {
        Some(known) if known != number => {
            return Err(Refusal::new(format!("the folder of {node} would be of another cluster"))
                .fix("name the same peers as before, or give it up with --abort"));
        }
        Some(_) => {}
        None => {
            journal.cluster = Some(format!("{number:x}"));
            // Before the first folder is there to be carried away.
            journal.save(client)?;
        }
    }
    make::settle(&part, &folder.join(node))
}

/// Until every new member runs and one leads.
fn wait(options: &Options<'_>, journal: &Journal, folder: &Path) -> Result<(), Refusal> {
    let new = journal.number();
    let since = Instant::now();
    let mut told = false;
    loop {
        let sight = look::look(options.etcd, &options.nodes);
        no_quorum(&sight, new)?;
        let missing: Vec<&str> = journal
            .members
            .iter()
            .filter(|node| {
                !matches!(sight.get(*node), Some(Ok(seen)) if Some(seen.cluster) == new && seen.led && seen.well)
            })
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !told {
            for node in &missing {
                (options.tell)(&format!(
                    "copy {} to {node}, as /var/lib/etcd-{}, owned by etcd",
                    folder.join(node).display(),
                    journal.label
                ));
            }
            (options.tell)(&format!(
                "deploy them with keystone.etcd.restored = \"{}\"; waiting for {}",
                journal.label,
                missing.join(", ")
            ));
            told = true;
        }
        if since.elapsed() >= options.patience {
            let stale = |node: &&str| matches!(sight.get(*node), Some(Ok(seen)) if Some(seen.cluster) != new);
            let how: Vec<String> = missing
                .iter()
                .map(|node| {
                    let what =
                        if stale(node) { "still runs from its old folder" } else { "does not run yet" };
                    format!("{node} {what}")
                })
                .collect();
            return Err(Refusal::new(format!(
                "after {} s {}",
                options.patience.as_secs(),
                how.join(", and ")
            ))
            .fix("see to it, then the same command again"));
        }
        thread::sleep(PAUSE);
    }
}

/// Gives up a recovery of which no new member runs. What was put together stays where it is.
pub fn abort(client: &Client, options: &Options<'_>) -> Result<PathBuf, Refusal> {
    let journal = Journal::load(client)?
        .ok_or_else(|| Refusal::new("no recovery is under way").fix("keystone-cluster health"))?;
    let new = journal.number();
    let sight = look::look(options.etcd, &options.nodes);
    let running =
        sight.iter().find(|(_, seen)| new.is_some() && matches!(seen, Ok(seen) if Some(seen.cluster) == new));
    if let Some((node, _)) = running {
        return Err(Refusal::new(format!("{node} runs as one of the new members already"))
            .fix("go on; or stop its etcd, and deploy it as it was, first"));
    }
    journal.end(client)?;
    Ok(options.folder(&journal))
}
