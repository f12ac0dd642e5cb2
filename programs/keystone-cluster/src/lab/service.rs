//! A program beside the primers: started so that whoever ends the lab finds it, whenever this command is killed.

use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::LabError;
use super::lock::Lock;
use super::private;
use super::process::Process;

const PATIENCE: Duration = Duration::from_secs(60);

/// A program, by the name that it has on disk.
pub struct Service {
    pub name: &'static str,
    /// What it keeps.
    pub folder: PathBuf,
}

impl Service {
    pub fn new(peers: &Path, name: &'static str) -> Self {
        Self { name, folder: peers.join(name) }
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Writes a file that it reads.
    pub fn file(&self, name: &str, text: &str) -> Result<String, LabError> {
        private::folder(&self.folder)?;
        let path = self.folder.join(name);
        private::write(&path, text.as_bytes())?;
        Ok(path.display().to_string())
    }

    /// Whether what was started here still runs.
    pub fn running(&self) -> bool {
        Process::read(&self.pid_file()).is_some_and(|process| process.running())
    }

    /// Starts it, in a process group of its own. What it finds in its environment is nobody's setting.
    pub fn start(&self, program: &Path, arguments: &[String], lock: &Lock) -> Result<Child, LabError> {
        private::folder(&self.folder)?;
        let log = self.log();
        let output = || File::options().create(true).append(true).open(&log).map_err(LabError::file(&log));
        let own = env::current_exe().map_err(LabError::file(program))?;
        Command::new(&own)
            .args(["lab", "launch", "--pid"])
            .arg(self.pid_file())
            .arg("--")
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("HOME", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::from(lock.shared().map_err(LabError::file(&self.folder))?))
            .stdout(output()?)
            .stderr(output()?)
            .process_group(0)
            .spawn()
            .map_err(LabError::file(&own))
    }

    /// Waits until it answers as it should, or has ended.
    pub fn ready(&self, mut child: Child, answers: impl Fn() -> Result<(), String>) -> Result<(), LabError> {
        let began = Instant::now();
        loop {
            let why = match answers() {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            let ended = child.try_wait().map_err(LabError::file(&self.folder))?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let why = ended.map_or(why, |status| format!("it ended: {status}"));
                return Err(LabError::NoService { name: self.name, why, log: self.log(), end: self.end() });
            }
            // None of these programs tells anybody when it is ready.
            sleep(Duration::from_millis(50));
        }
    }

    fn end(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends it, if it is still what was started here.
    pub fn stop(&self) -> Result<bool, LabError> {
        let Some(process) = Process::read(&self.pid_file()) else { return Ok(false) };
        let stopped = process.stop();
        fs::remove_file(self.pid_file()).map_err(LabError::file(&self.pid_file()))?;
        Ok(stopped)
    }
}

/// Notes this process where the lab looks for it, and becomes the program. Until then standard input is the lab's lock.
pub fn launch(pid: &Path, program: &Path, arguments: &[std::ffi::OsString]) -> LabError {
    let noted = Process::of(std::process::id())
        .ok_or_else(|| std::io::Error::other("this process cannot be seen in /proc"))
        .and_then(|process| process.write(pid));
    match noted {
        Ok(()) => LabError::file(program)(Command::new(program).args(arguments).stdin(Stdio::null()).exec()),
        Err(error) => LabError::file(pid)(error),
    }
}
