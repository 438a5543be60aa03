//! Points in time as arguments: the core never asks what time it is.

use std::time::Duration;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, negative before it.
///
/// Arithmetic saturates, because one operand comes from a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time of a host that does not tell it: the end of all time, when every token has expired.
    pub const UNKNOWN: Self = Self(i64::MAX);

    /// The point `milliseconds` after 1970-01-01T00:00:00Z.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The point `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The point `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// How long after `earlier` this point is; zero when it is not after it (a clock may be set back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Without the 128 bits of [`Duration::as_millis`], which a processor of 32 bits works for.
fn millis(duration: Duration) -> i64 {
    let whole = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    whole.saturating_mul(1000).saturating_add(i64::from(duration.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Timestamp::from_millis(i64::MAX);
        let start = Timestamp::from_millis(i64::MIN);
        assert_eq!(end.after(Duration::MAX), end);
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(end.since(start), Duration::from_millis(u64::try_from(i64::MAX).unwrap()));
        assert_eq!(Timestamp::from_secs(i64::MAX), end);
    }
}
