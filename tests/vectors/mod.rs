//! Wycheproof's vectors of signatures, as JWKs and algorithms of JOSE, and where our answers differ from theirs.
//!
//! `tests/native_vectors.rs` asks the pure Rust backend, `tests/envoy/vectors.rs` that and the host's inside Envoy.

pub(crate) mod exceptions;
mod sets;

use exceptions::{Answer, Exceptions, Vector};
use serde_json::Value;
use validate_jwt::algorithm::Algorithm;

/// Signatures by one key under one algorithm.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Key,
    pub(crate) tests: Vec<Test>,
}

/// What verifies.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Jwk(Value),
    Secret(Vec<u8>),
}

/// A message and what is said to be its signature.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) vector: Vector,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// The groups of every set, in an order that is always the same.
pub(crate) fn load() -> Vec<Group> {
    let groups = sets::load();
    let count: usize = groups.iter().map(|group| group.tests.len()).sum();
    assert!(count > 5800, "{count} vectors are too few");
    groups
}

/// Everything that is wrong with the answers to the vectors of `groups`, one for each in their order.
pub(crate) fn judge(groups: &[Group], answers: impl IntoIterator<Item = Answer>) -> Vec<String> {
    let mut answers = answers.into_iter();
    let tests = groups.iter().flat_map(|group| &group.tests);
    let answered: Vec<_> = tests.map(|test| (test.vector.clone(), answers.next().unwrap())).collect();
    assert_eq!(answers.next(), None, "more answers than vectors");
    Exceptions::load("signatures").judge(&answered)
}
