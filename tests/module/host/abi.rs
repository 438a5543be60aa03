//! The shapes in which proxy-wasm 0.2.1 passes things between host and module.

use super::state::State;
use wasmtime::{AsContext as _, AsContextMut as _, Caller, Error, Extern, Memory, Result};

/// Names and values of a header map, as they came.
pub(crate) type Pairs = Vec<(String, Vec<u8>)>;

/// Result of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    NotFound,
    BadArgument,
    CasMismatch,
    InternalFailure,
    Unimplemented,
}

impl Status {
    /// The number that the module sees.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::NotFound => 1,
            Self::BadArgument => 2,
            Self::CasMismatch => 8,
            Self::InternalFailure => 10,
            Self::Unimplemented => 12,
        }
    }
}

fn size(value: u32) -> usize {
    usize::try_from(value).unwrap()
}

fn memory(caller: &mut Caller<'_, State>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(Error::msg("the module exports no memory")),
    }
}

/// Copies bytes out of the module; a null pointer with length 0 is an empty value.
pub(crate) fn read(caller: &mut Caller<'_, State>, pointer: u32, length: u32) -> Result<Vec<u8>> {
    let memory = memory(caller)?;
    let mut bytes = vec![0; size(length)];
    memory.read(caller.as_context(), size(pointer), &mut bytes)?;
    Ok(bytes)
}

/// Copies bytes into the module's memory, at an address that the module gave.
pub(crate) fn write(caller: &mut Caller<'_, State>, pointer: u32, bytes: &[u8]) -> Result<()> {
    let memory = memory(caller)?;
    memory.write(caller.as_context_mut(), size(pointer), bytes)?;
    Ok(())
}

/// Writes a 32-bit number where the module asked for it.
pub(crate) fn write_u32(caller: &mut Caller<'_, State>, pointer: u32, value: u32) -> Result<()> {
    write(caller, pointer, &value.to_le_bytes())
}

/// Hands bytes to the module: in memory that its own allocator gives, or as a null pointer when there are none.
pub(crate) fn give(
    caller: &mut Caller<'_, State>,
    bytes: &[u8],
    return_pointer: u32,
    return_length: u32,
) -> Result<()> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut pointer = 0;
    if length > 0 {
        let allocate = match caller.get_export("proxy_on_memory_allocate") {
            Some(Extern::Func(function)) => function.typed::<u32, u32>(&mut *caller)?,
            _ => return Err(Error::msg("the module exports no proxy_on_memory_allocate")),
        };
        pointer = allocate.call(&mut *caller, length)?;
        write(caller, pointer, bytes)?;
    }
    write_u32(caller, return_pointer, pointer)?;
    write_u32(caller, return_length, length)
}

/// The wire form of a header map: count, lengths, then zero-terminated names and values.
pub(crate) fn encode_pairs(pairs: &Pairs) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for (name, value) in pairs {
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.extend(value);
        bytes.push(0);
    }
    bytes
}

/// Reads the wire form of a header map.
pub(crate) fn decode_pairs(bytes: &[u8]) -> Option<Pairs> {
    if bytes.is_empty() {
        return Some(Pairs::new());
    }
    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = number(0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut text = |length: usize| -> Option<Vec<u8>> {
        let value = bytes.get(at..at.checked_add(length)?)?.to_vec();
        at = at.checked_add(length)?.checked_add(1)?;
        Some(value)
    };
    (0..count)
        .map(|n| {
            let name = text(number(4 + 8 * n)?)?;
            let value = text(number(8 + 8 * n)?)?;
            Some((String::from_utf8(name).ok()?, value))
        })
        .collect()
}
