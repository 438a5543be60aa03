//! What the host knows: everything that a hostcall can read or change.

use super::abi::Pairs;
use super::signature::Verify;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// Id of the first root context, as in Envoy.
pub(crate) const ROOT: u32 = 1;

/// One plugin of the VM: its configuration, and the timer that belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Root {
    pub(crate) configuration: Vec<u8>,
    pub(crate) tick: Option<Tick>,
}

/// Where the life of the VM stands; some hostcalls work only in some phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In `_initialize`: log, environment, time and randomness only.
    Initializing,
    /// In `proxy_on_vm_start`.
    Starting,
    /// In `proxy_on_configure`, where alone the plugin configuration can be read.
    Configuring,
    /// From then on.
    Running,
}

/// A line that the module logged.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    /// Severity.
    pub(crate) level: Level,
    /// Text.
    pub(crate) text: String,
}

/// Severity of a log line, in the order of the ABI's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// An answer that the filter gave in the upstream's place.
#[derive(Clone)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u32,
    /// Headers beside the status.
    pub(crate) headers: Pairs,
    /// Body.
    pub(crate) body: Vec<u8>,
    /// What `%RESPONSE_CODE_DETAILS%` will say.
    pub(crate) details: String,
    /// gRPC status, if one was given.
    pub(crate) grpc_status: Option<i32>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.status, self.details, String::from_utf8_lossy(&self.body))?;
        for (name, value) in &self.headers {
            write!(f, " | {name}: {}", String::from_utf8_lossy(value))?;
        }
        write!(f, " | grpc {:?}", self.grpc_status)
    }
}

/// What the proxy does with copies of `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copies {
    /// They stay apart, and it shows the first one.
    Apart,
    /// It joins them, as Envoy does.
    Joined,
    /// It joins them, and takes no change back.
    Stuck,
    /// It lets nobody write the header.
    Protected,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Held by the filter.
    Paused,
    /// On its way to the upstream.
    Continued,
    /// Answered by the filter.
    Replied(Reply),
    /// The client left before there was a decision.
    Left,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The plugin that it belongs to.
    pub(crate) root: u32,
    pub(crate) headers: Pairs,
    pub(crate) original: Pairs,
    /// Envoy forgets its pointer to the headers when the stream goes on.
    pub(crate) readable: bool,
    pub(crate) outcome: Outcome,
    /// A local reply was asked for; a second one is refused.
    pub(crate) replying: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) decided_at: Option<Duration>,
}

/// An HTTP call that the module dispatched.
#[derive(Clone)]
pub(crate) struct Callout {
    /// The number that joins call and answer.
    pub(crate) token: u32,
    /// The proxy's cluster.
    pub(crate) cluster: String,
    /// Request headers, pseudo-headers included.
    pub(crate) headers: Pairs,
    /// Request body.
    pub(crate) body: Vec<u8>,
    /// Zero means none.
    pub(crate) timeout: Duration,
    /// When it was dispatched.
    pub(crate) at: Duration,
    /// The context whose callback dispatched it.
    pub(crate) by: u32,
    /// The root that owns it, whoever dispatched it.
    pub(crate) root: u32,
    /// In which phase it was dispatched.
    pub(crate) phase: Phase,
}

impl Callout {
    /// The value of a request header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_slice());
        String::from_utf8(value.unwrap_or_default().to_vec()).unwrap()
    }

    /// `https://authority/path` as the module asked for it, with the scheme left out.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.header(":authority"), self.header(":path"))
    }
}

impl fmt::Debug for Callout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.saturating_sub(super::START);
        write!(f, "{at:?}: {} to cluster {} (timeout {:?})", self.target(), self.cluster, self.timeout)
    }
}

/// The answer that is being delivered to the module.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) headers: Pairs,
    pub(crate) body: Vec<u8>,
}

/// What a hostcall leaves to be done when the call into the VM has ended.
#[derive(Debug)]
pub(crate) enum Action {
    Continue(u32),
    Reply(u32, Reply),
}

/// A metric that the module defined.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) root: u32,
    pub(crate) kind: u32,
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// The root's timer: Envoy starts it anew whenever its period is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) period: Duration,
    pub(crate) next: Duration,
}

/// Values with their compare-and-swap numbers, common to all VMs of one `vm_id`.
#[derive(Debug, Default)]
pub(crate) struct SharedMap {
    pub(crate) entries: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    pub(crate) next: u32,
}

/// Shared data that several hosts can hold.
pub(crate) type Shared = Rc<RefCell<SharedMap>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Duration,
    /// How far the time of day was set back; time itself only goes forward.
    pub(crate) set_back: Duration,
    pub(crate) random: u64,
    pub(crate) phase: Phase,
    /// The context whose callback runs.
    pub(crate) current: u32,
    /// The context that hostcalls act on instead, if the module chose one.
    pub(crate) effective: Option<u32>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// Requests whose context the module has deleted.
    pub(crate) finished: BTreeMap<u32, Stream>,
    pub(crate) roots: BTreeMap<u32, Root>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) clusters_without_endpoint: BTreeSet<String>,
    pub(crate) callouts: Vec<Callout>,
    /// Calls that were refused at once: to an unknown cluster or to one without endpoints.
    pub(crate) refused_callouts: Vec<Callout>,
    pub(crate) response: Option<Response>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) shared: Shared,
    pub(crate) property_writes: Vec<(u32, String, Vec<u8>)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) verify: Verify,
    pub(crate) verify_calls: usize,
    pub(crate) copies: Copies,
    /// How often all headers of a request were asked for.
    pub(crate) head_reads: usize,
    /// What no well-behaved module does and Envoy may or may not forgive.
    pub(crate) violations: Vec<String>,
}

impl State {
    /// The time of day in nanoseconds since 1970, as the module is told it.
    pub(crate) fn time_of_day(&self) -> u64 {
        u64::try_from((self.now - self.set_back).as_nanos()).unwrap()
    }

    /// The context that a hostcall acts on.
    pub(crate) fn acting(&self) -> u32 {
        self.effective.unwrap_or(self.current)
    }

    /// The root of the context that a hostcall acts on.
    pub(crate) fn acting_root(&self) -> u32 {
        let id = self.acting();
        self.streams.get(&id).map_or(id, |stream| stream.root)
    }

    /// The request that a hostcall acts on.
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        let id = self.acting();
        self.streams.get_mut(&id)
    }

    /// Pseudo-random bytes; every seed has its own sequence (xorshift64*).
    pub(crate) fn random_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            self.random ^= self.random >> 12;
            self.random ^= self.random << 25;
            self.random ^= self.random >> 27;
            bytes.extend(self.random.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
