//! Time that never goes back.

use crate::time::Timestamp;

/// Time that never goes back, made of a clock that may be set: intervals and ages are counted in it, so that a correction of
/// the clock neither stops the fetches nor keeps a new key away.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyClock {
    set: Timestamp,
    steady: Timestamp,
}

/// A point in time as the clock shows it, which every VM of the process can read, and in steady time, which is each one's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    shown: Timestamp,
    steady: Timestamp,
}

impl SteadyClock {
    /// A clock that was never read.
    pub(super) fn new() -> Self {
        let start = Timestamp::from_millis(0);
        Self { set: start, steady: start }
    }

    /// The steady time when the clock shows `now`; while the clock is behind what it showed before, it stands.
    pub(super) fn read(self, now: Timestamp) -> Timestamp {
        if now == Timestamp::UNKNOWN { self.steady } else { self.steady.after(now.since(self.set)) }
    }

    /// The same, and the clock goes on from `now`, even if that is back.
    pub(super) fn pass(&mut self, now: Timestamp) -> Moment {
        let steady = self.read(now);
        if now != Timestamp::UNKNOWN {
            *self = Self { set: now, steady };
        }
        Moment { shown: now, steady }
    }
}

impl Moment {
    /// In steady time.
    pub(super) fn steady(self) -> Timestamp {
        self.steady
    }

    /// What the clock shows when the steady time is `steady`.
    pub(super) fn shown_at(self, steady: Timestamp) -> Timestamp {
        translate(steady, self.steady, self.shown)
    }

    /// The steady time when the clock shows `shown`.
    pub(super) fn steady_at(self, shown: Timestamp) -> Timestamp {
        translate(shown, self.shown, self.steady)
    }
}

/// The time in another reckoning, of which one point is known in both.
fn translate(time: Timestamp, from: Timestamp, to: Timestamp) -> Timestamp {
    let distance = time.as_millis().saturating_sub(from.as_millis());
    Timestamp::from_millis(to.as_millis().saturating_add(distance))
}
