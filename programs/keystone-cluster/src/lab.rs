//! Three primers on this machine: real daemons in folders of their own, that outlive the command which started them.

mod layout;
mod primer;
mod process;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use keystone_generator::{Input, InputError};
use keystone_model::Role;
use thiserror::Error;

use layout::Layout;
use primer::Primer;

/// The name under which this program is a primer.
const PRIMER: &str = "keystone-primer";

#[derive(Debug, Error)]
pub enum LabError {
    #[error(transparent)]
    Input(#[from] InputError),
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
pub fn up(folder: &Path, inventory: &Path) -> Result<String, LabError> {
    let began = Instant::now();
    let layout = match Layout::open(folder)? {
        Some(layout) => layout,
        None => create(folder, inventory)?,
    };
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
        let tokens = first.ask(&["init", "--cluster", &layout.cluster], "")?;
        for primer in others {
            let token = tokens["tokens"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|token| token["name"] == primer.name.as_str());
            let token = token.and_then(|token| token["token"].as_str()).unwrap_or_default();
            primer.ask(&["join", "--token", "-"], token)?;
            step(&format!("{} joined by its token", primer.name));
        }
    }
    step("the primers make the root key and the backup key together");
    for primer in &primers {
        primer.ask(&["status", "--wait", "60"], "")?;
    }
    step("two of them sign the intermediates, and every credential of the inventory is made and encrypted");
    let made = first.ask(&layout.credentials().iter().map(String::as_str).collect::<Vec<_>>(), "")?;
    let count = made["written"].as_array().map_or(0, Vec::len);
    step(&if count == 0 { "nothing was missing".to_owned() } else { format!("{count} files were written") });
    let root = first.ask(&["status", "--verify"], "")?;
    step(&format!("the record replays: {} entries are right", root["replay"]["entries"]));
    Ok(summary(&layout, &primers, &root, began))
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
pub fn status(folder: &Path) -> Result<String, LabError> {
    let layout = Layout::open(folder)?.ok_or_else(|| LabError::NoLab(folder.to_owned()))?;
    let primers = layout.primers();
    let mut text = String::from("This is a LAB: nothing of it is to be trusted.\n");
    for primer in &primers {
        let state = if primer.running() { "runs" } else { "stopped" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<12}{state:<10}{}", primer.name, primer.address);
    }
    if let Some(primer) = primers.iter().find(|primer| primer.running()) {
        let status = primer.ask(&["status"], "")?;
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
    let mut stopped = 0;
    for primer in layout.primers() {
        stopped += usize::from(primer.stop()?);
    }
    if !keep {
        fs::remove_dir_all(&layout.folder).map_err(LabError::file(&layout.folder))?;
    }
    let rest = if keep { "its folder stays" } else { "its folder is gone" };
    Ok(format!("{stopped} primers were stopped, and {rest}\n"))
}
