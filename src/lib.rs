//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter.

pub mod algorithm;
pub mod claims;
pub mod excerpt;
pub mod json;
pub mod rejection;
pub mod signature;
pub mod time;
pub mod token;
