//! Rules and a path: which rule decides, and whether everybody would read the path so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use validate_jwt_fuzz::targets;

fuzz_target!(|input: &[u8]| targets::run(input, targets::routes));
