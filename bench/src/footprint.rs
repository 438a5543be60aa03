//! What the filter takes beside the work of requests: memory, and time at the start.

use crate::{
    bootstrap::{Listener, Surroundings},
    contestant::Contestant,
    envoy::{Envoy, Run},
    load::Clients,
    report::Footprint,
    terminal::say,
    tokens::{Algorithm, Keys, Shape},
};
use anyhow::{Context as _, Result};
use std::{path::Path, time::Duration};

/// Requests before memory is read, so that what is made when it is needed is there.
const REQUESTS: usize = 500;

/// So many workers more tell what one takes better than one would: what Envoy takes besides is not the same each time.
const MORE_WORKERS: usize = 16;

/// Starts of which the one in the middle is told: anything else on the machine makes one longer.
const STARTS: usize = 5;

/// An Envoy that is ready, and when it was.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) envoy: Envoy,
    pub(crate) after: Duration,
}

impl Ready {
    /// Starts an Envoy with this listener alone, and waits until it lets a token pass: a name, a path and a token.
    pub(crate) fn start(
        program: &Path,
        workers: usize,
        listener: &Listener,
        (name, path, token): (&str, &str, &str),
        around: &Surroundings,
    ) -> Result<Self> {
        let listeners = std::slice::from_ref(listener);
        let mut envoy = Envoy::start(program, &Run::default(), workers, listeners, around)?;
        envoy.wait_for(envoy.address(name)?, path, token)?;
        let after = envoy.age();
        Ok(Self { envoy, after })
    }
}

/// Measures it: Envoys with the filter and without, with one worker and with several.
pub(crate) fn measure(
    program: &Path,
    filter: &Path,
    keys: &Keys,
    around: &Surroundings,
) -> Result<Footprint> {
    say("memory and start: Envoy with and without the filter, with one worker and with many")?;
    let token = keys.token(Shape::usual(Algorithm::Rs256), 0)?;
    let start = |contestant: Contestant, workers: usize| {
        let listener = contestant.listener(keys, filter, Path::new(""));
        Ready::start(program, workers, &listener, (contestant.name(), "/", token.as_str()), around)
    };
    let look = |contestant: Contestant, workers: usize| {
        let ready = start(contestant, workers)?;
        let name = contestant.name();
        let mut clients = Clients::connect(ready.envoy.address(name)?, workers.saturating_mul(2))?;
        clients.drive("/", &[token.as_str(); REQUESTS])?;
        anyhow::Ok(i64::try_from(ready.envoy.own_bytes()?)?)
    };
    let plain = look(Contestant::Plain, 1)?;
    let plain_more = look(Contestant::Plain, 1 + MORE_WORKERS)?;
    let with = look(Contestant::Filter, 1)?;
    let with_more = look(Contestant::Filter, 1 + MORE_WORKERS)?;
    let first = with.saturating_sub(plain);
    let more = with_more.saturating_sub(plain_more).saturating_sub(first);
    let milliseconds = |contestant| {
        let mut starts = (0..STARTS).map(|_| Ok(start(contestant, 1)?.after)).collect::<Result<Vec<_>>>()?;
        starts.sort_unstable();
        let median = starts.get(STARTS / 2).context("no start")?;
        i64::try_from(median.as_millis()).context("a long start")
    };
    Ok(Footprint {
        worker_bytes: more.checked_div(i64::try_from(MORE_WORKERS)?).unwrap_or_default(),
        first_worker_bytes: first,
        start_milliseconds: milliseconds(Contestant::Filter)?
            .saturating_sub(milliseconds(Contestant::Plain)?),
    })
}
