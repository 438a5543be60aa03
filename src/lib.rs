//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter.

pub mod algorithm;
pub mod claims;
pub mod clusters;
pub mod discovery;
pub mod excerpt;
pub mod extract;
pub mod issuer;
pub mod json;
pub mod jwk;
pub mod keys;
pub mod rejection;
pub mod request;
pub mod signature;
pub mod time;
pub mod token;
pub mod url;
