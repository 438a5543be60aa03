//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter for Envoy and Istio.
//!
//! The journey of a token, one stage after the other, is [`validate::validate`]:
//!
//! ```text
//! request head → extract → UntrustedToken → (allow-listed algorithm, keys that may vouch) → VerifiedToken → checks → Outcome
//! ```
//!
//! The core is a function of (policy, keys, request head, now). It reads no clock, no environment and no network, and does not
//! know `proxy_wasm`: that is a dependency of wasm targets alone, where the module `filter` connects the core to the proxy.
//! `docs/architecture.md` has the map and the invariants.

#![cfg_attr(
    test,
    expect(
        clippy::arithmetic_side_effects,
        clippy::too_many_lines,
        reason = "a test may overflow, and a table may be long"
    )
)]

pub mod algorithm;
mod base64url;
pub mod certificate;
pub mod checks;
pub mod claims;
pub mod clusters;
pub mod config;
pub mod decision;
pub mod discovery;
pub mod edit;
pub mod entra;
pub mod excerpt;
pub mod explain;
pub mod extract;
#[cfg(any(target_family = "wasm", fuzzing))]
mod filter;
pub mod forward;
pub mod hint;
pub mod issuer;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod keys;
pub mod log_budget;
mod ordered;
pub mod pairs;
pub mod percent;
pub mod policy;
pub mod rejection;
pub mod reply;
pub mod request;
pub mod route;
pub mod search;
pub mod signature;
pub mod time;
pub mod token;
pub mod token_cache;
#[cfg(test)]
mod trial;
pub mod trust;
pub mod url;
pub mod validate;
