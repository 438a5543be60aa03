//! The six functions of WASI that a proxy-wasm host offers; the module may import no others.

use super::abi::{read, write, write_u32};
use super::state::{Level, LogLine, State};
use wasmtime::{Caller, Error, Linker, Result};

type Host<'a> = Caller<'a, State>;

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: u32 = 0;
const BAD_DESCRIPTOR: u32 = 8;
const INVALID: u32 = 28;

pub(crate) fn add(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(MODULE, "random_get", |mut caller: Host<'_>, buffer: u32, length: u32| {
        let bytes = caller.data_mut().random_bytes(usize::try_from(length)?);
        write(&mut caller, buffer, &bytes)?;
        Ok(SUCCESS)
    })?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: Host<'_>, clock: u32, _precision: u64, result: u32| {
            let now = match clock {
                0 => caller.data().time_of_day(),
                // The monotonic clock.
                1 => u64::try_from(caller.data().now.as_nanos())?,
                _ => return Ok(INVALID),
            };
            write(&mut caller, result, &now.to_le_bytes())?;
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(MODULE, "environ_sizes_get", |mut caller: Host<'_>, count: u32, size: u32| {
        let entries = environment(&caller);
        write_u32(&mut caller, count, u32::try_from(entries.len())?)?;
        write_u32(&mut caller, size, u32::try_from(entries.concat().len())?)?;
        Ok(SUCCESS)
    })?;
    linker.func_wrap(MODULE, "environ_get", |mut caller: Host<'_>, mut list: u32, mut buffer: u32| {
        for entry in environment(&caller) {
            write_u32(&mut caller, list, buffer)?;
            write(&mut caller, buffer, &entry)?;
            list += 4;
            buffer += u32::try_from(entry.len())?;
        }
        Ok(SUCCESS)
    })?;
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut caller: Host<'_>, descriptor: u32, vectors: u32, count: u32, written: u32| {
            let level = match descriptor {
                1 => Level::Info,
                2 => Level::Error,
                _ => return Ok(BAD_DESCRIPTOR),
            };
            let mut text = Vec::new();
            for n in 0..count {
                let vector = read(&mut caller, vectors + 8 * n, 8)?;
                let pointer = u32::from_le_bytes(vector[..4].try_into()?);
                let length = u32::from_le_bytes(vector[4..].try_into()?);
                text.extend(read(&mut caller, pointer, length)?);
            }
            write_u32(&mut caller, written, u32::try_from(text.len())?)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            caller.data_mut().log.push(LogLine { level, text });
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |_caller: Host<'_>, code: u32| -> Result<()> {
        Err(Error::msg(format!("proc_exit({code})")))
    })?;
    Ok(())
}

fn environment(caller: &Host<'_>) -> Vec<Vec<u8>> {
    let entry = |(name, value): &(String, String)| format!("{name}={value}\0").into_bytes();
    caller.data().environment.iter().map(entry).collect()
}
