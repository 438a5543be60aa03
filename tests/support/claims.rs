//! Claims of a token, changed one at a time.

use super::authority::now;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A JSON object with one member set.
pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// A JSON object without one of its members.
pub(crate) fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    let removed = object.as_object_mut().unwrap().remove(name);
    assert!(removed.is_some(), "there was no `{name}` to take out");
    object
}

/// In the middle of two hours of life.
pub(crate) fn in_force(claims: &Value) -> Value {
    let times = json!({ "iat": now() - 3600, "nbf": now() - 3600, "exp": now() + 3600 });
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    claims
}

/// The token with one part replaced: 0 is the header, 1 the claims, 2 the signature.
pub(crate) fn replace_part(token: &str, part: usize, by: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[part] = by;
    parts.join(".")
}

/// The token with one bit of its signature turned.
pub(crate) fn with_wrong_signature(token: &str) -> String {
    let signature = token.rsplit('.').next().unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    signature[10] ^= 1;
    replace_part(token, 2, &URL_SAFE_NO_PAD.encode(signature))
}

/// A part of the token, decoded: 0 is the header, 1 the claims.
pub(crate) fn part(token: &str, part: usize) -> Value {
    let encoded = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}
