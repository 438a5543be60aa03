//! The one place that reads the clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment, to measure from.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever measures time must read it; nothing of this is the core's"
)]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Seconds since 1970, as in the dates of a token.
#[expect(clippy::disallowed_methods, reason = "as above")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
