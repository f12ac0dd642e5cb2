//! Secrets in memory: in pages that are not swapped out where the limit allows it, and wiped when they are done with.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroize as _;

use crate::error::Error;

static ALL_LOCKED: AtomicBool = AtomicBool::new(true);

/// What is said where not.
pub const NOT_LOCKED: &str = "warning: not all secrets lay in locked memory; the limit is too low (`ulimit -l`), or use --require-mlock";

/// Whether every secret until now lay in locked memory.
#[must_use]
pub fn locked_all() -> bool {
    ALL_LOCKED.load(Ordering::Relaxed)
}

/// A secret. It never grows, so that no copy is left behind where it was.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(Vec<u8>);

impl Plain {
    /// Room for a secret of at most so many bytes.
    ///
    /// # Errors
    /// When the room cannot be locked and has to be.
    pub fn room(bytes: usize, require_lock: bool) -> Result<Self, Error> {
        let room: Vec<u8> = Vec::with_capacity(bytes.max(1));
        match region::lock(room.as_ptr(), room.capacity()) {
            // Other secrets may lie in the same page, and locks do not count: unlocking one would unlock all. The system
            // unlocks when the memory is given back.
            Ok(guard) => std::mem::forget(guard),
            Err(error) if require_lock => return Err(Error::Mlock(error.to_string())),
            Err(_) => ALL_LOCKED.store(false, Ordering::Relaxed),
        }
        Ok(Self(room))
    }

    /// A copy of bytes.
    ///
    /// # Errors
    /// As [`Plain::room`].
    pub fn of(bytes: &[u8], require_lock: bool) -> Result<Self, Error> {
        let mut plain = Self::room(bytes.len(), require_lock)?;
        plain.0.extend_from_slice(bytes);
        Ok(plain)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads to the end of something that holds no more than there is room for.
    pub(crate) fn fill(&mut self, mut from: impl std::io::Read) -> std::io::Result<()> {
        let room = self.0.capacity();
        self.0.resize(room, 0);
        let mut have = 0;
        loop {
            let Some(rest) = self.0.get_mut(have..).filter(|rest| !rest.is_empty()) else {
                let mut more = [0];
                let longer = from.read(&mut more)? != 0;
                more.zeroize();
                return if longer { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(()) };
            };
            match from.read(rest)? {
                0 => break,
                read => have += read,
            }
        }
        self.0.truncate(have);
        Ok(())
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // All of the capacity, also what was read and cut off.
        self.0.zeroize();
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;

    #[test]
    fn holds_what_fits_and_nothing_more() {
        for (room, text) in [(5, "value"), (9, "value"), (1, "")] {
            let mut plain = Plain::room(room, false).unwrap();
            plain.fill(text.as_bytes()).unwrap();
            assert_eq!(plain.bytes(), text.as_bytes());
        }
        let mut small = Plain::room(4, false).unwrap();
        assert!(small.fill("value".as_bytes()).is_err());
    }

    #[test]
    fn is_not_shown() {
        assert_eq!(format!("{:?}", Plain::of(b"value", false).unwrap()), "Plain(5 bytes)");
    }
}
