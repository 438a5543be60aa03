//! Wycheproof's vectors of signatures through the pure Rust backend.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail; clippy does not see that the helpers here are a test's"
)]

mod vectors;

use serde_json::Value;
use validate_jwt::json::Json;
use validate_jwt::jwk::Jwk;
use validate_jwt::signature::{SymmetricKey, Verifier, VerifyingKey};
use vectors::exceptions::Answer;
use vectors::{Group, Key};

#[test]
fn every_vector_of_a_signature() {
    let groups = vectors::load();
    let answers = groups.iter().flat_map(answers);
    let wrong = vectors::judge(&groups, answers);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn answers(group: &Group) -> Vec<Answer> {
    let key = match &group.key {
        Key::Jwk(jwk) => published(jwk).filter(|jwk| jwk.serves(group.algorithm)).map(|jwk| jwk.key),
        Key::Secret(secret) => SymmetricKey::new(secret.clone()).ok().map(VerifyingKey::Symmetric),
    };
    let verifier = Verifier::rust_only();
    let tests = group.tests.iter();
    tests
        .map(|test| {
            let is_good = |key| verifier.verify(group.algorithm, key, &test.message, &test.signature);
            Answer::from(key.as_ref().is_some_and(is_good))
        })
        .collect()
}

/// The key as a provider publishes it.
fn published(jwk: &Value) -> Option<Jwk> {
    Jwk::parse(&Json::parse(jwk.to_string().as_bytes()).unwrap().into_object().unwrap()).ok()
}
