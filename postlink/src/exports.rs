//! Which exports are kept.

use std::collections::BTreeSet;

/// The names of the exports that a module keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exports(BTreeSet<String>);

impl Exports {
    /// Those of the filter: `filter-exports.txt`, which has a reason for each.
    pub fn of_the_filter() -> Self {
        Self::parse(include_str!("../filter-exports.txt"))
    }

    /// Reads a list: the first word of a line is a name, the rest says why; empty lines and those that begin with `#` are
    /// skipped.
    pub fn parse(list: &str) -> Self {
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// Whether this export is kept.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names that are not among those that a module has.
    pub(crate) fn missing(&self, present: &BTreeSet<&str>) -> Vec<String> {
        self.0.iter().filter(|name| !present.contains(name.as_str())).cloned().collect()
    }
}
