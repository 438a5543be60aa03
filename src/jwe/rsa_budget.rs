//! How many RSA private-key operations there are, when every request of a stranger could ask for one.

use std::time::Duration;

use crate::time::Timestamp;

/// The most RSA decryptions in one second with keys of 2048 bits: a quarter of a worker's time, for in V8 one takes some 15 ms.
/// Larger keys leave fewer: one of 3072 bits takes 40 ms and counts for 2, one of 4096 bits takes 85 ms and counts for 5.
pub const MAX_RSA_DECRYPTIONS_PER_SECOND: u32 = 16;

/// For how many operations one with a key of `bits` counts.
fn cost(bits: usize) -> u32 {
    match bits {
        0..=2048 => 1,
        2049..=3072 => 2,
        _ => 5,
    }
}

/// Counts operations by the second.
pub(super) struct RsaBudget {
    second: Timestamp,
    spent: u32,
}

impl RsaBudget {
    /// A budget of which nothing is spent.
    pub(super) fn new() -> Self {
        Self { second: Timestamp::from_millis(i64::MIN), spent: 0 }
    }

    /// Whether an operation with a key of `bits` is left for now; takes it.
    pub(super) fn spend(&mut self, bits: usize, now: Timestamp) -> bool {
        if now.since(self.second) >= Duration::from_secs(1) || now < self.second {
            self.second = now;
            self.spent = 0;
        }
        let spent = self.spent.saturating_add(cost(bits));
        let is_left = spent <= MAX_RSA_DECRYPTIONS_PER_SECOND;
        if is_left {
            self.spent = spent;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_sixteen() {
        let mut budget = RsaBudget::new();
        let mut spend = |millis: i64, times: usize| {
            (0..times).filter(|_| budget.spend(2048, Timestamp::from_millis(1_000_000 + millis))).count()
        };
        assert_eq!(spend(0, 10), 10);
        assert_eq!(spend(999, 1000), 6);
        assert_eq!(spend(1000, 1000), 16);
        assert_eq!(spend(1999, 1000), 0);
        assert_eq!(spend(-500_000, 1000), 16, "a clock that is set back does not stop decryption");
    }

    #[test]
    fn larger_keys_take_more_of_it() {
        for (bits, expected) in [(2048, 16), (2049, 8), (3072, 8), (3073, 3), (4096, 3)] {
            let mut budget = RsaBudget::new();
            let now = Timestamp::from_millis(0);
            assert_eq!((0..100).filter(|_| budget.spend(bits, now)).count(), expected, "{bits}");
        }
    }
}
