//! A token: parsed by itself, then brought to plugins with every kind of key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::targets;

fuzz_target!(|input: &[u8]| targets::run(input, targets::token));
