//! An RSA key, a signature and a message: whether the crate `rsa` comes to the same power and the same verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::targets;

fuzz_target!(|input: &[u8]| targets::run(input, targets::rsa));
