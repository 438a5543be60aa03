//! What a Prometheus that scrapes Envoy's admin port gets of the filter.

use super::deadline::wait_for;
use super::envoy::Envoy;
use super::http_client::{Request, exchange};
use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample, as they stand between the braces.
pub(crate) type Labels = BTreeMap<String, String>;

/// One answer of `/stats/prometheus`.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    samples: Vec<(String, Labels, f64)>,
    types: BTreeMap<String, String>,
}

impl Envoy {
    /// Scrapes what the filter counts.
    pub(crate) fn scrape(&self) -> Scrape {
        let request = Request::get("/stats/prometheus");
        let response = wait_for("a scrape", || exchange(self.admin(), &request).ok());
        Scrape::parse(&response.text())
    }
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let of_filter = |line: &&str| line.contains("validate_jwt");
        let (comments, samples): (Vec<&str>, Vec<&str>) =
            text.lines().filter(of_filter).partition(|line| line.starts_with('#'));
        let types = comments.into_iter().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let types = types.map(|(name, type_)| (name.to_owned(), type_.to_owned())).collect();
        let samples =
            samples.into_iter().map(|line| sample(line).unwrap_or_else(|| panic!("sample `{line}`")));
        Self { samples: samples.collect(), types }
    }

    /// The metrics and their types; a histogram is one.
    pub(crate) fn types(&self) -> BTreeMap<&str, &str> {
        self.types.iter().map(|(name, type_)| (name.as_str(), type_.as_str())).collect()
    }

    /// The names of all samples; a histogram has several.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.samples.iter().map(|(name, ..)| name.as_str()).collect()
    }

    /// The names of the labels that any sample has.
    pub(crate) fn label_names(&self) -> BTreeSet<&str> {
        self.samples.iter().flat_map(|(_, labels, _)| labels.keys().map(String::as_str)).collect()
    }

    /// The names of the labels that a metric has.
    pub(crate) fn labels_of(&self, name: &str) -> BTreeSet<&str> {
        let samples = self.samples.iter().filter(|(known, ..)| known == name);
        samples.flat_map(|(_, labels, _)| labels.keys().map(String::as_str)).collect()
    }

    /// The samples of a metric, by the values of these labels, which must be all that there are.
    pub(crate) fn series<const N: usize>(&self, name: &str, labels: [&str; N]) -> BTreeMap<[&str; N], f64> {
        let samples = self.samples.iter().filter(|(known, ..)| known == name);
        let series = samples.map(|(_, found, value)| {
            assert_eq!(found.len(), N, "{name} has other labels than {labels:?}: {found:?}");
            let text = |label| found.get(label).unwrap_or_else(|| panic!("{name}: no {label} in {found:?}"));
            (labels.map(|label| text(label).as_str()), *value)
        });
        series.collect()
    }
}

/// `name{label="value",…} number`; values of the filter hold nothing that would have to be escaped.
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.split_once("} ")?;
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (name, value) = label.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        (!value.contains(['"', '\\'])).then(|| (name.to_owned(), value.to_owned()))
    });
    Some((name.to_owned(), labels.collect::<Option<_>>()?, value.parse().ok()?))
}
