//! A configuration, as JSON or as a `Struct`, and a request under it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::targets;

fuzz_target!(|input: &[u8]| targets::run(input, targets::config));
