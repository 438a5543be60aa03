//! A proxy for one thread: what the ABI's functions act on, and what a real one would keep of contexts, callouts and shared data.
//!
//! It is Envoy as `docs/architecture.md` and the tests against the real one know it. What the filter must never do to a proxy
//! panics here.

mod abi;
mod verify;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    input::START,
    reached,
    served::{Served, Terms},
    verifier::Judge,
};

/// The root context's id, and the first one of all.
pub const FIRST_CONTEXT: u32 = 1;

/// A log line that is longer quotes somebody at length.
const MAX_LINE_BYTES: usize = 16_384;

thread_local! {
    static PROXY: RefCell<Proxy> = RefCell::new(Proxy::new());
}

/// Does `act` with the proxy of this thread. No callback of the filter may run meanwhile.
pub fn with<R>(act: impl FnOnce(&mut Proxy) -> R) -> R {
    PROXY.with(|proxy| act(&mut proxy.borrow_mut()))
}

/// The proxy.
pub struct Proxy {
    /// The time in milliseconds.
    pub now: u64,
    /// Which context the hostcalls act on; none outside of callbacks.
    pub effective: u32,
    /// Plugins.
    pub roots: BTreeMap<u32, Root>,
    /// Requests that are not gone.
    pub streams: BTreeMap<u32, Stream>,
    /// Callouts without an answer, by their tokens.
    pub callouts: BTreeMap<u32, Callout>,
    /// The answer whose callback runs.
    pub response: Option<Response>,
    /// Data that all workers share, each with its number for compare-and-swap.
    pub shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// What goes wrong.
    pub faults: Faults,
    /// The plugin's name.
    pub name: Vec<u8>,
    /// Documents that were served to the filter.
    pub served: Served,
    /// Since when no request waits, as far as ticks have seen.
    pub idle_since: Option<u64>,
    /// What encrypted tokens of the harness hold.
    pub sealed: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Metrics with what was added to each.
    metrics: Vec<(String, i64)>,
    /// Under which name the last decision was counted.
    outcome: Option<String>,
    next_context: u32,
    next_token: u32,
    next_check: u32,
}

/// What a plugin has of the proxy.
pub struct Root {
    /// Its configuration.
    pub configuration: Vec<u8>,
    /// When its timer runs out next, and its period.
    pub timer: Option<(u64, u64)>,
    /// Who judges what it lets pass; nobody when the configuration is not for others to read.
    pub judge: Option<Judge>,
    /// What it says of answers.
    pub terms: Option<Terms>,
    /// The headers that the configuration could write.
    pub written: BTreeSet<String>,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The filter has not seen it.
    Fresh,
    /// Its head is held back.
    Paused,
    /// It goes on.
    Continued,
    /// The filter answered it.
    Answered,
}

/// A request.
pub struct Stream {
    /// Its plugin.
    pub root: u32,
    /// How far it is.
    pub phase: Phase,
    /// Its head, as it is now.
    pub headers: Pairs,
    /// Its head, as it was sent.
    pub sent: Pairs,
    /// What the proxy knows under any property path.
    pub property: Option<Vec<u8>>,
    /// As what it was let through.
    pub outcome: Option<String>,
    /// The status of its answer.
    pub status: u32,
}

/// A request to an identity provider.
#[derive(Clone, Debug)]
pub struct Callout {
    /// The context that sent it.
    pub context: u32,
    /// The cluster.
    pub cluster: String,
    /// `:scheme`
    pub scheme: String,
    /// `:authority`
    pub authority: String,
    /// `:path`
    pub path: String,
    /// When the proxy answers by itself.
    pub deadline: u64,
}

/// An answer to a callout.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Its headers; none when the connection broke.
    pub headers: Pairs,
    /// Its body.
    pub body: Vec<u8>,
}

/// Names and values of a head.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What goes wrong in the proxy.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The status of every callout that is dispatched.
    pub dispatch: u32,
    /// The status of every change of a header.
    pub edit: u32,
    /// What stands in for the list of headers.
    pub head: Option<Vec<u8>>,
    /// How the foreign function `verify_signature` answers.
    pub host_verifies: HostVerifies,
    /// The status of every access to shared data.
    pub shared: u32,
    /// The status of every metric.
    pub metric: u32,
}

/// How the foreign function `verify_signature` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostVerifies {
    /// There is none.
    #[default]
    Nothing,
    /// As in Envoy.
    WellAndTruly,
    /// It finds every signature good.
    Everything,
    /// It finds every other signature good.
    EveryOther,
    /// Its answers are not what they should be.
    Garbage,
}

impl Proxy {
    /// A proxy without plugins.
    pub fn new() -> Self {
        Self {
            now: START,
            effective: 0,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            callouts: BTreeMap::new(),
            response: None,
            shared: BTreeMap::new(),
            faults: Faults::default(),
            name: b"fuzz".to_vec(),
            served: Served::default(),
            idle_since: None,
            sealed: BTreeMap::new(),
            metrics: Vec::new(),
            outcome: None,
            next_context: FIRST_CONTEXT,
            next_token: 1,
            next_check: 1,
        }
    }

