//! Waiting for a condition, never for a time that is hoped to be enough.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything that should happen may take on a slow machine before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Looks until there is something to see; `None` when the time is over.
pub(crate) fn poll<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if start.elapsed() >= limit {
            return None;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// As [`poll`] with [`PATIENCE`], and fails the test when the time is over.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    poll(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// As [`wait_for`], for a condition with nothing to return.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
