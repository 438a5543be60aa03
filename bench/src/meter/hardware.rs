//! Counters of the processor, by `perf_event_open`.

use super::{Meter, Reading, cpu_time::CpuTime};
use anyhow::{Context as _, Result, bail};
use perf_event::{
    Builder, Counter,
    events::{Event, Hardware},
};
use std::io;

/// Counts instructions and cycles of the workers in user space; and their time, which costs nothing.
pub(crate) struct Counters {
    instructions: Vec<Counter>,
    cycles: Vec<Counter>,
    time: CpuTime,
}

impl Counters {
    /// Whether there are such counters here: a machine may have none to give, or the system may not allow them.
    pub(crate) fn probe() -> io::Result<()> {
        for event in [Hardware::INSTRUCTIONS, Hardware::CPU_CYCLES] {
            let mut counter = open(event, 0)?;
            // Enough to be counted at all.
            let sum: u64 = std::hint::black_box((0..100_000_u64).sum());
            if counter.read()? == 0 {
                return Err(io::Error::other(format!("they stand still ({sum})")));
            }
        }
        Ok(())
    }

    pub(crate) fn attach(process: u32, threads: &[u32]) -> Result<Self> {
        Ok(Self {
            instructions: open_all(&Hardware::INSTRUCTIONS, threads)?,
            cycles: open_all(&Hardware::CPU_CYCLES, threads)?,
            time: CpuTime::new(process, threads),
        })
    }
}

impl Meter for Counters {
    fn read(&mut self) -> Result<Reading> {
        Ok(Reading {
            instructions: Some(sum(&mut self.instructions)?),
            cycles: Some(sum(&mut self.cycles)?),
            ..self.time.read()?
        })
    }
}

fn open_all<E: Event + Clone>(event: &E, threads: &[u32]) -> Result<Vec<Counter>> {
    let open = |thread: &u32| Ok(open(event.clone(), i32::try_from(*thread)?)?);
    threads.iter().map(open).collect::<Result<_>>().context("a counter of a worker")
}

/// A counter of one thread, on whatever processor it runs; 0 is the thread that asks.
fn open(event: impl Event, thread: i32) -> io::Result<Counter> {
    let mut counter =
        Builder::new(event).observe_pid(thread).any_cpu().exclude_kernel(true).exclude_hv(true).build()?;
    counter.enable()?;
    Ok(counter)
}

fn sum(counters: &mut [Counter]) -> Result<u64> {
    let mut sum = 0_u64;
    for counter in counters {
        let read = counter.read_full()?;
        if read.time_running() != read.time_enabled() {
            bail!("the processor has too few counters for all who count: the figures would be estimates");
        }
        sum = sum.saturating_add(read.count());
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_event::events::Software;

    /// The way to the counters, with one that every machine has.
    #[test]
    fn a_counter_counts_the_thread_that_it_is_attached_to() {
        let counters = open_all(&Software::TASK_CLOCK, &[0]);
        let Ok(mut counters) = counters else {
            // A container may forbid all of it; then nothing can be tried.
            return;
        };
        let before = sum(&mut counters).unwrap();
        std::hint::black_box((0..1_000_000_u64).fold(0, |sum, number| sum ^ std::hint::black_box(number)));
        assert!(sum(&mut counters).unwrap() > before);
    }

    #[test]
    fn a_thread_that_does_not_exist_has_no_counter() {
        assert!(open_all(&Software::TASK_CLOCK, &[i32::MAX.unsigned_abs()]).is_err());
    }
}