    /// A number for a new context.
    pub fn new_context(&mut self) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        id
    }

    /// The request that hostcalls act on, if they do on one.
    fn stream(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.effective)
    }

    /// The plugin that hostcalls act on, by itself or by a request of its.
    fn root_id(&self) -> Option<u32> {
        if self.roots.contains_key(&self.effective) {
            return Some(self.effective);
        }
        self.streams.get(&self.effective).map(|stream| stream.root)
    }

    fn log(level: u32, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        assert!(level < 5, "the filter panicked: {text}");
        assert!(std::str::from_utf8(line).is_ok(), "a log line is not text: {text:?}");
        assert!(!text.chars().any(char::is_control), "control characters in a log line: {text:?}");
        assert!(line.len() <= MAX_LINE_BYTES, "a log line of {} bytes", line.len());
    }

    fn set_tick_period(&mut self, period: u32) {
        let now = self.now;
        let id = self.root_id().expect("a timer is set from nowhere");
        if let Some(root) = self.roots.get_mut(&id) {
            let period = u64::from(period);
            root.timer = (period > 0).then_some((now + period, period));
        }
    }

    fn resume(&mut self) -> u32 {
        let outcome = self.outcome.take();
        let Some(stream) = self.stream() else { return abi::BAD_ARGUMENT };
        assert_eq!(stream.phase, Phase::Paused, "a request is resumed that does not wait");
        stream.phase = Phase::Continued;
        stream.outcome = outcome;
        abi::OK
    }

    /// The name under which the decision was counted that a callback came to.
    pub fn take_outcome(&mut self) -> Option<String> {
        self.outcome.take()
    }

    fn answer(&mut self, status: u32, details: &[u8], headers: &[u8]) -> u32 {
        let Some(stream) = self.stream() else { return abi::BAD_ARGUMENT };
        assert!(
            matches!(stream.phase, Phase::Fresh | Phase::Paused),
            "a request is answered that is {:?}",
            stream.phase
        );
        assert!((200..=599).contains(&status), "status {status}");
        assert!(details.iter().all(u8::is_ascii_graphic), "details {:?}", String::from_utf8_lossy(details));
        let headers = validate_jwt::pairs::parse(headers).expect("headers of an answer");
        for (name, value) in headers {
            assert_clean(&name, &value);
        }
        stream.phase = Phase::Answered;
        stream.status = status;
        abi::OK
    }

    fn dispatch(&mut self, cluster: String, headers: &[u8], timeout: u32) -> Result<u32, u32> {
        let headers = validate_jwt::pairs::parse(headers).expect("headers of a callout");
        let header = |name: &str| {
            let mut values = headers.iter().filter(|(known, _)| &**known == name.as_bytes());
            let (_, value) = values.next()?;
            assert!(values.next().is_none(), "a callout has two {name}");
            String::from_utf8(value.to_vec()).ok()
        };
        for (name, value) in &headers {
            assert_clean(name, value);
        }
        let context = self.effective;
        assert!(self.roots.contains_key(&context), "a callout is sent on a request's behalf");
        let (method, scheme) = (header(":method"), header(":scheme").unwrap_or_default());
        let (Some(authority), Some(path)) = (header(":authority"), header(":path")) else {
            return Err(abi::BAD_ARGUMENT);
        };
        assert_eq!(method.as_deref(), Some("GET"));
        assert!(["https", "http"].contains(&scheme.as_str()), "scheme {scheme}");
        if self.faults.dispatch != abi::OK {
            return Err(self.faults.dispatch);
        }
        let token = self.next_token;
        self.next_token += 1;
        let deadline = self.now + u64::from(timeout);
        self.callouts.insert(token, Callout { context, cluster, scheme, authority, path, deadline });
        Ok(token)
    }

    fn set_shared(&mut self, key: &[u8], value: &[u8], check: u32) -> u32 {
        if self.faults.shared != abi::OK {
            return self.faults.shared;
        }
        if let Some((_, known)) = self.shared.get(key)
            && check != 0
            && check != *known
        {
            return abi::CAS_MISMATCH;
        }
        self.share(key, value);
        abi::OK
    }

    /// Writes shared data, as another worker may at any time.
    pub fn share_of_another(&mut self, key: &[u8], value: &[u8]) {
        self.share(key, value);
        self.served.share(key, value, self.now);
    }

    fn share(&mut self, key: &[u8], value: &[u8]) {
        let check = self.next_check;
        self.next_check += 1;
        self.shared.insert(key.to_vec(), (value.to_vec(), check));
    }

    fn count(&mut self, metric: u32, change: i64) -> u32 {
        let Some((name, sum)) = usize::try_from(metric).ok().and_then(|metric| self.metrics.get_mut(metric))
        else {
            return abi::BAD_ARGUMENT;
        };
        *sum += change;
        if let Some((_, outcome)) = name.rsplit_once(".outcome.") {
            reached::outcome(outcome);
            self.outcome = Some(outcome.to_owned());
        }
        abi::OK
    }

    /// How many requests wait, as the statistics have it.
    pub fn shown_waiting(&self) -> i64 {
        self.metrics.iter().filter(|(name, _)| name.ends_with(".waiting")).map(|(_, sum)| sum).sum()
    }

    fn property(&mut self, path: &[u8]) -> Option<Vec<u8>> {
        if path == b"plugin_name" {
            return Some(self.name.clone());
        }
        self.stream()?.property.clone()
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

/// What would end a header, and begin another.
fn assert_clean(name: &[u8], value: &[u8]) {
    let is_clean = |text: &[u8]| !text.iter().any(|byte| *byte < 0x20 || *byte == 0x7f);
    assert!(
        !name.is_empty() && is_clean(name) && is_clean(value),
        "header {:?}: {:?}",
        String::from_utf8_lossy(name),
        String::from_utf8_lossy(value)
    );
}
