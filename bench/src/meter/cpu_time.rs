//! The processor's time that the system accounts to the workers.

use super::{Meter, Reading};
use anyhow::{Context as _, Result};
use std::{fs, path::PathBuf};

/// Reads `/proc/<pid>/task/<tid>/schedstat` of each worker.
#[derive(Debug)]
pub(crate) struct CpuTime(Vec<PathBuf>);

impl CpuTime {
    pub(crate) fn new(process: u32, threads: &[u32]) -> Self {
        let path = |thread: &u32| PathBuf::from(format!("/proc/{process}/task/{thread}/schedstat"));
        Self(threads.iter().map(path).collect())
    }
}

impl Meter for CpuTime {
    fn read(&mut self) -> Result<Reading> {
        let mut sum = 0_u64;
        for path in &self.0 {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let time = on_processor(&text).with_context(|| format!("{} says `{text}`", path.display()))?;
            sum = sum.saturating_add(time);
        }
        Ok(Reading { nanoseconds: Some(sum), ..Reading::default() })
    }
}

/// The first of the three numbers: nanoseconds on a processor. The others are time in the queue, and how often.
fn on_processor(schedstat: &str) -> Option<u64> {
    let mut numbers = schedstat.split_whitespace();
    let time = numbers.next()?.parse().ok()?;
    (numbers.count() == 2).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time() {
        assert_eq!(on_processor("123456789 42 7\n"), Some(123_456_789));
        for text in ["", "1 2", "x 1 2", "1 2 3 4"] {
            assert_eq!(on_processor(text), None, "{text}");
        }
    }

    #[test]
    fn this_process_is_accounted_for() {
        let mut meter = CpuTime::new(std::process::id(), &[std::process::id()]);
        assert!(meter.read().unwrap().nanoseconds.is_some());
        let mut nobody = CpuTime::new(u32::MAX, &[1]);
        assert!(nobody.read().is_err());
    }
}
