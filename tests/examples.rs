//! Everything that README, `docs/` and `filter-config/` show is true: each policy compiles, each command exists, each word and
//! each reason is explained.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

#[path = "support/examples.rs"]
mod examples;

use std::{fs, path::PathBuf};

use examples::{blocks, environment, read, root};

use validate_jwt::{config::Configuration, rejection::Reason};

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|known| known == extension))
        .collect();
    files.sort();
    files
}

fn documents() -> Vec<PathBuf> {
    let mut documents = files("docs", "md");
    for folder in ["", "docs/guides", "filter-config", "envoy", "envoy/istio"] {
        documents.extend(files(folder, "md"));
    }
    documents
}

/// What a policy of `filter-config` means that hardly anybody means who does not say so.
fn warnings_of(name: &str) -> Vec<String> {
    match name {
        "entra-organizations" => vec![
            "validate-azure-ad-token.audiences has `{request-host}`: let the proxy answer for your own hosts alone, or a caller \
             chooses the audience"
                .to_owned(),
        ],
        // As in APIM's own examples.
        "entra-encrypted" | "entra-workforce" => vec![
            "validate-azure-ad-token has neither `audiences` nor `backend-application-ids`: a token that a listed client got \
             for any other API passes"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

#[test]
fn every_policy_of_filter_config_compiles() {
    let names: Vec<_> = files("filter-config", "json")
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "schema")
        .collect();
    assert_eq!(
        names,
        [
            "b2c-migration",
            "b2c-several-audiences-and-issuers",
            "b2c",
            "entra-client-credentials",
            "entra-encrypted",
            "entra-organizations",
            "entra-workforce",
            "external-id",
            "several-policies",
        ]
    );
    let table = read("filter-config/README.md");
    for name in names {
        let configuration =
            Configuration::parse(read(format!("filter-config/{name}.json")).as_bytes(), &environment);
        let configuration = configuration.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(configuration.warnings, warnings_of(&name), "{name}");
        assert!(table.contains(&format!("| `{name}.json` |")), "{name} is not in filter-config/README.md");
    }
}

#[test]
fn every_policy_in_a_document_compiles() {
    let mut sections = Vec::new();
    for path in documents() {
        for block in blocks(&read(&path), "json") {
            let configuration = Configuration::parse(block.as_bytes(), &environment);
            assert!(configuration.is_ok(), "{}: {}\n{block}", path.display(), configuration.unwrap_err());
            sections.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    let count = |name: &str| sections.iter().filter(|section| *section == name).count();
    assert!(count("README.md") >= 1, "README shows a policy");
    assert!(count("configuration.md") >= 6, "docs/configuration.md shows one for each section");
}

/// The words that can stand in an object of the configuration, as the filter lists them when it meets another one.
fn words(configuration: &str) -> Vec<String> {
    let error = Configuration::parse(configuration.as_bytes(), &environment).unwrap_err().to_string();
    let (_, list) = error.split_once("unknown member; expected one of ").unwrap_or_else(|| panic!("{error}"));
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_word_of_the_configuration_is_explained() {
    let text = read("docs/configuration.md");
    let mut count = 0;
    for place in [
        r#"{"?":1}"#,
        r#"{"policies":{"a":{}},"?":1}"#,
        r#"{"policies":{"a":{"?":1}}}"#,
        r#"{"validate-jwt":{"?":1}}"#,
        r#"{"validate-azure-ad-token":{"?":1}}"#,
        r#"{"validate-jwt":{},"options":{"?":1}}"#,
        r#"{"validate-jwt":{},"options":{"challenge":{"?":1}}}"#,
        r#"{"validate-jwt":{},"options":{"forward":{"?":1}}}"#,
        r#"{"validate-jwt":{},"options":{"forward":{"claims-to-headers":[{"?":1}]}}}"#,
        r#"{"validate-jwt":{},"options":{"jwks":[{"?":1}]}}"#,
        r#"{"validate-jwt":{"token-value":{"?":1}}}"#,
        r#"{"validate-jwt":{"header-name":"a","openid-config":[{"?":1}]}}"#,
        r#"{"validate-jwt":{"header-name":"a","issuer-signing-keys":[{"?":1}]}}"#,
        r#"{"validate-jwt":{"header-name":"a","decryption-keys":[{"?":1}]}}"#,
        r#"{"validate-jwt":{"header-name":"a","required-claims":[{"?":1}]}}"#,
        r#"{"certificates":{"a":{"?":1}}}"#,
        r#"{"policies":{"a":{"validate-jwt":{"header-name":"a"}}},"rules":[{"?":1}]}"#,
        r#"{"policies":{"a":{"validate-jwt":{"header-name":"a"}}},"rules":[{"match":{"?":1}}]}"#,
        r#"{"validate-jwt":{"header-name":"a"},"fetch":{"?":1}}"#,
    ] {
        for word in words(place) {
            let quoted = word.replace('`', "\"");
            assert!(text.contains(&word) || text.contains(&quoted), "{word} is not in docs/configuration.md");
            count += 1;
        }
    }
    assert!(count > 90, "{count} words");
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
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with(&format!("| `{reason}` |"))).collect();
        let [row] = rows[..] else { panic!("{reason} has {} rows in docs/reasons.md", rows.len()) };
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()),
            "{reason}: no cause or no remedy"
        );
    }
}

#[test]
fn every_source_file_is_on_the_map() {
    let map = read("docs/architecture.md");
    for path in files("src", "rs") {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "lib.rs" {
            assert!(map.contains(&format!("{name}`")), "{name} is not in docs/architecture.md");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let text = read("docs/dependencies.md");
    for manifest in ["Cargo.toml", "cli/Cargo.toml", "image/Cargo.toml", "postlink/Cargo.toml"] {
        let manifest = read(manifest);
        let mut is_dependency = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_dependency = line.ends_with("dependencies]");
            } else if is_dependency && let Some((name, _)) = line.split_once(['=', '.']) {
                let name = name.trim();
                if !name.starts_with('#') && !name.starts_with("validate-jwt") {
                    assert!(text.contains(&format!("`{name}`")), "{name} is not in docs/dependencies.md");
                }
            }
        }
    }
}
