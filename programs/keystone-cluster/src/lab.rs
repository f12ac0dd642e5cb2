//! Three primers on this machine: real daemons in folders of their own, that outlive the command which started them. Where
//! it is asked for, a real Headscale and a real control plane run beside them with the credentials that they made.

mod headscale;
mod kubernetes;
mod layout;
mod lock;
mod peers;
mod primer;
mod private;
mod process;
mod programs;
mod service;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use keystone_generator::{Input, InputError};
use keystone_model::Role;
use serde_json::json;
use thiserror::Error;

use layout::Layout;
use peers::Needs;
use primer::Primer;

pub use peers::With;
pub use service::launch;

use crate::certificates::CertificatesError;

/// The name under which this program is a primer.
const PRIMER: &str = "keystone-primer";

#[derive(Debug, Error)]
pub enum LabError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    #[error("cannot use `{}`: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}` holds something that is no lab; choose a new folder with --dir DIR", .0.display())]
    Foreign(PathBuf),
    #[error("there is no lab in `{}`\n  next: keystone-cluster lab up", .0.display())]
    NoLab(PathBuf),
    #[error("the inventory has {0} primers; a lab needs an odd number from 3")]
    Primers(usize),
    #[error("the lab has no primer {number}; there are {count}")]
    NoPrimer { number: usize, count: usize },
    #[error("{primer} did not start; its log, {}, ends with:\n{end}", log.display())]
    NotStarted { primer: String, log: PathBuf, end: String },
    #[error("on {primer}, `keystone-primer {verb}` failed:\n{said}")]
    Failed { primer: String, verb: String, said: String },
    #[error("{missing}: neither on PATH nor in `{}`\n  next: checks/peers/setup", peers.display())]
    NoPrograms { missing: String, peers: PathBuf },
    #[error("nobody in the inventory is of the {0}, and what runs beside the primers needs one")]
    Nobody(&'static str),
    #[error("what runs beside the primers opens the lab's secrets with throw-away identities, and there is no `{}`\n  next: name their folder with --identities DIR; checks/fixtures/identities has those of the reference cluster", .0.display())]
    NoIdentity(PathBuf),
    #[error("cannot open `{}` with `{}`: {reason}", file.display(), identity.display())]
    Closed { file: PathBuf, identity: PathBuf, reason: String },
    #[error("{generator}: {reason}")]
    Render { generator: &'static str, reason: String },
    #[error("{name} does not answer: {why}; its log, {}, ends with:\n{end}", log.display())]
    NoService { name: &'static str, why: String, log: PathBuf, end: String },
}

impl LabError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Whether the program was called by the primer's name.
pub fn is_primer(name: Option<OsString>) -> bool {
    name.is_some_and(|name| Path::new(&name).file_name().is_some_and(|name| name == PRIMER))
}

/// Says what happens, as it happens.
fn step(text: &str) {
    eprintln!("lab: {text}");
}

/// Starts what does not run, and holds the ceremony if it was not held.
pub fn up(folder: &Path, inventory: &Path, with: &[With], identities: &Path) -> Result<String, LabError> {
    let began = Instant::now();
    let there = Layout::open(folder)?;
    // What is missing is said before anything is made or started.
    let own = there.as_ref().map(|layout| layout.folder.join("cluster.toml"));
    let needs = if with.is_empty() {
        None
    } else {
        let input = Input { inventory: own.unwrap_or_else(|| inventory.to_owned()), trust: None };
        Some(Needs::find(with, identities, &input.inventory()?.0.cluster)?)
    };
    let layout = match there {
        Some(layout) => layout,
        None => create(folder, inventory)?,
    };
    let lock = layout.lock()?;
    let primers = layout.primers();
    for primer in &primers {
        if primer.running() {
            step(&format!("{} runs already", primer.name));
        } else {
            primer.start()?;
            step(&format!("{} listens on {}", primer.name, primer.address));
        }
    }
    let Some((first, others)) = primers.split_first() else { return Err(LabError::Primers(0)) };
    if !first.begun() {
        step(&format!("{} begins the root of trust", first.name));
        let tokens = lock.inherited(|| first.ask(&["init", "--cluster", &layout.cluster], ""))?;
        for primer in others {
            let token = tokens["tokens"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|token| token["name"] == primer.name.as_str());
            let token = token.and_then(|token| token["token"].as_str()).unwrap_or_default();
            lock.inherited(|| primer.ask(&["join", "--token", "-"], token))?;
            step(&format!("{} joined by its token", primer.name));
        }
    }
    step("the primers make the root key and the backup key together");
    for primer in &primers {
        lock.inherited(|| primer.ask(&["status", "--wait", "60"], ""))?;
    }
    step("two of them sign the intermediates, and every credential of the inventory is made and encrypted");
    let arguments = layout.credentials();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = lock.inherited(|| first.ask(&arguments, ""))?;
    let count = made["written"].as_array().map_or(0, Vec::len);
    step(&if count == 0 { "nothing was missing".to_owned() } else { format!("{count} files were written") });
    let root = first.ask(&["status", "--verify"], "")?;
    step(&format!("the record replays: {} entries are right", root["replay"]["entries"]));
    let beside = match &needs {
        Some(needs) => peers::up(&layout.folder, needs, &lock)?,
        None => String::new(),
    };
    Ok(summary(&layout, &primers, &root, began) + &beside)
}

fn create(folder: &Path, inventory: &Path) -> Result<Layout, LabError> {
    let input = Input { inventory: inventory.to_owned(), trust: None };
    let (read, text) = input.inventory()?;
    let cluster = &read.cluster;
    let names: Vec<String> = cluster
        .nodes
        .iter()
        .filter(|(_, node)| node.roles.contains(&Role::Primer))
        .map(|(name, _)| name.to_string())
        .collect();
    if names.len() < 3 || names.len().is_multiple_of(2) {
        return Err(LabError::Primers(names.len()));
    }
    step(&format!("a lab of the cluster {} in {}", cluster.cluster.name, folder.display()));
    Layout::create(folder, cluster.cluster.name.as_str(), cluster.secrets.quorum_size, &names, &text)
}

fn summary(layout: &Layout, primers: &[Primer], status: &serde_json::Value, began: Instant) -> String {
    let mut text = String::new();
    let bin = layout.program();
    let config = primers.first().map(|primer| primer.config.display().to_string()).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\nThis is a LAB: its keys lie on this machine, and nothing of it is to be trusted.\n"
    );
    for primer in primers {
        let _ = writeln!(text, "  {:<12}{:<24}{}", primer.name, primer.address, primer.folder.display());
    }
    for (name, fingerprint) in status["keys"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "  key {name:<12}{:.32}", fingerprint.as_str().unwrap_or_default());
    }
    let _ = writeln!(
        text,
        "  secrets     {}\n  public      {}\n\nQuorum: {}/{} primers healthy, after {:.1} s. Try:\n\n  \
         export KEYSTONE_PRIMER_CONFIG={config}\n  \
         {bin} status --verify\n  \
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout node.key -out worker-1.csr\n  \
         {bin} sign-certificate --csr worker-1.csr\n  \
         date | age -r \"$(cat {folder}/backup-recipient.txt)\" > date.enc && {bin} decrypt-backup --input date.enc\n  \
         keystone-cluster lab stop-primer 2      # any two still sign\n  \
         keystone-cluster lab down",
        layout.folder.join("secrets").display(),
        layout.folder.join("trust").display(),
        status["healthy"],
        status["declared"],
        began.elapsed().as_secs_f64(),
        bin = bin.display(),
        folder = primers.first().map(|primer| primer.folder.display().to_string()).unwrap_or_default(),
    );
    text
}

