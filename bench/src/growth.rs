//! How the filter's cost grows with what is configured, and with what is sent.

mod setup;

use crate::{
    arguments::{Arguments, Effort},
    bootstrap::Listener,
    clock,
    envoy::Run,
    figures::float,
    footprint::Ready,
    load::Clients,
    machine, meter,
    meter::Method,
    report::{Machine, MeterUsed},
    sample::{Cost, Samples},
    table::{Table, count, counted, megabytes, microseconds},
    terminal::say,
    tokens::Keys,
};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use setup::{Setup, Subject};

/// The listener without the filter.
const PLAIN: &str = "plain";

/// The listener with it.
const FILTER: &str = "filter";

/// A path that only a rule for everything matches.
const PATH: &str = "/orders/42";

/// The measurements of all subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Growth {
    machine: Machine,
    meter: MeterUsed,
    rows: Vec<Row>,
}

/// One size of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    subject: Subject,
    size: usize,
    /// One token over and over; of live tokens, all of them in turns.
    hot: Cost,
    /// A new token each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<Cost>,
    /// How much later Envoy answers than without the filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_milliseconds: Option<i64>,
    /// How much memory more it has for itself than without the filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: usize,
    requests: usize,
    warm: usize,
}

impl Plan {
    const fn new(effort: Effort, method: Method) -> Self {
        match (effort, method) {
            (Effort::Smoke, _) => Self { rounds: 1, requests: 10, warm: 10 },
            (Effort::Full, Method::Callgrind) => Self { rounds: 1, requests: 50, warm: 1000 },
            (Effort::Full, Method::CpuTime | Method::Hardware) => {
                Self { rounds: 5, requests: 400, warm: 2000 }
            }
        }
    }
}

/// An Envoy without the filter, to compare with.
#[derive(Clone, Copy, Debug)]
struct Bare {
    bytes: i64,
    start_milliseconds: i64,
}

/// Measures every subject at every size.
pub(crate) fn run(arguments: &Arguments, effort: Effort) -> Result<Growth> {
    let choice = meter::Choice::new(arguments.meter)?;
    let plan = Plan::new(effort, choice.method);
    say(&format!("meter: {}", machine::method(choice.method)))?;
    let keys = Keys::new(clock::now())?;
    let filter = arguments.filter.canonicalize().context("--filter")?;
    let bench = Bench { arguments, plan, keys: &keys, filter: &filter };
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        for size in subject.sizes(effort) {
            say(&format!("{}: {size}", subject.title()))?;
            rows.push(bench.measure(subject, *size, &choice)?);
        }
    }
    let machine = machine::describe(&arguments.envoy, &filter)?;
    Ok(Growth { machine, meter: MeterUsed { method: choice.method, note: choice.note }, rows })
}

struct Bench<'a> {
    arguments: &'a Arguments,
    plan: Plan,
    keys: &'a Keys,
    filter: &'a std::path::Path,
}

