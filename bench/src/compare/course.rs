//! One course: an Envoy, and every listener in it under every load, in rounds in which all take turns, so that what disturbs
//! the machine disturbs them alike.

use crate::{
    arguments::{Effort, Measurement},
    bootstrap::{Listener, Surroundings},
    contestant::{Contestant, Load},
    envoy::Envoy,
    load::{Client, Clients},
    meter::{self, Meter, Method},
    sample::Samples,
    terminal::say,
    tokens::{Algorithm, Keys, Shape, forged},
};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::{mem, path::Path};

/// The name of the listener where PS256 is verified in two ways.
const RACE: &str = "race";

/// Any path; no policy here asks about it.
const PATH: &str = "/orders/42";

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: usize,
    hot: usize,
    cold: usize,
    /// Requests of each listener before anything counts, so that V8 has compiled for speed what is called often.
    warm: usize,
    connections: usize,
    /// Verifications of PS256 in each round.
    laps: usize,
}

impl Plan {
    const fn new(effort: Effort, method: Method) -> Self {
        match (effort, method) {
            (Effort::Smoke, _) => Self { rounds: 1, hot: 20, cold: 10, warm: 10, connections: 2, laps: 2 },
            (Effort::Full, Method::Callgrind) => {
                Self { rounds: 3, hot: 100, cold: 50, warm: 1000, connections: 1, laps: 5 }
            }
            (Effort::Full, Method::CpuTime | Method::Hardware) => {
                Self { rounds: 9, hot: 1000, cold: 500, warm: 2000, connections: 4, laps: 50 }
            }
        }
    }
}

/// The tokens of one algorithm.
struct Tokens {
    repeated: String,
    warm: Vec<String>,
    distinct: Vec<String>,
}

/// What a course needs.
#[derive(Debug)]
pub(crate) struct Stand<'a> {
    pub(crate) measurement: &'a Measurement,
    pub(crate) filter: &'a Path,
    pub(crate) keys: &'a Keys,
    pub(crate) around: Surroundings,
}

/// One algorithm under one load, and what was measured of each listener.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) algorithm: Algorithm,
    pub(crate) load: Load,
    pub(crate) samples: Vec<(Contestant, Samples)>,
}

/// What was measured in a course.
#[derive(Debug)]
pub(crate) struct Samplings {
    pub(crate) rounds: usize,
    pub(crate) groups: Vec<Group>,
    /// PS256 by the filter's own code.
    pub(crate) by_filter: Samples,
    /// PS256 by the crate `rsa`.
    pub(crate) by_rsa: Samples,
}

impl Samplings {
    /// The same with times of another course, where that one's are of no use.
    pub(crate) fn with_times_of(mut self, timed: Self) -> Self {
        self.by_filter = self.by_filter.with_times_of(timed.by_filter);
        self.by_rsa = self.by_rsa.with_times_of(timed.by_rsa);
        let others = timed.groups.into_iter().flat_map(|group| group.samples);
        let own = self.groups.iter_mut().flat_map(|group| &mut group.samples);
        for ((_, samples), (_, other)) in own.zip(others) {
            *samples = mem::take(samples).with_times_of(other);
        }
        self
    }
}

/// Runs a course.
pub(crate) fn run(stand: &Stand<'_>, choice: &meter::Choice) -> Result<Samplings> {
    let plan = Plan::new(stand.measurement.effort, choice.method);
    let tokens = sign(stand.keys, plan)?;
    say("starting Envoy")?;
    let (envoy, keys) = (&stand.measurement.envoy, stand.keys);
    let listener = |contestant: Contestant| contestant.listener(keys, stand.filter, &stand.measurement.floor);
    let mut listeners: Vec<Listener> = Contestant::ALL.map(listener).into();
    let race = json!({
        "key": keys.jwk(Algorithm::Ps256),
        "token": keys.token(Shape::usual(Algorithm::Ps256), 0)?,
    });
    listeners.push(Listener::wasm(RACE, &stand.measurement.race, &race.to_string()));
    let mut envoy = Envoy::start(envoy, &choice.run(), 1, &listeners, &stand.around)?;
    for (algorithm, tokens) in &tokens {
        prove(&mut envoy, *algorithm, &tokens.repeated)?;
    }
    say(
        "every listener decides as it should: good tokens pass, forged ones do not where they are looked at",
    )?;

    let bench = Bench { plan, envoy: &envoy, tokens: &tokens };
    let mut lanes = bench.lanes()?;
    let mut track = Clients::connect(envoy.address(RACE)?, 1)?;
    bench.warm_up(&mut lanes, &mut track, plan.warm)?;
    let mut meter = choice.attach(&envoy)?;
    // Whoever counts by interpreting has to translate everything first.
    bench.warm_up(&mut lanes, &mut track, plan.hot.min(plan.warm).div_ceil(5))?;
    let (by_filter, by_rsa) = bench.rounds(&mut lanes, &mut track, &mut *meter)?;
    let groups = lanes.into_iter().map(|lane| lane.group).collect();
    Ok(Samplings { rounds: plan.rounds, groups, by_filter, by_rsa })
}