/// What runs.
pub fn status(folder: &Path, json: bool) -> Result<String, LabError> {
    let layout = Layout::open(folder)?.ok_or_else(|| LabError::NoLab(folder.to_owned()))?;
    let primers = layout.primers();
    let first = primers.iter().find(|primer| primer.running());
    let quorum = first.map(|primer| primer.ask(&["status"], "")).transpose()?;
    let seen = peers::seen(&layout.folder);
    if json {
        let of = |name: &str, address: &str, running: bool| json!({ "name": name, "address": address, "running": running });
        let primers: Vec<_> = primers.iter().map(|one| of(&one.name, &one.address, one.running())).collect();
        let beside: Vec<_> =
            seen.iter().map(|one| of(one.service.name, &one.address, one.service.running())).collect();
        let document = json!({
            "ok": true,
            "untrusted": true,
            "lab": layout.folder,
            "healthy": quorum.as_ref().map(|status| &status["healthy"]),
            "declared": quorum.as_ref().map(|status| &status["declared"]),
            "primers": primers,
            "peers": beside,
            "kubeconfig": peers::kubeconfig(&layout.folder),
        });
        return Ok(format!("{document:#}\n"));
    }
    let mut text = String::from("This is a LAB: nothing of it is to be trusted.\n");
    let mut line = |name: &str, running: bool, address: &str| {
        let state = if running { "runs" } else { "stopped" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<24}{state:<10}{address}");
    };
    for primer in &primers {
        line(&primer.name, primer.running(), &primer.address);
    }
    for one in &seen {
        line(one.service.name, one.service.running(), &one.address);
    }
    if let Some(path) = peers::kubeconfig(&layout.folder) {
        let _ = writeln!(text, "  kubeconfig  {}", path.display());
    }
    if let Some(status) = quorum {
        let _ = writeln!(text, "Quorum: {}/{} primers healthy", status["healthy"], status["declared"]);
    } else {
        text.push_str("next: keystone-cluster lab up\n");
    }
    Ok(text)
}

/// Stops one.
pub fn stop_primer(folder: &Path, number: usize) -> Result<String, LabError> {
    let layout = Layout::open(folder)?.ok_or_else(|| LabError::NoLab(folder.to_owned()))?;
    let primers = layout.primers();
    let count = primers.len();
    let primer =
        number.checked_sub(1).and_then(|at| primers.get(at)).ok_or(LabError::NoPrimer { number, count })?;
    Ok(if primer.stop()? {
        format!("{} was stopped\nnext: keystone-cluster lab up starts it again\n", primer.name)
    } else {
        format!("{} was not running\n", primer.name)
    })
}

/// Stops all, and removes the folder.
pub fn down(folder: &Path, keep: bool) -> Result<String, LabError> {
    let layout = Layout::open(folder)?.ok_or_else(|| LabError::NoLab(folder.to_owned()))?;
    let _lock = layout.lock()?;
    let beside = peers::down(&layout.folder)?;
    let mut stopped = 0;
    for primer in layout.primers() {
        stopped += usize::from(primer.stop()?);
    }
    if !keep {
        fs::remove_dir_all(&layout.folder).map_err(LabError::file(&layout.folder))?;
    }
    let rest = if keep { "its folder stays" } else { "its folder is gone" };
    let beside = if beside == 0 { String::new() } else { format!(" and {beside} programs beside them") };
    Ok(format!("{stopped} primers{beside} were stopped, and {rest}\n"))
}
