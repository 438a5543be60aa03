//! `docs/apim-parity.md` goes through every word of APIM's policies, and each row names a test that exists.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::{fs, path::Path};

use serde_json::Value;

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

/// The cells of each row of the tables; the heads are left out.
fn rows() -> Vec<Vec<&'static str>> {
    let lines: Vec<_> = TABLE.lines().collect();
    let is_head = |index: usize| lines.get(index + 1).is_some_and(|next| next.starts_with("| ---"));
    lines
        .iter()
        .enumerate()
        .filter(|(index, line)| line.starts_with("| ") && !line.starts_with("| ---") && !is_head(*index))
        .map(|(_, line)| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the name in a row is that of a test: `path/of/file.rs::function`, or `file.json: case` of `tests/cases/`.
fn is_test(name: &str) -> bool {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    if let Some((file, function)) = name.split_once("::") {
        return read(&project().join(file)).contains(&format!("#[test]\nfn {function}() {{"))
            || read(&project().join(file)).contains(&format!("#[test]\n    fn {function}() {{"));
    }
    let Some((file, case)) = name.split_once(": ") else { return false };
    let table: Value =
        serde_json::from_str(&read(&project().join("tests/cases").join(file))).unwrap_or_default();
    table["cases"].as_array().is_some_and(|cases| cases.iter().any(|known| known["name"] == case))
}

#[test]
fn every_row_names_a_test_that_exists() {
    let rows = rows();
    assert!(rows.len() > 180, "{} rows", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let [word, _, tests] = row[..] else { panic!("not three cells: {row:?}") };
        let mut names = tests.split('`').skip(1).step_by(2).peekable();
        if names.peek().is_none() {
            missing.push(format!("{word}: no test"));
        }
        missing.extend(names.filter(|name| !is_test(name)).map(|name| format!("{word}: {name}")));
    }
    assert!(missing.is_empty(), "{} missing:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_question_and_every_word_has_a_row() {
    let words: Vec<_> = rows().into_iter().map(|row| *row.first().unwrap()).collect();
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
