//! How the filter's cost grows with what is configured, and with what is sent.

mod setup;

use crate::{
    arguments::{Effort, Measurement},
    authorizer,
    bootstrap::{Listener, Surroundings},
    clock,
    envoy::Envoy,
    figures::float,
    footprint::Ready,
    load::{Client, Clients},
    machine,
    meter::{Choice, Meter, Method},
    provider,
    report::{Machine, MeterUsed},
    sample::{Cost, Samples},
    table::{Table, count, counted, megabytes, microseconds},
    terminal::say,
    tokens::{Keys, forged},
};
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use setup::{Setup, Subject, Tokens};
use std::{net::SocketAddr, path::Path};

/// The listener without the filter.
const PLAIN: &str = "plain";

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
    start_milliseconds: i64,
    /// How much memory more it has for itself than without the filter.
    bytes: i64,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: usize,
    requests: usize,
    /// Requests of each listener before anything counts.
    warm: usize,
    /// The most of the live tokens that are sent before anything counts: many more than any cache holds.
    live: usize,
}

impl Plan {
    /// Requests enough that what the worker does between them, for hundreds of providers once a second, counts for little.
    const fn of(self, subject: Subject) -> Self {
        match subject {
            Subject::Policies => Self { requests: self.requests.saturating_mul(10), ..self },
            Subject::Rules | Subject::Keys | Subject::TokenBytes | Subject::LiveTokens | Subject::Workers => {
                self
            }
        }
    }

    const fn new(effort: Effort, method: Method) -> Self {
        match (effort, method) {
            (Effort::Smoke, _) => Self { rounds: 1, requests: 10, warm: 10, live: 10 },
            (Effort::Full, Method::Callgrind) => Self { rounds: 3, requests: 60, warm: 800, live: 10_000 },
            (Effort::Full, Method::CpuTime | Method::Hardware) => {
                Self { rounds: 7, requests: 400, warm: 2000, live: 100_000 }
            }
        }
    }
}

/// Connections, where nothing asks for fewer.
const CONNECTIONS: usize = 4;

/// Measures every subject at every size.
pub(crate) fn run(measurement: &Measurement) -> Result<Growth> {
    let choice = Choice::new(measurement.meter)?;
    say(&format!("meter: {}", machine::method(choice.method)))?;
    let keys = &Keys::new(clock::now())?;
    let around = Surroundings { provider: provider::serve(keys)?, authorizer: authorizer::serve(keys)? };
    let filter = &measurement.filter.canonicalize().context("--filter")?;
    let plan = Plan::new(measurement.effort, choice.method);
    let bench = Bench { program: &measurement.envoy, filter, keys, around, plan, choice: &choice };
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        let sizes = subject.sizes(measurement.effort);
        let together = if subject.is_side_by_side() { sizes.len().max(1) } else { 1 };
        for sizes in sizes.chunks(together) {
            rows.extend(bench.measure(subject, sizes)?);
        }
    }
    let machine = machine::describe(&measurement.envoy, filter)?;
    Ok(Growth { machine, meter: MeterUsed { method: choice.method, note: choice.note }, rows })
}

struct Bench<'a> {
    program: &'a Path,
    filter: &'a Path,
    keys: &'a Keys,
    around: Surroundings,
    plan: Plan,
    choice: &'a Choice,
}

/// A size with its tokens, connections to its listener, and what was measured.
struct Lane {
    setup: Setup,
    tokens: Tokens,
    clients: Clients,
    hot: Pair,
    cold: Pair,
}

/// The same requests without the filter and with it.
#[derive(Default)]
struct Pair {
    plain: Samples,
    with: Samples,
}

impl Pair {
    fn take(
        &mut self,
        meter: &mut dyn Meter,
        plain: &mut Clients,
        with: &mut Clients,
        tokens: &[&str],
    ) -> Result<()> {
        self.plain.take(meter, plain, PATH, tokens, 1)?;
        self.with.take(meter, with, PATH, tokens, 1)
    }

    fn cost(&self) -> Cost {
        self.with.over(&self.plain).cost()
    }
}

