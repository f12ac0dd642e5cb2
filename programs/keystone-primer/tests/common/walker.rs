//! Whoever walks between primers that share no network.

use std::cell::RefCell;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PROGRAM, Three};

/// After so long a walker gives up.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Walker<'t> {
    pub three: &'t Three,
    /// Where the sticks lie.
    folder: tempfile::TempDir,
    /// Every stick that was carried, and to whom.
    pub sticks: RefCell<Vec<(PathBuf, usize)>>,
    /// Names of the primers, as sticks are addressed.
    names: [String; 3],
}

impl<'t> Walker<'t> {
    pub fn new(three: &'t Three) -> Self {
        let names = [1, 2, 3].map(|n| {
            let text = std::fs::read_to_string(three.path(n, "primer.json")).unwrap();
            let config: serde_json::Value = serde_json::from_str(&text).unwrap();
            config["node"].as_str().unwrap().to_owned()
        });
        Self { three, folder: tempfile::tempdir().unwrap(), sticks: RefCell::default(), names }
    }

    /// Carries everything that waits from each to each.
    fn round(&self) {
        for (from, to) in [(1, 2), (1, 3), (2, 1), (3, 1), (2, 3), (3, 2)] {
            let number = self.sticks.borrow().len();
            let path = self.folder.path().join(format!("stick-{number}.json"));
            let output = path.to_str().unwrap();
            let arguments = ["session", "export", "--to", &self.names[to - 1], "--output", output];
            let export = self.three.try_do(from, &arguments, "");
            if !export.status.success() {
                let error = String::from_utf8_lossy(&export.stderr).into_owned();
                assert!(error.contains("nothing waits to be carried to"), "{error}");
                continue;
            }
            self.three.say(to, &["session", "import", output], "");
            self.sticks.borrow_mut().push((path, to));
        }
    }

    pub fn until(&self, mut done: impl FnMut() -> bool) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.round();
            if done() {
                return;
            }
        }
        panic!("it does not come to an end: {}", (1..=3).map(|n| self.three.log(n)).collect::<String>());
    }

    /// A command on one primer, while somebody walks.
    pub fn say(&self, n: usize, arguments: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.three.path(n, "primer.json")).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut work = Killed(child.unwrap());
        self.until(|| work.0.try_wait().unwrap().is_some());
        let (mut said, mut error) = (String::new(), String::new());
        work.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        work.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert!(work.0.wait().unwrap().success(), "{arguments:?}: {error}");
        said
    }

    /// Joins were answered, the keys are made and the root has its certificate.
    pub fn ready(&self) {
        let ready = |n: usize| self.three.try_do(n, &["status", "--wait", "1"], "").status.success();
        self.until(|| ready(1));
        self.until(|| ready(2) && ready(3));
    }

    /// The record went along, and is countersigned.
    pub fn witnessed(&self) {
        let witnessed =
            |n: usize| self.three.json(n, &["status", "--verify"])["replay"]["unwitnessed"] == json!(0);
        self.until(|| (1..=3).all(witnessed));
    }
}

/// What still runs when a test gives up must not outlive it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
