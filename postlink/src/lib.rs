//! The step after linking: a module without the exports that nobody should call, and without the code that only they reach.
//!
//! The SDK exports every callback of the ABI, and a proxy calls each that it finds, on every request. The linker cannot be told
//! to leave out exports of a dependency, so this does it afterwards. Nothing but what it drops is changed; indices become smaller
//! and are written in as few bytes as they need, where the linker leaves room. The same input gives the same bytes.

mod exports;
mod fold;
mod names;
mod reach;
mod rewrite;
#[cfg(test)]
mod tests;

use std::fmt;

use wasm_encoder::reencode;

pub use exports::Exports;

/// Why a module cannot be trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not export what was to be kept: these names.
    Missing(Vec<String>),
    /// It is no module that this understands.
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => write!(f, "the module does not export {}", names.join(", ")),
            Self::Unreadable(why) => write!(f, "not a WebAssembly module that can be trimmed: {why}"),
        }
    }
}

impl std::error::Error for Fault {}

impl<E: fmt::Display> From<reencode::Error<E>> for Fault {
    fn from(error: reencode::Error<E>) -> Self {
        // The other kinds say it all themselves.
        if let reencode::Error::ParseError(cause) = &error {
            Self::Unreadable(cause.to_string())
        } else {
            Self::Unreadable(error.to_string())
        }
    }
}

impl From<wasmparser::BinaryReaderError> for Fault {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The module with these exports alone, without functions that nothing reaches from them, and with one of each function that is
/// there several times.
///
/// # Errors
///
/// If one of them is missing, or `module` is not a WebAssembly module.
pub fn trim(module: &[u8], keep: &Exports) -> Result<Vec<u8>, Fault> {
    let reached = reach::from(module, keep)?;
    let copies = fold::copies(module, &reached)?;
    rewrite::with(module, keep, &reached, &copies)
}
