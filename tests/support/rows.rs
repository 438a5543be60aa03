//! Documents that are tables whose rows name tests.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// The cells of each row of a document's tables; the heads are left out.
///
/// A row that follows neither a row nor a head is shown as text, with its bars: that is refused.
pub(crate) fn rows(document: &str) -> Vec<Vec<&str>> {
    let is_rule = |line: &str| line.starts_with("| ---");
    let mut rows = Vec::new();
    let mut is_in_table = false;
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with('|') {
            is_in_table = false;
        } else if is_in_table {
            rows.push(line.trim_matches('|').split(" | ").map(str::trim).collect());
        } else {
            assert!(lines.next_if(|next| is_rule(next)).is_some(), "a row outside of a table: {line}");
            is_in_table = true;
        }
    }
    rows
}

/// What a cell says in the type of code.
pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// What is wrong with the tests that the rows name in their last cells: each names one at least, and all are there.
pub(crate) fn missing_tests(rows: &[Vec<&str>], is_test: impl Fn(&str) -> bool) -> Vec<String> {
    let mut missing = Vec::new();
    for row in rows {
        let [first, .., last] = row[..] else {
            missing.push(format!("{row:?}: no cell for tests"));
            continue;
        };
        let mut names = quoted(last).peekable();
        if names.peek().is_none() {
            missing.push(format!("{first}: no test"));
        }
        missing.extend(names.filter(|name| !is_test(name)).map(|name| format!("{first}: {name}")));
    }
    missing
}

/// Whether it is the name of a test: `path/of/file.rs::function`, or `file.json: case` of `tests/cases/`.
pub(crate) fn is_test(name: &str) -> bool {
    if let Some((file, function)) = name.split_once("::") {
        return tests_of(file).iter().any(|known| known == function);
    }
    let Some((file, case)) = name.split_once(": ") else { return false };
    let table: Value = serde_json::from_str(&read(&format!("tests/cases/{file}"))).unwrap_or_default();
    table["cases"].as_array().is_some_and(|cases| cases.iter().any(|known| known["name"] == case))
}

/// The tests in a source file of the project; none in one that does not exist.
pub(crate) fn tests_of(file: &str) -> Vec<String> {
    let source = read(file);
    let functions = source.split("#[test]\n").skip(1).filter_map(|rest| {
        let (name, _) = rest.trim_start().strip_prefix("fn ")?.split_once("() {")?;
        Some(name.to_owned())
    });
    functions.collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}
