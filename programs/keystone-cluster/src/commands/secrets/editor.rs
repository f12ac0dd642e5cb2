//! An editor works on files: this one lies in memory, in a folder that nobody else enters, and goes away with it.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keystone_secrets::{Error, Plain};
use rustix::fs::statfs;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use tempfile::TempDir;
use zeroize::Zeroizing;

const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

pub fn edit(name: &str, old: Option<&Plain>, require_lock: bool) -> Result<Option<Plain>, Error> {
    let failed = |error: io::Error| Error::Refused(format!("cannot edit {name}: {error}"));
    if require_lock && swaps(&fs::read_to_string("/proc/swaps").map_err(failed)?) {
        return Err(Error::Refused(format!(
            "an editor's file could be swapped out to a disk here, and `--require-mlock` forbids that; write {name} through a \
             pipe instead: `keystone-cluster secrets edit NAME < FILE`"
        )));
    }
    let alive = Alive::through_signals().map_err(failed)?;
    let folder = private_folder()?;
    let file = folder.path().join(name.rsplit('/').next().unwrap_or(name));
    let mut opened =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(failed)?;
    opened.write_all(old.map_or(&[], Plain::bytes)).map_err(failed)?;
    drop(opened);
    let edited = run(&file).and_then(|()| fs::read(&file));
    // Files that the editor left beside hold parts of it too.
    let wiped = wipe(folder.path());
    let edited = Zeroizing::new(edited.map_err(failed)?);
    wiped.map_err(failed)?;
    folder.close().map_err(failed)?;
    if alive.was_ended() {
        return Err(failed(io::Error::other("this was ended from outside, and nothing was changed")));
    }
    if edited.is_empty() {
        return Ok(None);
    }
    Plain::of(&edited, require_lock).map(Some)
}

/// Whether anything is swapped out to: a list with a heading.
fn swaps(list: &str) -> bool {
    list.lines().skip(1).any(|line| !line.trim().is_empty())
}

/// A signal to everything at the terminal is one to this program too, which would leave the secret where the editor had it.
/// So it outlives the editor, clears up, and ends then.
struct Alive {
    ended: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Alive {
    fn through_signals() -> io::Result<Self> {
        let alive = Self { ended: Arc::default(), over: Arc::default() };
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            // Once the editor is gone, each does what it always does.
            flag::register_conditional_default(signal, Arc::clone(&alive.over))?;
        }
        // The other two are an editor's own business.
        for signal in [SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&alive.ended))?;
        }
        Ok(alive)
    }

    fn was_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// A folder of our own on a file system that lies in memory.
fn private_folder() -> Result<TempDir, Error> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    for place in runtime.into_iter().chain([PathBuf::from("/dev/shm")]) {
        if !in_memory(&place) {
            continue;
        }
        let folder = tempfile::Builder::new()
            .prefix("keystone-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&place);
        if let Ok(folder) = folder {
            return Ok(folder);
        }
    }
    Err(Error::Refused(
        "there is no file system in memory here ($XDG_RUNTIME_DIR, /dev/shm) for an editor to work on, and on a disk the secret \
         could be found again; write it through a pipe instead: `keystone-cluster secrets edit NAME < FILE`"
            .to_owned(),
    ))
}

fn in_memory(place: &Path) -> bool {
    statfs(place)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| kind == TMPFS || kind == RAMFS))
}

fn run(file: &Path) -> io::Result<()> {
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_ascii_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = Command::new(program);
    command.args(words);
    let plain = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or(program);
    if matches!(plain, "vi" | "vim" | "nvim") {
        // They keep backups, undo files, swap files and registers in other places.
        command.args(["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile"]);
    } else if !matches!(plain, "nano" | "ed") {
        eprintln!("warning: whether {plain} keeps copies elsewhere (backups, histories) is not known here");
    }
    let done =
        command.arg(file).status().map_err(|error| io::Error::other(format!("`{program}`: {error}")))?;
    if done.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("`{program}` failed, and nothing was changed")))
    }
}

/// Overwrites every file of the folder.
fn wipe(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let length = usize::try_from(entry.metadata()?.len()).unwrap_or(0);
            let mut file = OpenOptions::new().write(true).open(entry.path())?;
            file.write_all(&vec![0; length])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::swaps;

    #[test]
    fn a_list_with_a_heading_alone_is_none() {
        let heading = "Filename\tType\tSize\tUsed\tPriority\n";
        assert!(!swaps(heading));
        assert!(swaps(&format!("{heading}/dev/sda2 partition 1 0 -2\n")));
    }
}
