//! `filter-config/schema.json` says what the filter's own reader says: of the examples, of every case of `tests/cases/`, and of
//! what becomes of them when something in them is changed. Another party's validator (Ajv) judges by the schema.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]
#![expect(dead_code, reason = "of the table of cases, the configurations alone are of use here")]

mod case_table;
#[path = "support/examples.rs"]
mod examples;

use case_table::Table;
use examples::{blocks, environment, read};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};
use validate_jwt::config::Configuration;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&read("filter-config/schema.json")).unwrap());

/// What is wrong with each instance by the schema; `None` for those that are valid.
fn judged(instances: &[Value]) -> Vec<Option<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openid-provider");
    let mut command = Command::new("node");
    command.arg("schema.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let input = json!({ "schema": *SCHEMA, "instances": instances }).to_string();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "`npm ci` in tests/openid-provider installs the validator");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the filter's reader says.
fn parsed(configuration: &Value, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    Configuration::parse(configuration.to_string().as_bytes(), environment)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The configurations that are shown: those that ship, and those in the document about every member.
fn shown() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("filter-config");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| {
        path.extension().is_some_and(|extension| extension == "json") && !path.ends_with("schema.json")
    });
    let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
    let document = read("docs/configuration.md");
    let blocks: Vec<_> = blocks(&document, "json").into_iter().map(str::to_owned).collect();
    texts.chain(blocks).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[test]
fn every_configuration_that_loads_is_valid() {
    let table = Table::load();
    let cases =
        table.plugins().into_iter().map(|plugin| serde_json::from_str(&plugin.configuration).unwrap());
    let configurations: Vec<Value> = shown().into_iter().chain(cases).collect();
    assert!(configurations.len() > 100, "{}", configurations.len());
    for (configuration, wrong) in configurations.iter().zip(judged(&configurations)) {
        assert_eq!(wrong, None, "{configuration:#}");
    }
}

/// The places of all values in `value`.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        // What a key is like is the JWK's matter.
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| *name != "jwk") {
                places(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                places(element, &format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[test]
fn unknown_members_other_types_and_other_words_are_refused_where_the_filter_refuses_them() {
    let mut changed = Vec::new();
    for configuration in shown() {
        let mut found = Vec::new();
        places(&configuration, "", &mut found);
        for place in found {
            let mut change = |to: &dyn Fn(&mut Value)| {
                let mut copy = configuration.clone();
                to(copy.pointer_mut(&place).unwrap());
                changed.push((place.clone(), copy));
            };
            let original = configuration.pointer(&place).unwrap();
            for other in [json!(null), json!(true), json!(7), json!(1.5), json!("?"), json!([]), json!({})] {
                if kind(&other) != kind(original) {
                    change(&|value| *value = other.clone());
                }
            }
            if original.is_object() {
                change(&|value| value["?"] = json!(1));
            }
            if original.is_string() {
                for other in ["", "{{x}}", "@(x)"] {
                    change(&|value| *value = json!(other));
                }
            }
            let word = place.rsplit('/').next().unwrap_or_default();
            if matches!(word, "match" | "format") || place.contains("/algorithms/") {
                change(&|value| *value = json!("some"));
            }
        }
    }
    let configurations: Vec<_> = changed.iter().map(|(_, configuration)| configuration.clone()).collect();
    let (mut refused, mut wrong) = (0, Vec::new());
    for ((place, configuration), judgement) in changed.iter().zip(judged(&configurations)) {
        let value = configuration.pointer(place).unwrap();
        match (parsed(configuration, &environment), judgement) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => refused += 1,
            (Ok(()), Some(judgement)) => {
                wrong.push(format!("the schema alone refuses {place}: {value}: {judgement}"));
            }
            (Err(error), None) => wrong.push(format!("the schema takes {place}: {value}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused > 2000, "{refused}");
}

/// Where the words of an object are listed: a configuration whose reader lists them, and the object's place in the schema.
const OBJECTS: [(&str, &str); 18] = [
    (r#"{"policies":{"a":{"?":1}}}"#, "/$defs/policy"),
    (r#"{"validate-jwt":{"?":1}}"#, "/$defs/validate-jwt"),
    (r#"{"validate-azure-ad-token":{"?":1}}"#, "/$defs/validate-azure-ad-token"),
    (r#"{"validate-jwt":{},"options":{"?":1}}"#, "/$defs/options"),
    (r#"{"validate-jwt":{},"options":{"challenge":{"?":1}}}"#, "/$defs/options/properties/challenge/oneOf/1"),
    (r#"{"validate-jwt":{},"options":{"forward":{"?":1}}}"#, "/$defs/options/properties/forward"),
    (
        r#"{"validate-jwt":{},"options":{"forward":{"claims-to-headers":[{"?":1}]}}}"#,
        "/$defs/options/properties/forward/properties/claims-to-headers/items",
    ),
    (r#"{"validate-jwt":{},"options":{"jwks":[{"?":1}]}}"#, "/$defs/options/properties/jwks/items"),
    (r#"{"validate-jwt":{"token-value":{"?":1}}}"#, "/$defs/token-value"),
    (
        r#"{"validate-jwt":{"header-name":"a","openid-config":[{"?":1}]}}"#,
        "/$defs/validate-jwt/properties/openid-config/items",
    ),
    (r#"{"validate-jwt":{"header-name":"a","issuer-signing-keys":[{"?":1}]}}"#, "/$defs/signing-key"),
    (r#"{"validate-jwt":{"header-name":"a","decryption-keys":[{"?":1}]}}"#, "/$defs/decryption-key"),
    (r#"{"validate-jwt":{"header-name":"a","required-claims":[{"?":1}]}}"#, "/$defs/required-claims/items"),
    (r#"{"certificates":{"a":{"?":1}}}"#, "/properties/certificates/additionalProperties"),
    (r#"{"policies":{"a":{"validate-jwt":{"header-name":"a"}}},"rules":[{"?":1}]}"#, "/$defs/rule"),
    (
        r#"{"policies":{"a":{"validate-jwt":{"header-name":"a"}}},"rules":[{"match":{"?":1}}]}"#,
        "/$defs/rule/properties/match",
    ),
    (r#"{"validate-jwt":{"header-name":"a"},"fetch":{"?":1}}"#, "/properties/fetch"),
    (r#"{"validate-jwt":{"header-name":"a"},"token-cache":{"?":1}}"#, "/properties/token-cache"),
];

#[test]
fn the_schema_has_the_words_of_the_reader_and_no_other() {
    let words = |configuration: &str| -> BTreeSet<String> {
        let error = Configuration::parse(configuration.as_bytes(), &environment).unwrap_err().to_string();
        let (_, list) =
            error.split_once("unknown member; expected one of ").unwrap_or_else(|| panic!("{error}"));
        list.split(", ").map(|word| word.trim_matches('`').to_owned()).collect()
    };
    let properties = |place: &str| -> BTreeSet<String> {
        let object = SCHEMA.pointer(place).unwrap();
        assert_eq!(object["additionalProperties"], json!(false), "{place}");
        object["properties"].as_object().unwrap().keys().cloned().collect()
    };
    for (configuration, place) in OBJECTS {
        assert_eq!(properties(place), words(configuration), "{place}");
    }
    let root = words(r#"{"?":1}"#).union(&words(r#"{"policies":{"a":{}},"?":1}"#)).cloned().collect();
    assert_eq!(properties(""), root);
}

#[test]
fn every_member_is_described() {
    let mut found = Vec::new();
    members(&SCHEMA, &mut found);
    assert!(found.len() > 90, "{}", found.len());
    for (name, member) in found {
        let described = member["description"].as_str().or_else(|| {
            let target = member["$ref"].as_str()?.strip_prefix('#')?;
            // A policy's words are described one by one.
            SCHEMA.pointer(target)?.get("properties").map(|_| "")
        });
        assert!(described.is_some(), "{name} has no description");
    }
}

fn members<'s>(schema: &'s Value, found: &mut Vec<(&'s str, &'s Value)>) {
    match schema {
        Value::Object(object) => {
            for (name, value) in object {
                // In a condition nothing is described.
                if name == "properties"
                    && !object.contains_key("not")
                    && object.contains_key("additionalProperties")
                {
                    found.extend(
                        value.as_object().unwrap().iter().map(|(name, member)| (name.as_str(), member)),
                    );
                }
                members(value, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| members(element, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The tables of `docs/configuration.md`: under which heading, for which object of the schema, by the first cell of their head.
const TABLES: [(&str, &str, &str); 10] = [
    ("`validate-jwt`", "member", "/$defs/validate-jwt"),
    ("Keys in the configuration", "members", "/$defs/signing-key"),
    ("Certificates", "member", "/properties/certificates/additionalProperties"),
    ("`validate-azure-ad-token`", "member", "/$defs/validate-azure-ad-token"),
    ("`options`", "member", "/$defs/options"),
    ("Forwarding", "member of `forward`", "/$defs/options/properties/forward"),
    ("Several policies", "member of a rule", "/$defs/rule"),
    ("Several policies", "member of `match`", "/$defs/rule/properties/match"),
    ("Reaching the identity provider", "member", ""),
    ("Reaching the identity provider", "member of `fetch`", "/properties/fetch"),
];

#[test]
fn the_document_says_of_each_member_what_the_schema_says() {
    let rows = document_rows();
    let mut count = 0;
    for ((heading, head), rows) in &rows {
        let Some((_, _, place)) = TABLES.iter().find(|table| (table.0, table.1) == (heading, head)) else {
            continue;
        };
        for cells in rows {
            let meaning = plain(cells.last().unwrap());
            // Every second piece between back quotes is a name; `…-from-env` says where its text is.
            for name in cells[0].split('`').skip(1).step_by(2).filter(|name| !name.ends_with("-from-env")) {
                let member =
                    SCHEMA.pointer(&format!("{place}/properties/{name}")).unwrap_or_else(|| panic!("{name}"));
                if !meaning.starts_with("as above") && name != "forward" {
                    assert_eq!(member["description"].as_str(), Some(meaning.as_str()), "{heading}: {name}");
                }
                if cells.len() == 3 {
                    let default = plain(&cells[1]).replace('`', "");
                    let written = match &member["default"] {
                        Value::Null => None,
                        Value::String(text) => Some(text.clone()),
                        default
                        @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                            Some(default.to_string())
                        }
                    };
                    let told = written
                        .as_deref()
                        .is_none_or(|written| default.split([' ', ',']).any(|word| word == written));
                    let is_literal = serde_json::from_str::<Value>(&default).is_ok();
                    assert!(told && (written.is_some() || !is_literal), "{heading}: {name}: {default}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count}");
}

/// The rows of each table, by the heading above it and the first cell of its head.
fn document_rows() -> BTreeMap<(String, String), Vec<Vec<String>>> {
    let document = read("docs/configuration.md");
    let (mut heading, mut head, mut tables) = (String::new(), None::<String>, BTreeMap::new());
    for line in document.lines() {
        if let Some(title) = line.strip_prefix('#') {
            title.trim_start_matches('#').trim().clone_into(&mut heading);
        }
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            head = None;
            continue;
        };
        let cells: Vec<String> = row.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        match &head {
            None => head = Some(cells[0].clone()),
            Some(_) if cells[0] == "---" => {}
            Some(head) => tables.entry((heading.clone(), head.clone())).or_insert_with(Vec::new).push(cells),
        }
    }
    tables
}

/// Without Markdown's links and without the way to a section of the document.
fn plain(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, link)) = rest.split_once('[') {
        let linked = link.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?.1)));
        let Some((label, after)) = linked else { break };
        text += before;
        text += label;
        rest = after;
    }
    let text = format!("{text}{rest}").replace("\\*", "*");
    let way =
        [": see below", ", see below", ". See below"].into_iter().find_map(|way| text.strip_suffix(way));
    way.map_or_else(|| text.clone(), str::to_owned)
}
