//! Writes what the targets start from, and tries nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::seeds;

fuzz_target!(init: seeds::write(), |_input: &[u8]| {});
