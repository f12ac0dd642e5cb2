//! A process that may have ended, and whose number may be another's by now: it is known by its number and the moment at
//! which it started.

use std::fs;
use std::io;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process.
pub struct Process {
    pid: u32,
    started: u64,
}

impl Process {
    /// The process of that number, if there is one.
    pub fn of(pid: u32) -> Option<Self> {
        started(pid).map(|started| Self { pid, started })
    }

    /// What a file says.
    pub fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Writes it to a file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, format!("{} {}\n", self.pid, self.started))
    }

    /// Whether it still runs.
    pub fn running(&self) -> bool {
        started(self.pid) == Some(self.started)
    }

    /// Ends it: politely, and after a while not. False if it had ended.
    pub fn stop(&self) -> bool {
        // The descriptor stays that of this process, whoever gets its number; so it is opened before the last look.
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return false;
        };
        if !self.running() {
            return false;
        }
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = pidfd_send_signal(&process, signal);
            let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            if poll(&mut ended, Some(&patience)).is_ok_and(|count| count > 0) {
                break;
            }
        }
        true
    }
}

/// Field 22 of /proc/PID/stat: the moment of its start. The second field is a name that may hold anything. A process that
/// nobody waited for yet has ended too.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn another_process_of_the_same_number_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.running());
        let other = Process { pid: process.pid, started: process.started + 1 };
        assert!(!other.running());
        assert!(!other.stop());
        assert!(process.running());
        assert!(process.stop());
        child.wait().unwrap();
        assert!(!process.running());
        assert!(!process.stop());
    }
}
