//! `docs/reliability.md` has a row for each outage, and says of it what the tests show.

use super::faults::{FAULTS, Fault};
use crate::support::rows::{is_test, missing_tests, quoted, rows, tests_of};
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../docs/reliability.md");
/// Where the tests are that each have a row.
const OUTAGES: [&str; 3] =
    ["tests/envoy/outages.rs", "tests/module/outages.rs", "tests/module/outages/several_providers.rs"];

/// The name by which a row calls an entry of [`FAULTS`].
fn name_of(fault: &Fault) -> String {
    format!("faults.rs: {}", fault.name)
}

#[test]
fn every_row_names_a_test_that_exists() {
    let rows = rows(DOCUMENT);
    assert!(rows.len() > 40, "{} rows", rows.len());
    let is_fault = |name: &str| FAULTS.iter().any(|fault| name_of(fault) == name);
    let missing = missing_tests(&rows, |name| is_fault(name) || is_test(name));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_outage_has_a_row() {
    let rows = rows(DOCUMENT);
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row.last().unwrap())).collect();
    let tests = OUTAGES.iter().flat_map(|file| {
        let tests = tests_of(file);
        assert!(!tests.is_empty(), "{file}");
        tests.into_iter().map(move |test| format!("{file}::{test}"))
    });
    let missing: Vec<String> = tests.filter(|test| !named.contains(test.as_str())).collect();
    assert!(missing.is_empty(), "no row names {missing:#?}");
}

#[test]
fn the_row_of_each_fault_says_what_is_logged_and_counted() {
    let rows = rows(DOCUMENT);
    for fault in &FAULTS {
        let name = name_of(fault);
        let of_fault: Vec<_> =
            rows.iter().filter(|row| quoted(row.last().unwrap()).any(|named| named == name)).collect();
        let [row] = of_fault[..] else { panic!("{name}: {} rows", of_fault.len()) };
        let [_, log, result, _, _] = row[..] else { panic!("{name}: not five cells: {row:?}") };
        assert_eq!(result, format!("`{}`", fault.result), "{name}");
        let plain = |text: &str| text.replace('`', "");
        assert!(
            plain(log).trim().starts_with(&plain(fault.log)),
            "{name}: {log}, where the log says {}",
            fault.log
        );
    }
}
