//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter.

pub mod algorithm;
pub mod budget;
pub mod checks;
pub mod claims;
pub mod clusters;
pub mod config;
pub mod discovery;
pub mod excerpt;
pub mod extract;
#[cfg(target_family = "wasm")]
mod filter;
pub mod issuer;
pub mod json;
pub mod jwk;
pub mod keys;
pub mod pairs;
pub mod policy;
pub mod rejection;
pub mod reply;
pub mod request;
pub mod signature;
pub mod time;
pub mod token;
pub mod trust;
pub mod url;
pub mod validate;
