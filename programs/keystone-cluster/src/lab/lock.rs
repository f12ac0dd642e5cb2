//! One command at a time works on a lab. A command that was killed holds nothing, but a child of it that is still at work
//! does: so nobody takes the folder away below it, or misses a process that it is about to start.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd};

use super::{LabError, step};

/// Held until it is dropped, here and in every child that got it.
pub struct Lock(File);

impl Lock {
    /// Takes it; waits for another command that has it.
    pub fn take(folder: &Path) -> Result<Self, LabError> {
        let file = File::open(folder).map_err(LabError::file(folder))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            step("another command is at work on this lab; waiting for it");
            flock(&file, FlockOperation::LockExclusive)
                .map_err(|error| LabError::file(folder)(error.into()))?;
        }
        Ok(Self(file))
    }

    /// The same lock for a child, which closes it when it is done with what must not be interrupted.
    pub fn shared(&self) -> std::io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    /// Whoever is started meanwhile holds it to its end.
    pub fn inherited<T>(&self, work: impl FnOnce() -> T) -> T {
        // A descriptor that cannot be changed is one that is not there, and then there is nothing to hold.
        let _ = fcntl_setfd(&self.0, FdFlags::empty());
        let done = work();
        let _ = fcntl_setfd(&self.0, FdFlags::CLOEXEC);
        done
    }
}
