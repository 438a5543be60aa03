//! The Envoy configurations that ship: Envoy accepts them, and their inline policies are those of `filter-config/`.

use crate::support::access_log::AccessLog;
use crate::support::artifacts::{module, project};
use crate::support::envoy::validate_file;
use crate::support::shipped;
use serde_json::Value;
use std::fs;

#[test]
fn envoy_accepts_the_local_configuration() {
    accepts("local.yaml");
}

#[test]
fn envoy_accepts_the_production_configuration() {
    accepts("production.yaml");
}

fn accepts(name: &str) {
    // Both name the module by its path from the root of the project, where Envoy is started.
    assert!(module().starts_with(project()));
    let exit = validate_file(&project().join("envoy").join(name));
    assert!(exit.status.success(), "{name}:\n{}", exit.output);
}

#[test]
fn inline_policies_are_those_of_filter_config() {
    for (name, policies) in [
        ("local.yaml", vec!["entra-client-credentials", "b2c-migration", "external-id"]),
        ("production.yaml", vec!["entra-client-credentials"]),
    ] {
        let inline = inline_documents(&shipped::configuration(name));
        let files: Vec<Value> = policies.into_iter().map(filter_config).collect();
        assert_eq!(inline, files, "{name}");
    }
}

/// What the tests of statistics run with is in both, to the letter.
#[test]
fn statistics_have_the_same_labels_everywhere() {
    assert_eq!(shipped::stats_config("local.yaml"), shipped::stats_config("production.yaml"));
}

#[test]
fn access_logs_hold_what_the_tests_read_in_theirs() {
    let columns = AccessLog::format(&[]);
    for name in ["local.yaml", "production.yaml"] {
        let text = shipped::configuration(name);
        // The first is how a test finds its request again.
        for column in columns.trim_end().split('\t').skip(1) {
            assert!(text.contains(column), "{name} does not log {column}");
        }
    }
}

fn filter_config(name: &str) -> Value {
    let path = project().join("filter-config").join(format!("{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The JSON documents in YAML block scalars that a `value: |` opens.
fn inline_documents(yaml: &str) -> Vec<Value> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = yaml.lines().collect();
    let openings = lines.iter().enumerate().filter(|(_, line)| line.trim_end().ends_with("value: |"));
    openings
        .map(|(at, opening)| {
            let inside = |line: &&&str| line.trim().is_empty() || indent(line) > indent(opening);
            let block: Vec<&str> = lines[at + 1..].iter().take_while(inside).copied().collect();
            serde_json::from_str(&block.join("\n")).unwrap_or_else(|error| panic!("line {}: {error}", at + 1))
        })
        .collect()
}
