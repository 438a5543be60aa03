//! Sends every case to both filters, over connections that stay open, from several threads.

use super::draft::{Bytes, Sent, build};
use super::mutations::Case;
use super::world::Worlds;
use crate::support::authority::now;
use crate::support::envoy::Envoy;
use crate::support::http_client::{Connection, Request, Response};
use crate::support::upstream::{MARK, REQUEST_ID};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const THREADS: usize = 4;

/// What a filter did with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: u16,
    pub(super) allows: bool,
    /// What the caller was told.
    pub(super) text: String,
}

/// What came of a case.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The number of the case.
    pub(super) number: usize,
    pub(super) sent: Sent,
    pub(super) own: Verdict,
    pub(super) native: Verdict,
}

impl Outcome {
    /// By which the access log knows the request to this filter.
    pub(super) fn own_id(&self) -> String {
        own_id(self.number)
    }
}

fn own_id(number: usize) -> String {
    format!("case-{number}")
}

/// Tries every case; the outcomes are in the order of their numbers.
pub(super) fn run(envoy: &Envoy, worlds: &Worlds, cases: &[Case]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut client = Client { envoy, connections: BTreeMap::new() };
        let mut outcomes = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(number) else { return outcomes };
            outcomes.push(client.run(worlds, case, number));
        }
    };
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    outcomes.sort_by_key(|outcome| outcome.number);
    outcomes
}

struct Client<'e> {
    envoy: &'e Envoy,
    connections: BTreeMap<String, Connection>,
}

impl Client<'_> {
    fn run(&mut self, worlds: &Worlds, case: &Case, number: usize) -> Outcome {
        let world = &worlds.all[case.world];
        let sent = build(&world.bases[case.base], &case.mutations, i64::try_from(now()).unwrap());
        let native = self.ask(&world.native_listener(), "native", &sent.values);
        let own = self.ask(&world.own_listener(), &own_id(number), &sent.values);
        Outcome { number, sent, own, native }
    }

    fn ask(&mut self, listener: &str, id: &str, values: &[Bytes]) -> Verdict {
        let request = Request::get("/orders").keeps_connection().header(REQUEST_ID, id);
        let request = values.iter().fold(request, |request, value| request.header("authorization", value));
        let response = self.exchange(listener, &request.to_bytes());
        let allows = response.headers.get(MARK).is_some();
        Verdict { status: response.status, allows, text: response.text() }
    }

    fn exchange(&mut self, listener: &str, request: &[u8]) -> Response {
        let connection = self.connections.remove(listener);
        let open = || Connection::open(self.envoy.address(listener)).unwrap();
        let mut connection = connection.unwrap_or_else(open);
        connection.write(request).unwrap();
        let response = connection.read_response().unwrap_or_else(|error| {
            panic!("{listener}: {error}: {}", request.escape_ascii());
        });
        // Envoy closes the connection of a request that is no HTTP.
        if response.headers.text("connection") != Some("close") {
            self.connections.insert(listener.to_owned(), connection);
        }
        response
    }
}
