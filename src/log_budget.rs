//! How many lines a log gets, when every request of a stranger could write one.

use std::time::Duration;

use crate::time::Timestamp;

/// The most lines about refused requests in one second.
pub const MAX_LINES_PER_SECOND: u32 = 10;

/// Counts lines by the second.
#[derive(Debug)]
pub struct LogBudget {
    second: Timestamp,
    written: u32,
    suppressed: u64,
}

impl LogBudget {
    /// A budget of which nothing is spent.
    pub fn new() -> Self {
        Self { second: Timestamp::from_millis(i64::MIN), written: 0, suppressed: 0 }
    }

    /// Whether a line may be written now, and how many were not since the last one that was.
    pub fn spend(&mut self, now: Timestamp) -> Option<u64> {
        if now.since(self.second) >= Duration::from_secs(1) || now < self.second {
            self.second = now;
            self.written = 0;
        }
        if self.written >= MAX_LINES_PER_SECOND {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.written = self.written.saturating_add(1);
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Default for LogBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_ten_lines_a_second_and_says_what_it_left_out() {
        let mut budget = LogBudget::new();
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        let written = (0..1000).filter(|_| budget.spend(at(0)).is_some()).count();
        assert_eq!(written, 10);
        assert_eq!(budget.spend(at(999)), None);
        assert_eq!(budget.spend(at(1000)), Some(991));
        assert_eq!(budget.spend(at(1001)), Some(0));
        assert_eq!(budget.spend(at(-500_000)), Some(0), "a clock that is set back does not silence the log");
    }
}
