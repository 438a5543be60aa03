//! A burst of requests with what it cost, and many of them.

use crate::{
    figures::{Figure, differences, float, quantile, ratios},
    load::Clients,
    meter::{Meter, Reading},
};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::{thread, time::Duration};

/// What Envoy may need to end what it does after it has answered.
const SETTLING: Duration = Duration::from_millis(2);

/// What one kind of request came to, round by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    instructions: Vec<f64>,
    cycles: Vec<f64>,
    nanoseconds: Vec<f64>,
    throughput: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// What a request costs Envoy's worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cycles: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nanoseconds: Option<Figure>,
}

impl Cost {
    /// What charts and comparisons go by: instructions, or time where they cannot be counted.
    pub(crate) fn primary(&self) -> Option<Figure> {
        self.instructions.or(self.nanoseconds)
    }
}

impl Samples {
    /// Sends one round's requests, each of which asks for `units` of work.
    pub(crate) fn take(
        &mut self,
        meter: &mut dyn Meter,
        clients: &mut Clients,
        path: &str,
        tokens: &[&str],
        units: usize,
    ) -> Result<()> {
        let before = settled(meter)?;
        let burst = clients.drive(path, tokens)?;
        let spent = settled(meter)?.since(before);
        let count = float(burst.requests) * float(units);
        let each = |value: Option<u64>| value.map(|value| float(value) / count);
        self.instructions.extend(each(spent.instructions));
        self.cycles.extend(each(spent.cycles));
        self.nanoseconds.extend(each(spent.nanoseconds));
        let latencies: Vec<f64> = burst.latencies.iter().map(|latency| float(latency.as_nanos())).collect();
        self.throughput.push(count / burst.elapsed.as_secs_f64());
        self.p50.push(quantile(&latencies, 0.5).context("no requests")?);
        self.p99.push(quantile(&latencies, 0.99).context("no requests")?);
        Ok(())
    }

    /// Of a single round.
    #[cfg(test)]
    pub(crate) fn for_test(nanoseconds: f64) -> Self {
        let one = || vec![nanoseconds];
        Self { nanoseconds: one(), throughput: one(), p50: one(), p99: one(), ..Self::default() }
    }

    /// What a request cost.
    pub(crate) fn cost(&self) -> Cost {
        let [instructions, cycles, nanoseconds] =
            [&self.instructions, &self.cycles, &self.nanoseconds].map(|values| Figure::of(values));
        Cost { instructions, cycles, nanoseconds }
    }

    /// What a request cost more than one of `base`.
    pub(crate) fn over(&self, base: &Self) -> Self {
        Self {
            instructions: differences(&self.instructions, &base.instructions),
            cycles: differences(&self.cycles, &base.cycles),
            nanoseconds: differences(&self.nanoseconds, &base.nanoseconds),
            throughput: ratios(&self.throughput, &base.throughput),
            p50: ratios(&self.p50, &base.p50),
            p99: ratios(&self.p99, &base.p99),
        }
    }

    /// The same counts with another's times.
    pub(crate) fn with_times_of(self, timed: Self) -> Self {
        Self { instructions: self.instructions, cycles: self.cycles, ..timed }
    }

    /// How often the cost of `base` goes into that of these.
    pub(crate) fn ratio(&self, base: &Self) -> Option<Figure> {
        let by_instructions = Figure::of(&ratios(&self.instructions, &base.instructions));
        by_instructions.or_else(|| Figure::of(&ratios(&self.nanoseconds, &base.nanoseconds)))
    }

    /// Requests a second; of what is over a base, the ratio.
    pub(crate) fn throughput(&self) -> Option<Figure> {
        Figure::of(&self.throughput)
    }

    /// The latency of half the requests in nanoseconds; of what is over a base, the ratio.
    pub(crate) fn p50(&self) -> Option<Figure> {
        Figure::of(&self.p50)
    }

    /// The latency of 99 of 100 requests, as above.
    pub(crate) fn p99(&self) -> Option<Figure> {
        Figure::of(&self.p99)
    }
}

fn settled(meter: &mut dyn Meter) -> Result<Reading> {
    thread::sleep(SETTLING);
    meter.read()
}
