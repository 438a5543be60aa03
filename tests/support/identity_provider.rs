//! A scripted identity provider: it plays any host by the `Host` header, and lies, stalls or fails as told.

use super::deadline::PATIENCE;
use super::http_server::{Delivery, HttpServer, Received, Reply};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What the provider answers at one place.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    reply: Reply,
    delay: Duration,
    gate: Option<Gate>,
}

impl Answer {
    /// A JSON document, as providers send it.
    pub(crate) fn json(document: &Value) -> Self {
        Self::new(200, "application/json", document.to_string())
    }

    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        let reply = Reply { status, headers, body: body.into(), delivery: Delivery::Whole };
        Self { reply, delay: Duration::ZERO, gate: None }
    }

    /// Closes the connection without a word.
    pub(crate) fn hang_up() -> Self {
        Self::new(200, "application/json", "").delivered(Delivery::Nothing)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.reply.headers.push((name, value.into()));
        self
    }

    pub(crate) fn delivered(mut self, delivery: Delivery) -> Self {
        self.reply.delivery = delivery;
        self
    }

    /// Comes only after this time.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Comes only when the gate is open.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// Holds answers back until a test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<Door>, Condvar)>);

#[derive(Debug, Default)]
struct Door {
    is_open: bool,
    held: usize,
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().is_open = true;
        self.0.1.notify_all();
    }

    /// How many answers ever came to it.
    pub(crate) fn held(&self) -> usize {
        self.0.0.lock().unwrap().held
    }

    fn pass(&self) {
        let mut door = self.0.0.lock().unwrap();
        door.held += 1;
        // Whoever waits for what is behind it gives up before.
        let _outcome = self.0.1.wait_timeout_while(door, 2 * PATIENCE, |door| !door.is_open).unwrap();
    }
}

type Place = (String, String);

#[derive(Debug, Default)]
struct Script {
    answers: BTreeMap<Place, Answer>,
    calls: BTreeMap<Place, Vec<Received>>,
}

/// The provider; what it does not know is 404.
#[derive(Debug)]
pub(crate) struct IdentityProvider {
    server: HttpServer,
    script: Arc<Mutex<Script>>,
}

impl IdentityProvider {
    pub(crate) fn start() -> Self {
        let script = Arc::default();
        Self { server: HttpServer::start(handler(&script)), script }
    }

    /// Starts where nobody was listening before.
    pub(crate) fn start_at(address: SocketAddr) -> io::Result<Self> {
        let script = Arc::default();
        Ok(Self { server: HttpServer::start_at(address, handler(&script))?, script })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Sets what `https://<host><path>` answers from now on.
    pub(crate) fn set(&self, host: &str, path: &str, answer: Answer) {
        self.script.lock().unwrap().answers.insert((host.to_owned(), path.to_owned()), answer);
    }

    /// The requests for `https://<host><path>` so far.
    pub(crate) fn calls(&self, host: &str, path: &str) -> Vec<Received> {
        let place = (host.to_owned(), path.to_owned());
        self.script.lock().unwrap().calls.get(&place).cloned().unwrap_or_default()
    }

    /// Every host and path that was ever asked for.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        self.script.lock().unwrap().calls.keys().cloned().collect()
    }
}

fn handler(script: &Arc<Mutex<Script>>) -> impl Fn(Received) -> Reply + Send + Sync + 'static {
    let script = Arc::clone(script);
    move |request| {
        let host = request.headers.text("host").unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().to_owned();
        let place = (host, request.target.clone());
        let answer = {
            let mut script = script.lock().unwrap();
            script.calls.entry(place.clone()).or_default().push(request);
            script.answers.get(&place).cloned()
        };
        let Some(answer) = answer else {
            return Answer::new(404, "text/plain", "no such place in the script").reply;
        };
        if let Some(gate) = &answer.gate {
            gate.pass();
        }
        thread::sleep(answer.delay);
        answer.reply
    }
}
