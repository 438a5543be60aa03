//! A key set, served by a provider.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::targets;

fuzz_target!(|input: &[u8]| targets::run(input, targets::jwks));
