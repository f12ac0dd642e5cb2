//! A primer of the lab: its daemon, and its command line.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::LabError;
use super::process::Process;

/// A primer of the lab.
pub struct Primer {
    pub name: String,
    pub address: String,
    pub folder: PathBuf,
    pub config: PathBuf,
    program: PathBuf,
}

impl Primer {
    pub fn new(lab: &Path, program: &Path, name: &str, address: &str) -> Self {
        let folder = lab.join(name);
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            config: folder.join("primer.json"),
            folder,
            program: program.to_owned(),
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// Whether the daemon that was started here still runs.
    pub fn running(&self) -> bool {
        Process::read(&self.pid_file()).is_some_and(|process| process.running())
    }

    /// Whether it has state.
    pub fn begun(&self) -> bool {
        self.folder.join("keys/version").exists()
    }

    /// Starts the daemon, in a process group of its own, so that it survives this terminal.
    pub fn start(&self) -> Result<(), LabError> {
        let log = self.folder.join("log");
        let output = File::options().create(true).append(true).open(&log).map_err(LabError::file(&log))?;
        // Bound here, so that whoever has the port meanwhile is known at once, and peers may connect at once.
        let socket = TcpListener::bind(&self.address).map_err(LabError::file(Path::new(&self.address)))?;
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config)
            .args(["serve", "--inherited"])
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stdout(Stdio::piped())
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(LabError::file(&self.program))?;
        let process = Process::of(child.id()).ok_or_else(|| self.not_started(&log))?;
        process.write(&self.pid_file()).map_err(LabError::file(&self.pid_file()))?;
        // It says one line when it answers, and closes without one when it cannot.
        let mut ready = String::new();
        let told = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut ready));
        if matches!(told, Some(Ok(length)) if length > 0) { Ok(()) } else { Err(self.not_started(&log)) }
    }

    fn not_started(&self, log: &Path) -> LabError {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        let end = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        LabError::NotStarted { primer: self.name.clone(), log: log.to_owned(), end }
    }

    /// Ends the daemon, if it is still the one that was started here.
    pub fn stop(&self) -> Result<bool, LabError> {
        let Some(process) = Process::read(&self.pid_file()) else { return Ok(false) };
        let stopped = process.stop();
        fs::remove_file(self.pid_file()).map_err(LabError::file(&self.pid_file()))?;
        Ok(stopped)
    }

    /// What a verb answers, as JSON.
    pub fn ask(&self, arguments: &[&str], input: &str) -> Result<Value, LabError> {
        let failed = |said: String| LabError::Failed {
            primer: self.name.clone(),
            // Without what follows: it may be a token.
            verb: arguments.first().copied().unwrap_or_default().to_owned(),
            said,
        };
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config)
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(LabError::file(&self.program))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that reads nothing closes it.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(LabError::file(&self.program))?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if output.status.success() {
            return Ok(answer);
        }
        let error = &answer["error"];
        let said = match (error["message"].as_str(), error["fix"].as_str()) {
            (Some(message), Some(fix)) => format!("{message}\n  next: {fix}"),
            (Some(message), None) => message.to_owned(),
            (None, _) => String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        Err(failed(said))
    }
}
