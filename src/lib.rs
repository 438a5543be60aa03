//! Azure API Management's `validate-jwt` policies as a proxy-wasm filter.
