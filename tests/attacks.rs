//! `docs/attacks.md` goes through every known attack on tokens, and each row names tests that exist.

#![expect(
    clippy::indexing_slicing,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/rows.rs"]
mod rows;

use rows::{is_test, missing_tests, rows};

const TABLE: &str = include_str!("../docs/attacks.md");

/// With what the row of each attack begins.
const ATTACKS: [&str; 35] = [
    "`alg` `none`, `None`, `nOnE`",
    "an empty signature",
    "HMAC with a public key as its secret",
    "another algorithm than the key's; a curve",
    "the token brings its key: `jwk`, `x5c`",
    "the token says where its key is: `jku`, `x5u`",
    "`kid` as a path, a query, a command, `null`",
    "`kid` of another issuer's key",
    "an RSA exponent of 1",
    "RSA of few bits",
    "a key with `use` `enc`, or without `verify` in its `key_ops`",
    "a secret that is published",
    "ECDSA with `r` and `s` of zero",
    "ECDSA in DER",
    "the other `s` of an ECDSA signature",
    "a padding of RSA",
    "an RSA signature with the modulus added",
    "`crit`",
    "`b64: false`",
    "more dots",
    "the JSON serialization",
    "base64url with padding",
    "a member of JSON twice",
    "huge numbers",
    "great depth",
    "a token in a token, `cty`",
    "several tokens: `Authorization` twice, joined",
    "`exp` as text",
    "`exp` with a fraction",
    "`exp` below zero",
    "letters in `iss`",
    "the same in `aud`",
    "a few bytes that inflate to gigabytes (`zip`)",
    "`RSA1_5`",
    "an envelope around what nobody signed",
];

#[test]
fn every_row_names_tests_that_exist() {
    let rows = rows(TABLE);
    for row in &rows {
        assert_eq!(row.len(), 3, "not three cells: {row:?}");
    }
    let missing = missing_tests(&rows, is_test);
    assert!(missing.is_empty(), "{} missing:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_attack_has_a_row() {
    let rows = rows(TABLE);
    for attack in ATTACKS {
        let count = rows.iter().filter(|row| row.first().unwrap().starts_with(attack)).count();
        assert_eq!(count, 1, "{attack}");
    }
}
