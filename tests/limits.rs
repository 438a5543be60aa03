//! `docs/limits.md` has every limit of the sources, with its value, and each row names tests that exist.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/rows.rs"]
mod rows;

use rows::{is_test, missing_tests, quoted, rows};
use std::{
    fs,
    path::{Path, PathBuf},
};

use validate_jwt::config::Configuration;

const TABLES: &str = include_str!("../docs/limits.md");

#[test]
fn every_row_names_tests_that_exist() {
    let rows = rows(TABLES);
    assert!(rows.len() > 30, "{} rows", rows.len());
    let missing = missing_tests(&rows, is_test);
    assert!(missing.is_empty(), "{} missing:\n{}", missing.len(), missing.join("\n"));
}

/// Every `MAX_…` and `MIN_…` of the sources, and the first number of its value.
fn constants() -> Vec<(String, String)> {
    let mut constants = Vec::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for line in fs::read_to_string(path).unwrap().lines() {
            let Some((_, rest)) = line.split_once("const ") else { continue };
            let Some((name, rest)) = rest.split_once(": ") else { continue };
            if !name.starts_with("MAX_") && !name.starts_with("MIN_") {
                continue;
            }
            let (_, value) = rest.split_once(" = ").unwrap();
            let value = value.trim_start_matches(|c: char| !c.is_ascii_digit());
            let digits = value.chars().filter(|c| *c != '_').take_while(char::is_ascii_digit);
            constants.push((name.to_owned(), digits.collect()));
        }
    }
    constants
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|known| known == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn every_limit_of_the_sources_has_a_row_with_its_value() {
    let rows = rows(TABLES);
    let constants = constants();
    assert!(constants.len() > 20, "{constants:?}");
    for (name, value) in &constants {
        let row = rows.iter().find(|row| quoted(row[2]).any(|quoted| quoted == name));
        let row = row.unwrap_or_else(|| panic!("{name} = {value} is not in docs/limits.md"));
        assert!(has_number(row[1], value), "{name} is {value}, and docs/limits.md says {}", row[1]);
    }
    for name in rows.iter().flat_map(|row| quoted(row[2])).filter(|name| name.starts_with('M')) {
        assert!(constants.iter().any(|(known, _)| known == name), "{name} is no constant");
    }
}

/// The defaults that can be configured. That each is the default is the matter of the tests that the rows name.
#[test]
fn every_member_that_a_row_names_can_be_configured() {
    let rows = rows(TABLES);
    let members: Vec<_> =
        rows.iter().flat_map(|row| quoted(row[2])).filter(|name| name.contains('.')).collect();
    assert!(members.len() >= 5, "{members:?}");
    for member in members {
        let (object, name) = member.split_once('.').unwrap();
        let configuration = format!(
            r#"{{"validate-jwt":{{"header-name":"a","openid-config":[{{"url":"https://a/b"}}]}},"{object}":{{"{name}":null}},
                "default-cluster":"a"}}"#
        );
        let error = Configuration::parse(configuration.as_bytes(), &|_| None).unwrap_err().to_string();
        assert!(!error.contains("unknown member"), "{member}: {error}");
    }
}

fn has_number(text: &str, number: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|known| known == number)
}
