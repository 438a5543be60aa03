//! The one place that reads the clock; everything else takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as in the dates of a token; 0 on a machine whose clock stands before that.
#[expect(clippy::disallowed_methods, reason = "the native companions have no host that tells the time")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
