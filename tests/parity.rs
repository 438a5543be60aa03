//! `docs/apim-parity.md` goes through every word of APIM's policies, and each row names a test that exists.

#![expect(
    clippy::indexing_slicing,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/rows.rs"]
mod rows;

use rows::{is_test, missing_tests, rows};

const TABLE: &str = include_str!("../docs/apim-parity.md");

/// The attributes of the two policies and of their elements, those of APIM's schema included.
const ATTRIBUTES: [&str; 30] = [
    "allow-proof-of-possession-tokens",
    "allow-protected-forwarded-tokens",
    "authentication-endpoint",
    "certificate-id",
    "clock-skew",
    "e",
    "failed-validation-error-message",
    "failed-validation-httpcode",
    "header-name",
    "host",
    "id",
    "issuer-signing-tokens",
    "match",
    "n",
    "name",
    "output-token-variable-name",
    "query-parameter-name",
    "require-expiration-time",
    "require-scheme",
    "require-signed-tokens",
    "separator",
    "tenant-id",
    "token-value",
    "url",
    "validate-connectivity",
    "value",
    "zumo-master-key",
    "backend-application-ids",
    "client-application-ids",
    "openid-config",
];

/// What follows the attributes in both policies.
const ELEMENTS: [&str; 5] =
    ["issuer-signing-keys", "decryption-keys", "audiences", "issuers", "required-claims"];

#[test]
fn every_row_names_a_test_that_exists() {
    let rows = rows(TABLE);
    assert!(rows.len() > 180, "{} rows", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 3, "not three cells: {row:?}");
    }
    let missing = missing_tests(&rows, is_test);
    assert!(missing.is_empty(), "{} missing:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_question_and_every_word_has_a_row() {
    let words: Vec<_> = rows(TABLE).into_iter().map(|row| *row.first().unwrap()).collect();
    for number in 1..=87 {
        let question = format!("Q{number} ");
        let count = words.iter().filter(|word| word.starts_with(&question)).count();
        assert_eq!(count, 1, "Q{number}");
    }
    for name in ATTRIBUTES.iter().chain(&ELEMENTS) {
        assert!(words.iter().any(|word| word.contains(&format!("`{name}`"))), "no row for `{name}`");
    }
    for number in 1..=7 {
        assert!(words.iter().any(|word| word.starts_with(&format!("Example {number}:"))), "example {number}");
    }
    for number in 1..=10 {
        assert!(words.iter().any(|word| word.starts_with(&format!("Step {number}:"))), "step {number}");
    }
}