impl Bench<'_> {
    /// Measures these sizes side by side.
    fn measure(&self, subject: Subject, sizes: &[usize]) -> Result<Vec<Row>> {
        say(&format!("{}: {sizes:?}", subject.title()))?;
        let budget = self.plan.of(subject);
        let workers = subject.workers(sizes);
        let plain = Listener::plain(PLAIN);
        let setups: Vec<Setup> = sizes.iter().map(|size| Setup::new(subject, *size)).collect();
        let all: Vec<Listener> =
            [plain].into_iter().chain(setups.iter().map(|setup| self.listener(setup))).collect();
        let mut envoy = Envoy::start(self.program, &self.choice.run(), workers, &all, &self.around)?;
        let connections = if self.choice.method == Method::Callgrind { workers } else { CONNECTIONS };
        let mut lanes = Vec::new();
        for setup in setups {
            let distinct = budget.rounds.saturating_mul(budget.requests);
            let tokens = setup.tokens(self.keys, distinct, budget.warm.div_ceil(4))?;
            let address = envoy.address(&setup.listener())?;
            envoy.wait_for(address, PATH, tokens.repeated()?)?;
            refuse_in_each(workers, address, tokens.repeated()?)?;
            let clients = Clients::connect(address, connections)?;
            lanes.push(Lane { setup, tokens, clients, hot: Pair::default(), cold: Pair::default() });
        }
        let mut plain = Clients::connect(envoy.address(PLAIN)?, connections)?;
        for lane in &mut lanes {
            let count = budget.warm.max(lane.tokens.live().min(budget.live));
            lane.clients.drive(PATH, &lane.tokens.warm(count))?;
            plain.drive(PATH, &lane.tokens.warm(budget.warm))?;
        }
        let mut meter = self.choice.attach(&envoy)?;
        for round in 0..=budget.rounds {
            for lane in &mut lanes {
                let hot = lane.tokens.hot(budget.requests, round);
                if round == 0 {
                    // Whoever counts by interpreting has to translate everything first.
                    plain.drive(PATH, &hot)?;
                    lane.clients.drive(PATH, &hot)?;
                    continue;
                }
                lane.hot.take(&mut *meter, &mut plain, &mut lane.clients, &hot)?;
                let cold = lane.tokens.cold(budget.requests, round.saturating_sub(1));
                if !cold.is_empty() {
                    lane.cold.take(&mut *meter, &mut plain, &mut lane.clients, &cold)?;
                }
            }
        }
        drop(meter);
        drop(envoy);
        let bare =
            self.footprint(&Listener::plain(PLAIN), PLAIN, workers, lanes.first().map(|lane| &lane.tokens))?;
        let rows = lanes.iter().map(|lane| {
            let name = lane.setup.listener();
            let with = self.footprint(&self.listener(&lane.setup), &name, workers, Some(&lane.tokens))?;
            Ok(Row {
                subject,
                size: lane.setup.size,
                hot: lane.hot.cost(),
                cold: lane.tokens.has_cold().then(|| lane.cold.cost()),
                start_milliseconds: with.0.saturating_sub(bare.0),
                bytes: with.1.saturating_sub(bare.1),
            })
        });
        rows.collect()
    }

    fn listener(&self, setup: &Setup) -> Listener {
        Listener::wasm_in("filter", &setup.listener(), self.filter, &setup.configuration())
    }

    /// Milliseconds until an Envoy of its own answers, and its memory after every token has passed.
    fn footprint(
        &self,
        listener: &Listener,
        name: &str,
        workers: usize,
        tokens: Option<&Tokens>,
    ) -> Result<(i64, i64)> {
        let tokens = tokens.context("nothing to measure")?;
        let asked = (name, PATH, tokens.repeated()?);
        let ready = Ready::start(self.program, workers, listener, asked, &self.around)?;
        let mut clients = Clients::connect(ready.envoy.address(name)?, CONNECTIONS)?;
        clients.drive(PATH, &tokens.warm(self.plan.warm.max(tokens.live())))?;
        Ok((i64::try_from(ready.after.as_millis())?, i64::try_from(ready.envoy.own_bytes()?)?))
    }
}

/// Has a forged token refused in the VM of each worker, as far as the kernel spreads connections: from then on it reads as little of
/// a request as it may.
fn refuse_in_each(workers: usize, address: SocketAddr, good: &str) -> Result<()> {
    let forged = forged(good)?;
    for _ in 0..workers.saturating_mul(8) {
        let status = Client::connect(address)?.ask(PATH, &forged)?;
        ensure!(status == 401, "a forged token was answered {status}");
    }
    Ok(())
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
                row.start_milliseconds.to_string(),
                megabytes(row.bytes),
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
            start_milliseconds: 700,
            bytes: 12_000_000,
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
