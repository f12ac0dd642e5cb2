//! Where a test kills the program. Outside of tests there is nothing.

#[cfg(not(test))]
pub const fn point() {}

#[cfg(test)]
pub use armed::{arm, point};

#[cfg(test)]
mod armed {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Kill this process at the n-th point from now.
    pub fn arm(n: u32) {
        LEFT.set(Some(n));
    }

    pub fn point() {
        match LEFT.get() {
            Some(0) => {
                let _ =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
    }
}
