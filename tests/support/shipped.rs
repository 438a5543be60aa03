//! What tests take from the Envoy configurations that ship, so that it is what they hold.

use super::artifacts::project;
use std::fs;

/// The text of a file in `envoy/`.
pub(crate) fn configuration(name: &str) -> String {
    let path = project().join("envoy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The member `stats_config` of such a file, a bootstrap of its own.
pub(crate) fn stats_config(name: &str) -> String {
    let text = configuration(name);
    let rest = text.lines().skip_while(|line| *line != "stats_config:");
    let is_inside = |line: &&str| line.is_empty() || line.starts_with(' ');
    let block: Vec<&str> = rest.clone().take(1).chain(rest.skip(1).take_while(is_inside)).collect();
    assert!(block.len() > 1, "{name} has no stats_config");
    block.join("\n")
}

/// What such a file says after `name: `, everywhere that it is said.
pub(crate) fn settings(file: &str, name: &str) -> Vec<String> {
    let text = configuration(file);
    let values = text.lines().filter_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(": "));
    let values: Vec<String> = values.map(str::to_owned).collect();
    assert!(!values.is_empty(), "{file} has no {name}");
    values
}
