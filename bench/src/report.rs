//! What a comparison came to, as it is written to JSON; tables, chart and verdicts are made of it.

use crate::{
    contestant::{Contestant, Load},
    figures::Figure,
    meter::Method,
    sample::{Cost, Samples},
    tokens::Algorithm,
};
use serde::{Deserialize, Serialize};

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) meter: MeterUsed,
    /// How often everything was measured.
    pub(crate) rounds: usize,
    pub(crate) cells: Vec<Cell>,
    pub(crate) ps256: Race,
    pub(crate) footprint: Footprint,
}

/// Where it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) envoy: String,
    pub(crate) module_bytes: u64,
}

/// With what it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MeterUsed {
    pub(crate) method: Method,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// One listener under one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) contestant: Contestant,
    pub(crate) algorithm: Algorithm,
    pub(crate) load: Load,
    /// Over the plain listener; of that itself, all.
    pub(crate) added: Cost,
    /// As a part of what `jwt_authn` adds that has no cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of_native: Option<Figure>,
    /// As a part of what the wasm filter adds that reads the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of_header_wasm: Option<Figure>,
    /// Requests a second; but for the plain listener, as a part of its.
    pub(crate) throughput: Figure,
    /// Latency of half the requests in nanoseconds; but for the plain listener, as a multiple of its.
    pub(crate) p50: Figure,
    /// Latency of 99 of 100 requests, as above.
    pub(crate) p99: Figure,
}

/// PS256 of 2048 bits in wasm: the filter's own code and the crate `rsa` 0.9.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Race {
    pub(crate) filter: Cost,
    pub(crate) rsa: Cost,
    pub(crate) ratio: Figure,
}

/// What the filter takes beside the work of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Footprint {
    /// Memory that each worker more takes for its VM.
    pub(crate) worker_bytes: i64,
    /// Memory that the first worker takes, with the VM of the main thread and the compiled module.
    pub(crate) first_worker_bytes: i64,
    /// How much later Envoy answers.
    pub(crate) start_milliseconds: i64,
}

impl Report {
    pub(crate) fn cell(&self, contestant: Contestant, algorithm: Algorithm, load: Load) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| (cell.contestant, cell.algorithm, cell.load) == (contestant, algorithm, load))
    }
}

/// The cells of one algorithm under one load, from the samples of each listener.
pub(crate) fn cells(
    algorithm: Algorithm,
    load: Load,
    samples: &[(Contestant, Samples)],
) -> Option<Vec<Cell>> {
    let of =
        |wanted| samples.iter().find(|(contestant, _)| *contestant == wanted).map(|(_, samples)| samples);
    let plain = of(Contestant::Plain)?;
    let native = of(Contestant::JwtAuthn)?.over(plain);
    let header = of(Contestant::HeaderWasm)?.over(plain);
    let cells = samples.iter().map(|(contestant, samples)| {
        let is_plain = *contestant == Contestant::Plain;
        let over = if is_plain { samples.clone() } else { samples.over(plain) };
        Some(Cell {
            contestant: *contestant,
            algorithm,
            load,
            added: over.cost(),
            of_native: if is_plain { None } else { over.ratio(&native) },
            of_header_wasm: if is_plain { None } else { over.ratio(&header) },
            throughput: over.throughput()?,
            p50: over.p50()?,
            p99: over.p99()?,
        })
    });
    cells.collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn figure(median: f64) -> Figure {
        Figure { median, spread: median / 100.0 }
    }

    /// A report in which `jwt_authn` costs 100,000, reading a header 25,000 and everything else 50,000.
    pub(crate) fn report(method: Method) -> Report {
        let cost = |value| {
            let counts = (method != Method::CpuTime).then(|| figure(value));
            Cost { instructions: counts, cycles: counts, nanoseconds: Some(figure(value)) }
        };
        let cell = |contestant, algorithm, load| {
            let added = match contestant {
                Contestant::JwtAuthn => 100_000.0,
                Contestant::HeaderWasm => 25_000.0,
                Contestant::Plain
                | Contestant::JwtAuthnCache
                | Contestant::Filter
                | Contestant::EmptyWasm
                | Contestant::ExtAuthz => 50_000.0,
            };
            let is_plain = contestant == Contestant::Plain;
            Cell {
                contestant,
                algorithm,
                load,
                added: cost(added),
                of_native: (!is_plain).then(|| figure(added / 100_000.0)),
                of_header_wasm: (!is_plain).then(|| figure(added / 25_000.0)),
                throughput: figure(0.5),
                p50: figure(2.0),
                p99: figure(2.0),
            }
        };
        let cells = Algorithm::ALL.into_iter().flat_map(|algorithm| {
            Load::ALL.into_iter().flat_map(move |load| {
                Contestant::ALL.into_iter().map(move |contestant| cell(contestant, algorithm, load))
            })
        });
        Report {
            machine: Machine {
                processor: "a processor".to_owned(),
                cores: 2,
                envoy: "1.40.0".to_owned(),
                module_bytes: 1_000_000,
            },
            meter: MeterUsed {
                method,
                note: (method == Method::CpuTime).then(|| "no counters here".to_owned()),
            },
            rounds: 3,
            cells: cells.collect(),
            ps256: Race { filter: cost(250.0), rsa: cost(1000.0), ratio: figure(0.25) },
            footprint: Footprint {
                worker_bytes: 5_000_000,
                first_worker_bytes: 20_000_000,
                start_milliseconds: 800,
            },
        }
    }

    #[test]
    fn a_report_is_the_same_after_json() {
        for method in [Method::Hardware, Method::CpuTime, Method::Callgrind] {
            let report = report(method);
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report, "{text}");
        }
    }

    #[test]
    fn listeners_are_compared_with_the_plain_one() {
        let samples = |nanoseconds: f64| Samples::for_test(nanoseconds);
        let all = [
            (Contestant::Plain, samples(10.0)),
            (Contestant::JwtAuthn, samples(110.0)),
            (Contestant::HeaderWasm, samples(35.0)),
            (Contestant::Filter, samples(60.0)),
        ];
        let cells = cells(Algorithm::Rs256, Load::Hot, &all).unwrap();
        let medians: Vec<_> = cells
            .iter()
            .map(|cell| {
                let ratio = |figure: Option<Figure>| figure.map(|figure| figure.median);
                (cell.added.nanoseconds.unwrap().median, ratio(cell.of_native), ratio(cell.of_header_wasm))
            })
            .collect();
        assert_eq!(
            medians,
            [
                (10.0, None, None),
                (100.0, Some(1.0), Some(4.0)),
                (25.0, Some(0.25), Some(1.0)),
                (50.0, Some(0.5), Some(2.0)),
            ]
        );
        assert!(super::cells(Algorithm::Rs256, Load::Hot, &all[1..]).is_none(), "nothing to compare with");
    }
}