fn sign(keys: &Keys, plan: Plan) -> Result<Vec<(Algorithm, Tokens)>> {
    let distinct = plan.rounds.saturating_mul(plan.cold);
    say(&format!("signing {distinct} tokens for each of RS256, ES256, PS256"))?;
    let sign = |algorithm| {
        let shape = Shape::usual(algorithm);
        // Numbers that no other token has.
        let warm = distinct.saturating_add(1);
        let tokens = Tokens {
            repeated: keys.token(shape, 0)?,
            warm: keys.tokens(shape, warm..warm.saturating_add(plan.warm.div_ceil(10)))?,
            distinct: keys.tokens(shape, 1..warm)?,
        };
        anyhow::Ok((algorithm, tokens))
    };
    Algorithm::ALL.into_iter().map(sign).collect()
}

/// That good tokens pass, and forged ones where nobody looks at them alone.
fn prove(envoy: &mut Envoy, algorithm: Algorithm, good: &str) -> Result<()> {
    let forged = forged(good)?;
    for contestant in Contestant::ALL {
        let address = envoy.address(contestant.name())?;
        envoy.wait_for(address, PATH, good)?;
        let status = Client::connect(address)?.ask(PATH, &forged)?;
        let is_right = if contestant.verifies() { matches!(status, 401 | 403) } else { status == 200 };
        if !is_right {
            bail!("{}: a forged {algorithm} token was answered {status}", contestant.label());
        }
    }
    Ok(())
}

/// A group, and connections to its listeners.
struct Lane {
    group: Group,
    clients: Vec<Clients>,
}

struct Bench<'a> {
    plan: Plan,
    envoy: &'a Envoy,
    tokens: &'a [(Algorithm, Tokens)],
}

impl Bench<'_> {
    fn lanes(&self) -> Result<Vec<Lane>> {
        let lane = |(algorithm, load)| {
            let connect = |contestant: Contestant| {
                Clients::connect(self.envoy.address(contestant.name())?, self.plan.connections)
            };
            let clients = Contestant::ALL.into_iter().map(connect).collect::<Result<_>>()?;
            let samples = Contestant::ALL.map(|contestant| (contestant, Samples::default())).into();
            Ok(Lane { group: Group { algorithm, load, samples }, clients })
        };
        let pairs = Algorithm::ALL.into_iter().flat_map(|algorithm| Load::ALL.map(|load| (algorithm, load)));
        pairs.map(lane).collect()
    }

    fn tokens_of(&self, algorithm: Algorithm) -> Result<&Tokens> {
        let found = self.tokens.iter().find(|(of, _)| *of == algorithm).map(|(_, tokens)| tokens);
        found.context("an algorithm without tokens")
    }

    fn warm_up(&self, lanes: &mut [Lane], track: &mut Clients, count: usize) -> Result<()> {
        for lane in lanes {
            say(&format!("warming up: {} {}", lane.group.algorithm, lane.group.load.name()))?;
            let tokens = self.tokens_of(lane.group.algorithm)?;
            let tokens: Vec<&str> = match lane.group.load {
                Load::Hot => vec![&*tokens.repeated; count],
                Load::Cold => tokens.warm.iter().map(String::as_str).take(count).collect(),
            };
            for clients in &mut lane.clients {
                clients.drive(PATH, &tokens)?;
            }
        }
        for implementation in ["filter", "rsa"] {
            track.drive(&format!("/{implementation}/{}", self.plan.laps), &["race"; 4])?;
        }
        Ok(())
    }

    fn rounds(
        &self,
        lanes: &mut [Lane],
        track: &mut Clients,
        meter: &mut dyn Meter,
    ) -> Result<(Samples, Samples)> {
        let (mut by_filter, mut by_rsa) = (Samples::default(), Samples::default());
        for round in 0..self.plan.rounds {
            for lane in &mut *lanes {
                say(&format!(
                    "round {} of {}: {} {}",
                    round.saturating_add(1),
                    self.plan.rounds,
                    lane.group.algorithm,
                    lane.group.load.name()
                ))?;
                let tokens = self.tokens_of(lane.group.algorithm)?;
                let start = round.saturating_mul(self.plan.cold);
                let tokens: Vec<&str> = match lane.group.load {
                    Load::Hot => vec![&*tokens.repeated; self.plan.hot],
                    Load::Cold => {
                        tokens.distinct.iter().skip(start).take(self.plan.cold).map(String::as_str).collect()
                    }
                };
                for (clients, (_, samples)) in lane.clients.iter_mut().zip(&mut lane.group.samples) {
                    samples.take(meter, clients, PATH, &tokens, 1)?;
                }
            }
            let laps = self.plan.laps;
            by_filter.take(meter, track, &format!("/filter/{laps}"), &["race"], laps)?;
            by_rsa.take(meter, track, &format!("/rsa/{laps}"), &["race"], laps)?;
        }
        Ok((by_filter, by_rsa))
    }
}
