//! Everything that README, `docs/` and `filter-config/` show is true: each policy compiles, each command exists, each reason
//! is explained.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use validate_jwt::{config::Configuration, rejection::Reason};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|known| known == extension))
        .collect();
    files.sort();
    files
}

/// The fenced blocks of `language` in a Markdown text.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn documents() -> Vec<PathBuf> {
    let mut documents = files("docs", "md");
    for folder in ["", "filter-config", "envoy"] {
        documents.extend(files(folder, "md"));
    }
    documents
}

#[test]
fn every_policy_of_filter_config_compiles_without_a_warning() {
    let names: Vec<_> = files("filter-config", "json")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "b2c-migration",
            "b2c-several-audiences-and-issuers",
            "b2c",
            "entra-client-credentials",
            "external-id",
        ]
    );
    for path in files("filter-config", "json") {
        let configuration = Configuration::parse(read(&path).as_bytes(), &|_| None);
        let configuration = configuration.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(configuration.warnings, Vec::<String>::new(), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(read("filter-config/README.md").contains(name), "{name} is not in filter-config/README.md");
    }
}

#[test]
fn every_policy_in_a_document_compiles() {
    let mut count = 0;
    for path in documents() {
        for block in blocks(&read(&path), "json") {
            let configuration = Configuration::parse(block.as_bytes(), &|_| None);
            assert!(configuration.is_ok(), "{}: {}\n{block}", path.display(), configuration.unwrap_err());
            count += 1;
        }
    }
    assert!(count >= 2, "README and docs/configuration.md show a policy each");
}

#[test]
fn every_make_target_that_a_document_names_exists() {
    let makefile = read("Makefile");
    for path in documents() {
        let text = read(&path);
        for (index, _) in text.match_indices("make ") {
            let (before, after) = text.split_at(index);
            if !before.ends_with(['`', '\n']) {
                continue;
            }
            let target: String = after
                .chars()
                .skip("make ".len())
                .take_while(|character| character.is_ascii_lowercase() || *character == '-')
                .collect();
            let rule = format!("\n{target}:");
            assert!(
                makefile.contains(&rule),
                "{} names `make {target}`, which does not exist",
                path.display()
            );
        }
    }
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for path in documents() {
        let text = read(&path);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.starts_with("http") {
                let target = path.parent().unwrap().join(link.split('#').next().unwrap());
                assert!(target.exists(), "{}: {link}", path.display());
            }
        }
    }
}

#[test]
fn every_reason_is_explained() {
    let text = read("docs/reasons.md");
    for reason in Reason::ALL {
        assert!(text.contains(&format!("| `{reason}` |")), "{reason} is not in docs/reasons.md");
    }
}
