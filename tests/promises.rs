//! What `SECURITY.md` promises, `docs/failure.md` describes and `docs/compatibility.md` says of hosts is tested: their rows name
//! tests that exist.

#![expect(
    clippy::indexing_slicing,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/rows.rs"]
mod rows;

use rows::{is_test, missing_tests, rows};

const SECURITY: &str = include_str!("../SECURITY.md");
const FAILURE: &str = include_str!("../docs/failure.md");
const COMPATIBILITY: &str = include_str!("../docs/compatibility.md");
const DENY: &str = include_str!("../deny.toml");

#[test]
fn every_promise_and_every_failure_names_tests_that_exist() {
    let (_, promises) = SECURITY.split_once("## What is promised").unwrap();
    let (promises, _) = promises.split_once("## What is not promised").unwrap();
    let (_, hosts) = COMPATIBILITY.split_once("## Hosts without").unwrap();
    let texts = [
        ("SECURITY.md", promises, 15),
        ("docs/failure.md", FAILURE, 12),
        ("docs/compatibility.md", hosts, 4),
    ];
    for (name, text, least) in texts {
        let rows = rows(text);
        assert!(rows.len() >= least, "{name}: {} rows", rows.len());
        let missing = missing_tests(&rows, is_test);
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}

/// An exception that nobody can explain is a hole.
#[test]
fn every_exception_for_a_dependency_has_its_reason() {
    let lines = DENY.lines().zip(DENY.lines().skip(1));
    let exceptions: Vec<_> =
        lines.filter(|(_, line)| line.contains("{ id = ") || line.contains("{ crate = ")).collect();
    assert!(exceptions.len() >= 4, "{exceptions:?}");
    for (before, exception) in exceptions {
        // Where cargo-deny takes no reason, it is a comment.
        let comment = before.strip_prefix("# ").unwrap_or_default();
        let reason = exception.split_once("reason = \"").map_or(comment, |(_, reason)| reason);
        assert!(reason.len() > 20, "{exception}");
    }
}
