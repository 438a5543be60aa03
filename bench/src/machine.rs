//! Where it is measured, and with what, in words.

use crate::{envoy::Envoy, meter::Method, report::Machine};
use anyhow::Result;
use std::{fs, path::Path, thread};

/// This machine, and what was measured on it.
pub(crate) fn describe(envoy: &Path, filter: &Path) -> Result<Machine> {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(Machine {
        processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
        cores: thread::available_parallelism()?.get(),
        envoy: Envoy::version(envoy)?,
        module_bytes: fs::metadata(filter)?.len(),
    })
}

/// What a method measures.
pub(crate) const fn method(method: Method) -> &'static str {
    match method {
        Method::Hardware => "hardware counters of the worker's thread: instructions and cycles in user space",
        Method::CpuTime => {
            "time of the processor that the worker's thread took, in user space and in the kernel"
        }
        Method::Callgrind => {
            "instructions of the worker's thread in user space, counted by valgrind; times without it"
        }
    }
}
