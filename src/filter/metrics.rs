//! Counters and gauges in the proxy's statistics, defined when they are first used.

use std::{cell::RefCell, collections::BTreeMap};

use super::host::{self, MetricKind};
use crate::{
    decision::NO_POLICY,
    keys::{Availability, FetchError, KeyStore, ProviderId, Report},
    rejection::Reason,
    time::Timestamp,
};

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Its token is good.
    Allowed,
    /// It passed without a token.
    Anonymous,
    /// It passed because its policy only reports.
    ReportOnly,
    /// It was refused.
    Refused(Reason),
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::Anonymous => "Anonymous",
            Self::ReportOnly => "ReportOnly",
            Self::Refused(reason) => reason.name(),
        }
    }
}

/// The metrics of one plugin.
#[derive(Debug)]
pub(super) struct Metrics {
    /// What all names begin with.
    prefix: String,
    /// The proxy's numbers for what was defined; nothing for what it refused.
    defined: RefCell<BTreeMap<String, Option<u32>>>,
    /// The same for decisions, which every request counts, by policy and outcome.
    outcomes: RefCell<BTreeMap<String, BTreeMap<&'static str, Option<u32>>>>,
    /// How many of the waiting requests that the proxy shows are this VM's, by the gauge's number.
    waiting: RefCell<BTreeMap<u32, i64>>,
}

impl Metrics {
    /// Metrics of the plugin of this name.
    pub(super) fn new(plugin: &str) -> Self {
        let prefix = format!("validate_jwt.plugin.{}", plain(plugin));
        let (defined, outcomes, waiting) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { prefix, defined, outcomes, waiting }
    }

    /// Counts a decision under the name of the policy that a rule asked, if it asked one.
    pub(super) fn count_outcome(&self, policy: Option<&str>, outcome: Outcome) {
        let (policy, outcome) = (policy.unwrap_or(NO_POLICY), outcome.name());
        let mut outcomes = self.outcomes.borrow_mut();
        let known = outcomes.get(policy).and_then(|of_policy| of_policy.get(outcome).copied());
        let id = known.unwrap_or_else(|| {
            let name = format!("{}.policy.{}.outcome.{outcome}", self.prefix, plain(policy));
            let id = host::define_metric(MetricKind::Counter, &name);
            outcomes.entry(policy.to_owned()).or_default().insert(outcome, id);
            id
        });
        if let Some(id) = id {
            host::add_to_metric(id, 1);
        }
    }

    /// Counts the end of a fetch, and how long it took.
    pub(super) fn record_fetch(&self, report: &Report) {
        let result = report.result.as_ref().map_or_else(FetchError::kind, |_| "Ok");
        let name = self.provider(report.provider, &format!("fetch.{result}"));
        if let Some(id) = self.define(MetricKind::Counter, name) {
            host::add_to_metric(id, 1);
        }
        let name = self.provider(report.provider, "fetch_milliseconds");
        if let Some(id) = self.define(MetricKind::Histogram, name) {
            host::record_metric(id, u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX));
        }
    }

    /// Shows how the providers are.
    pub(super) fn show_providers(&self, keys: &KeyStore, now: Timestamp) {
        let now = keys.time(now);
        for provider in keys.providers() {
            let newest = provider.published().first();
            let usable = match provider.availability(newest, now) {
                Availability::Ready(set) => set.keys().len(),
                Availability::Pending | Availability::Down { .. } => 0,
            };
            // Without a good answer there is no age; a zero would look like a fresh one.
            let age = newest.map(|publication| ("age_seconds", publication.age(now).as_secs()));
            let gauges = [("keys", size(usable)), ("ready", u64::from(usable > 0))];
            for (name, value) in gauges.into_iter().chain(age) {
                if let Some(id) = self.define(MetricKind::Gauge, self.provider(provider.id(), name)) {
                    host::record_metric(id, value);
                }
            }
            self.show_waiting(provider.id(), keys.waiting_for(provider.id()));
        }
    }

    /// Shows how many requests wait. The proxy has one gauge for all VMs: what one of them set, another that nobody waits in
    /// would set back to zero, so each adds and takes away its own.
    fn show_waiting(&self, provider: ProviderId, waiting: usize) {
        let Some(id) = self.define(MetricKind::Gauge, self.provider(provider, "waiting")) else {
            return;
        };
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        let shown = self.waiting.borrow_mut().insert(id, waiting).unwrap_or(0);
        let change = waiting.saturating_sub(shown);
        if change != 0 {
            host::add_to_metric(id, change);
        }
    }

    fn provider(&self, provider: ProviderId, name: &str) -> String {
        format!("{}.provider.{}.{name}", self.prefix, provider.index())
    }

    fn define(&self, kind: MetricKind, name: String) -> Option<u32> {
        let mut defined = self.defined.borrow_mut();
        if let Some(id) = defined.get(&name) {
            return *id;
        }
        let id = host::define_metric(kind, &name);
        defined.insert(name, id);
        id
    }
}

impl Drop for Metrics {
    /// The gauge outlives a configuration that is replaced, with requests waiting under it.
    fn drop(&mut self) {
        for (id, shown) in self.waiting.get_mut().iter().filter(|(_, shown)| **shown != 0) {
            host::add_to_metric(*id, shown.saturating_neg());
        }
    }
}

/// The text with everything replaced that a part of a statistic's name should not hold.
fn plain(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || matches!(character, '_' | '-') { character } else { '_' }
        })
        .collect()
}

fn size(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
