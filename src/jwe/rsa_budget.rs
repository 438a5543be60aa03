//! How many RSA private-key operations there are, when every request of a stranger could ask for one.

use std::time::Duration;

use crate::time::Timestamp;

/// The most RSA decryptions in one second. In V8 one takes some 15 ms with a key of 2048 bits, 40 ms with 3072 and 85 ms with
/// 4096: a quarter of a worker's time, two thirds, or more than all of it.
pub const MAX_RSA_DECRYPTIONS_PER_SECOND: u32 = 16;

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

    /// Whether there is an operation left for now; takes it.
    pub(super) fn spend(&mut self, now: Timestamp) -> bool {
        if now.since(self.second) >= Duration::from_secs(1) || now < self.second {
            self.second = now;
            self.spent = 0;
        }
        let is_left = self.spent < MAX_RSA_DECRYPTIONS_PER_SECOND;
        if is_left {
            self.spent = self.spent.saturating_add(1);
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
            (0..times).filter(|_| budget.spend(Timestamp::from_millis(1_000_000 + millis))).count()
        };
        assert_eq!(spend(0, 10), 10);
        assert_eq!(spend(999, 1000), 6);
        assert_eq!(spend(1000, 1000), 16);
        assert_eq!(spend(1999, 1000), 0);
        assert_eq!(spend(-500_000, 1000), 16, "a clock that is set back does not stop decryption");
    }
}
