//! What the work of Envoy's workers is measured with.

mod callgrind;
mod cpu_time;
#[cfg(target_os = "linux")]
mod hardware;

use crate::envoy::{Envoy, Run};
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What the workers have done since some moment; differences of two readings are what counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) instructions: Option<u64>,
    pub(crate) cycles: Option<u64>,
    pub(crate) nanoseconds: Option<u64>,
}

impl Reading {
    /// What this has over an earlier one.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let difference = |later: Option<u64>, earlier: Option<u64>| later?.checked_sub(earlier?);
        Self {
            instructions: difference(self.instructions, earlier.instructions),
            cycles: difference(self.cycles, earlier.cycles),
            nanoseconds: difference(self.nanoseconds, earlier.nanoseconds),
        }
    }
}

/// Reads what Envoy's workers have done.
pub(crate) trait Meter {
    /// The state now; the workers must have nothing to do.
    fn read(&mut self) -> Result<Reading>;
}

/// The way to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Hardware counters of the processor, by `perf_event_open`: instructions and cycles in user space.
    Hardware,
    /// Time of the processor that the system accounts to the workers, in user space and in the kernel.
    CpuTime,
    /// Instructions in user space, counted by valgrind's callgrind. Slow, and the same on a busy machine.
    Callgrind,
}

/// A method that works here.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) method: Method,
    /// Why it is not the one with hardware counters, or what must be known of its figures.
    pub(crate) note: Option<String>,
    callgrind: Option<callgrind::Session>,
}

impl Choice {
    /// The method that is wished for, or else the best that works here.
    pub(crate) fn new(wish: Option<Method>) -> Result<Self> {
        match wish {
            Some(Method::Callgrind) => {
                let session = callgrind::Session::new()?;
                let note = Some(session.note());
                Ok(Self { method: Method::Callgrind, note, callgrind: Some(session) })
            }
            Some(Method::CpuTime) => Ok(Self::without(Method::CpuTime, "as asked for".to_owned())),
            Some(Method::Hardware) | None => match hardware_counters() {
                Ok(()) => Ok(Self { method: Method::Hardware, note: None, callgrind: None }),
                Err(reason) if wish.is_none() => {
                    let note = format!("hardware counters are not to be had here: {reason}");
                    Ok(Self::without(Method::CpuTime, note))
                }
                Err(reason) => bail!("hardware counters are not to be had here: {reason}"),
            },
        }
    }

    fn without(method: Method, note: String) -> Self {
        Self { method, note: Some(note), callgrind: None }
    }

    /// How Envoy must be run for it.
    pub(crate) fn run(&self) -> Run {
        self.callgrind.as_ref().map(callgrind::Session::run).unwrap_or_default()
    }

    /// Begins to measure an Envoy's workers.
    pub(crate) fn attach(&self, envoy: &Envoy) -> Result<Box<dyn Meter + '_>> {
        let workers = envoy.workers()?;
        Ok(match (self.method, &self.callgrind) {
            (Method::Callgrind, Some(session)) => Box::new(session.attach(envoy.id(), workers.len())?),
            #[cfg(target_os = "linux")]
            (Method::Hardware, _) => Box::new(hardware::Counters::attach(envoy.id(), &workers)?),
            _ => Box::new(cpu_time::CpuTime::new(envoy.id(), &workers)),
        })
    }
}

#[cfg(target_os = "linux")]
fn hardware_counters() -> Result<(), String> {
    hardware::Counters::probe().map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn hardware_counters() -> Result<(), String> {
    Err("they are asked for in Linux' way".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_either_reading_lacks_has_no_difference() {
        let later = Reading { instructions: Some(7), cycles: Some(9), nanoseconds: Some(1) };
        let earlier = Reading { instructions: Some(5), cycles: None, nanoseconds: Some(2) };
        let expected = Reading { instructions: Some(2), cycles: None, nanoseconds: None };
        assert_eq!(later.since(earlier), expected);
    }

    #[test]
    fn without_counters_there_is_still_the_time_of_the_processor() {
        let choice = Choice::new(None).unwrap();
        match choice.method {
            Method::Hardware => assert_eq!(choice.note, None),
            Method::CpuTime => assert!(choice.note.unwrap().starts_with("hardware counters are not")),
            Method::Callgrind => panic!("nobody asked for it"),
        }
    }
}
