//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter.

pub mod excerpt;
pub mod json;
pub mod time;
