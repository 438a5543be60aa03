//! The comparison: what a request costs on each listener, whatever is needed to tell it.

mod course;

use crate::{
    arguments::Measurement,
    authorizer,
    bootstrap::Surroundings,
    clock, footprint, machine,
    meter::{Choice, Method},
    provider,
    report::{self, MeterUsed, Race, Report},
    terminal::say,
    tokens::Keys,
};
use anyhow::{Context as _, Result};
use course::Stand;

/// Measures everything.
pub(crate) fn run(measurement: &Measurement) -> Result<Report> {
    let choice = Choice::new(measurement.meter)?;
    say(&format!("meter: {}", machine::method(choice.method)))?;
    if let Some(note) = &choice.note {
        say(&format!("       {note}"))?;
    }
    let keys = &Keys::new(clock::now())?;
    let around = Surroundings { provider: provider::serve(keys)?, authorizer: authorizer::serve(keys)? };
    let filter = &measurement.filter.canonicalize().context("--filter")?;
    let stand = Stand { measurement, filter, keys, around };
    let mut samplings = course::run(&stand, &choice)?;
    if choice.method == Method::Callgrind {
        say("once more without valgrind, for what is about time")?;
        let timed = course::run(&stand, &Choice::new(Some(Method::CpuTime))?)?;
        samplings = samplings.with_times_of(timed);
    }
    let cells = samplings.groups.iter().map(|group| {
        report::cells(group.algorithm, group.load, &group.samples).context("a listener was not measured")
    });
    let cells: Vec<_> = cells.collect::<Result<_>>()?;
    let (by_filter, by_rsa) = (&samplings.by_filter, &samplings.by_rsa);
    Ok(Report {
        machine: machine::describe(&measurement.envoy, filter)?,
        meter: MeterUsed { method: choice.method, note: choice.note },
        rounds: samplings.rounds,
        cells: cells.into_iter().flatten().collect(),
        ps256: Race {
            filter: by_filter.cost(),
            rsa: by_rsa.cost(),
            ratio: by_filter.ratio(by_rsa).context("the race was not measured")?,
        },
        footprint: footprint::measure(&measurement.envoy, filter, keys, &around)?,
    })
}
