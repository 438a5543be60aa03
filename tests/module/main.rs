//! The built module in a proxy-wasm host, with virtual time and scripted callouts.
//!
//! Black box: nothing here knows the filter's code. What the host does is what Envoy does, where a filter can tell;
//! see `host`. Every test ends with the same checks (see `host::verdict`): no trap, nothing dispatched from a
//! request's callback, and no token, signature or key in a log line or in an answer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::unchecked_time_subtraction,
    reason = "this is a test: a surprise must stop it, and clippy knows only functions marked #[test]"
)]

mod answers;
mod bad_answers;
mod configurations;
mod encrypted;
mod exports;
mod first_fetch;
mod host;
mod host_signature;
mod hostile;
mod issuers;
#[path = "../support/jwe.rs"]
mod jwe;
mod limits;
mod load;
mod metrics;
mod outages;
mod plugins;
mod provider;
mod refresh;
mod sight;
mod times;
mod token_cache;
mod trace;
mod unknown_kid;
