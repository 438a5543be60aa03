//! When to fetch: the intervals of the configuration, and backoff after a failure.

use std::time::Duration;

/// The wait after the first failure.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
pub(super) const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The intervals of `fetch` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// `timeout`: how long one request to the provider may take.
    pub timeout: Duration,
    /// `refresh-interval`: how long after a good answer the next fetch starts.
    pub refresh_interval: Duration,
    /// `unknown-kid-interval`: how long after the start of a fetch for an unknown `kid` the next one may start.
    pub unknown_kid_interval: Duration,
    /// `max-stale`: how long after the last good answer its keys are used.
    pub max_stale: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            refresh_interval: Duration::from_hours(1),
            unknown_kid_interval: Duration::from_secs(30),
            max_stale: Duration::from_hours(24),
        }
    }
}

/// The wait after the `failures`th failure in a row: doubling, plus up to a quarter so that many proxies do not come back at
/// the same moment.
pub(super) fn backoff(failures: u32, jitter: &mut Jitter) -> Duration {
    let doublings = failures.saturating_sub(1).min(5);
    let base = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(1)).min(MAX_BACKOFF);
    let quarter = u64::try_from(base.as_millis()).unwrap_or(0).wrapping_div(4);
    base.saturating_add(Duration::from_millis(jitter.below(quarter))).min(MAX_BACKOFF)
}

/// Small pseudo-random numbers; nothing secret depends on them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number under `limit`; 0 for 0.
    fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64: any seed will do, 0 included.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_from_one_second_to_thirty() {
        let mut spread = false;
        for seed in 0..100 {
            let mut jitter = Jitter::new(seed);
            for (failures, base) in
                [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (u32::MAX, 30)]
            {
                let base = Duration::from_secs(base);
                let wait = backoff(failures, &mut jitter);
                assert!(wait >= base && wait <= (base + base / 4).min(MAX_BACKOFF), "{failures}: {wait:?}");
                spread |= wait != base;
            }
        }
        assert!(spread, "no jitter");
    }
}