impl Bench<'_> {
    fn measure(&self, subject: Subject, size: usize, choice: &meter::Choice) -> Result<Row> {
        let plan = self.plan;
        let setup = Setup::new(subject, size, self.keys)?;
        let tokens =
            setup.tokens(self.keys, plan.rounds.saturating_mul(plan.requests), plan.warm.div_ceil(4))?;
        let listeners =
            [Listener::plain(PLAIN), Listener::wasm(FILTER, self.filter, &setup.configuration().to_string())];
        let run = choice.run();
        let asked = (FILTER, PATH, tokens.repeated()?);
        let around = setup.around();
        let ready = Ready::start(&self.arguments.envoy, &run, setup.workers(), &listeners, asked, &around)?;
        let connections = if choice.method == Method::Callgrind { setup.workers() } else { 4 };
        let mut lanes = Vec::new();
        for name in [PLAIN, FILTER] {
            lanes.push(Clients::connect(ready.envoy.address(name)?, connections)?);
        }
        let [plain_clients, clients] = lanes.as_mut_slice() else { anyhow::bail!("two listeners") };
        let warm: Vec<&str> = tokens.warm(plan.warm);
        let translated = warm.len().saturating_sub(plan.warm.div_ceil(10));
        for each in [&mut *plain_clients, &mut *clients] {
            each.drive(PATH, &warm)?;
        }
        let mut meter = choice.attach(&ready.envoy)?;
        for each in [&mut *plain_clients, &mut *clients] {
            each.drive(PATH, warm.get(translated..).unwrap_or_default())?;
        }
        let mut samples = [const { [const { None }; 2] }; 2];
        for round in 0..plan.rounds {
            for (load, slot) in samples.iter_mut().enumerate() {
                let tokens = if load == 0 {
                    tokens.hot(plan.requests, round)
                } else {
                    tokens.cold(plan.requests, round)
                };
                if tokens.is_empty() {
                    continue;
                }
                for (each, samples) in [&mut *plain_clients, &mut *clients].into_iter().zip(slot) {
                    let samples: &mut Samples = samples.get_or_insert_default();
                    samples.take(&mut *meter, each, PATH, &tokens, 1)?;
                }
            }
        }
        drop(meter);
        let cost = |[plain, with]: &[Option<Samples>; 2]| Some(with.as_ref()?.over(plain.as_ref()?).cost());
        let [hot, cold] = &samples;
        let bytes = i64::try_from(ready.envoy.own_bytes()?)?;
        let start = i64::try_from(ready.after.as_millis())?;
        drop(ready);
        // Under a tool, memory and start are the tool's.
        let bare = if choice.method == Method::Callgrind { None } else { Some(self.bare(&setup, &tokens)?) };
        Ok(Row {
            subject,
            size,
            hot: cost(hot).context("nothing was measured")?,
            cold: cost(cold),
            start_milliseconds: bare.map(|bare| start.saturating_sub(bare.start_milliseconds)),
            bytes: bare.map(|bare| bytes.saturating_sub(bare.bytes)),
        })
    }

    /// The same Envoy without the filter, after as many requests.
    fn bare(&self, setup: &Setup, tokens: &setup::Tokens) -> Result<Bare> {
        let listeners = [Listener::plain(PLAIN)];
        let asked = (PLAIN, PATH, tokens.repeated()?);
        let (program, run) = (&self.arguments.envoy, Run::default());
        let ready = Ready::start(program, &run, setup.workers(), &listeners, asked, &setup.around())?;
        let mut clients = Clients::connect(ready.envoy.address(PLAIN)?, 4)?;
        clients.drive(PATH, &tokens.warm(self.plan.warm))?;
        Ok(Bare {
            bytes: i64::try_from(ready.envoy.own_bytes()?)?,
            start_milliseconds: i64::try_from(ready.after.as_millis())?,
        })
    }
}

/// A table for each subject.
pub(crate) fn render(growth: &Growth) -> String {
    let mut text = format!(
        "Envoy {}, on {} ({} cores). Meter: {}.\n",
        growth.machine.envoy,
        growth.machine.processor,
        growth.machine.cores,
        machine::method(growth.meter.method),
    );
    for subject in Subject::ALL {
        let rows: Vec<&Row> = growth.rows.iter().filter(|row| row.subject == subject).collect();
        if rows.is_empty() {
            continue;
        }
        let mut table = Table::new(&[subject.unit(), "hot", "cold", "start, ms", "memory, MB"]);
        for row in rows {
            table.row(vec![
                count(float(row.size)),
                show(&row.hot),
                row.cold.as_ref().map_or_else(|| "–".to_owned(), show),
                row.start_milliseconds.map_or_else(|| "–".to_owned(), |start| start.to_string()),
                row.bytes.map_or_else(|| "–".to_owned(), megabytes),
            ]);
        }
        text.push_str(&["\n", subject.title(), ":\n\n", &table.render()].concat());
    }
    text
}

fn show(cost: &Cost) -> String {
    match (cost.instructions, cost.nanoseconds) {
        (Some(figure), _) => counted(figure),
        (None, Some(figure)) => format!("{} µs", microseconds(figure)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figure;

    #[test]
    fn each_subject_has_a_table() {
        let cost = |median| Cost { nanoseconds: Some(Figure { median, spread: 0.0 }), ..Cost::default() };
        let row = |subject, size, cold| Row {
            subject,
            size,
            hot: cost(25_000.0),
            cold,
            start_milliseconds: Some(700),
            bytes: Some(12_000_000),
        };
        let growth = Growth {
            machine: Machine {
                processor: "a processor".to_owned(),
                cores: 2,
                envoy: "1.40.0".to_owned(),
                module_bytes: 1,
            },
            meter: MeterUsed { method: Method::CpuTime, note: None },
            rows: vec![
                row(Subject::Rules, 1, Some(cost(90_000.0))),
                row(Subject::Rules, 1000, Some(cost(91_000.0))),
                row(Subject::LiveTokens, 100_000, None),
            ],
        };
        let text = render(&growth);
        for part in [
            "| 1     | 25.0 ± 0.0 % µs | 90.0 ± 0.0 % µs |       700 |       12.0 |",
            "| 100,000     | 25.0 ± 0.0 % µs |    – |",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let written = serde_json::to_string(&growth).unwrap();
        assert_eq!(serde_json::from_str::<Growth>(&written).unwrap(), growth);
    }
}
