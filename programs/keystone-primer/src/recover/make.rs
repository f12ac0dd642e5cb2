//! The folders of the new members, by etcd's own programs. Each is there whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::refusal::Refusal;

/// Watchers of a cluster that went back in time would not notice; so it goes far ahead instead, and they begin anew.
const AHEAD: &str = "1000000000";

/// How a member is asked.
pub struct Access {
    /// `https://host:port`.
    pub endpoint: String,
    /// Whom to believe.
    pub anchor: PathBuf,
    /// This machine's certificate and key.
    pub own: (PathBuf, PathBuf),
}

/// The folder of one recovery.
pub fn folder(path: &Path) -> Result<(), Refusal> {
    // It holds the whole cluster.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Refusal::file("make", path, &error))
}

fn run(program: &str, arguments: &mut Command) -> Result<(String, String), Refusal> {
    let output = arguments.stdin(Stdio::null()).output().map_err(|error| {
        Refusal::new(format!("cannot run {program}: {error}"))
            .fix("put etcd's programs on PATH; on a primer the module does")
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        return Ok((out, error));
    }
    let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    Err(Refusal::new(format!("{program} ended with {}: {last}", output.status)))
}

const SNAPSHOT: &str = "etcd.snapshot";

/// Saves everything that a member has.
pub fn save(access: &Access, folder: &Path) -> Result<u64, Refusal> {
    let target = folder.join(SNAPSHOT);
    if !target.exists() {
        run(
            "etcdctl",
            Command::new("etcdctl")
                .args(["--endpoints", &access.endpoint, "--dial-timeout", "10s", "--cacert"])
                .arg(&access.anchor)
                .arg("--cert")
                .arg(&access.own.0)
                .arg("--key")
                .arg(&access.own.1)
                .args(["snapshot", "save"])
                .arg(&target),
        )?;
    }
    revision(&target)
}

/// Takes a file that was saved before.
pub fn take(file: &Path, folder: &Path) -> Result<u64, Refusal> {
    let target = folder.join(SNAPSHOT);
    if !target.exists() {
        let part = folder.join(format!("{SNAPSHOT}.part"));
        let copied = fs::copy(file, &part).and_then(|_| File::open(&part)?.sync_all());
        copied.map_err(|error| Refusal::file("copy", file, &error))?;
        settle(&part, &target)?;
    }
    revision(&target)
}

/// The last revision in a snapshot.
fn revision(file: &Path) -> Result<u64, Refusal> {
    let (said, _) = run(
        "etcdutl",
        Command::new("etcdutl").args(["snapshot", "status", "--write-out", "json"]).arg(file),
    )?;
    let said: Value = serde_json::from_str(&said).unwrap_or_default();
    said["revision"]
        .as_u64()
        .ok_or_else(|| Refusal::new(format!("etcdutl does not say what `{}` holds", file.display())))
}

/// Makes the folder of a member, beside its place. Gives the number of the new cluster.
pub fn member(
    folder: &Path,
    node: &str,
    peers: &[(String, String)],
    token: &str,
) -> Result<(PathBuf, u64), Refusal> {
    let part = folder.join(format!(".{node}.part"));
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Refusal::file("remove", &part, &error));
        }
        _ => {}
    }
    let url = peers.iter().find(|(name, _)| name == node).map(|(_, url)| url.as_str()).unwrap_or_default();
    let all: Vec<String> = peers.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let (_, log) = run(
        "etcdutl",
        Command::new("etcdutl")
            .args(["snapshot", "restore", "--bump-revision", AHEAD, "--mark-compacted"])
            .args(["--name", node, "--initial-advertise-peer-urls", url])
            .args(["--initial-cluster", &all.join(","), "--initial-cluster-token", token, "--data-dir"])
            .arg(&part)
            .arg(folder.join(SNAPSHOT)),
    )?;
    let number = log
        .split("\"cluster-id\":")
        .nth(1)
        .and_then(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| {
            Refusal::new("etcdutl does not say which cluster it made, so no stranger could be told from it")
                .fix("use etcd 3.6")
        })?;
    Ok((part, number))
}

/// Puts what is whole in its place.
pub fn settle(part: &Path, target: &Path) -> Result<(), Refusal> {
    let folder = target.parent().unwrap_or(target);
    fs::rename(part, target)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|error| Refusal::file("write", target, &error))
}
