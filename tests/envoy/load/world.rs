//! Envoy with two listeners, of which one is replaced again and again, and what happens to it while clients send requests.

use super::clients::{Kind, Line};
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::deadline::{PATIENCE, poll, wait_until};
use crate::support::envoy::Envoy;
use crate::support::http_client::{Connection, Request, exchange};
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::xds::Update;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::Duration;

pub(super) const WORKERS: u64 = 2;
pub(super) const STEADY: &str = "steady";
pub(super) const CHANGING: &str = "changing";
pub(super) const LISTENERS: [&str; 2] = [STEADY, CHANGING];

/// How many clients of each listener hang up in each rotation.
const QUITTERS: usize = 60;
/// How long the filter asks for no unknown key after it did.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a listener that was replaced goes on.
const DRAIN_SECONDS: u64 = 2;
/// How many requests a flood has: more than the lines of a log for many a second, if Envoy is that slow.
const FLOOD: usize = 300;

/// What Envoy needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Of the machine, VMs included.
    pub(super) resident: Option<u64>,
    /// Of its own allocator.
    pub(super) allocated: u64,
}

/// What all clients know.
pub(super) struct World {
    pub(super) envoy: Envoy,
    provider: IdentityProvider,
    authorities: BTreeMap<&'static str, RwLock<Authority>>,
    total: usize,
    next: AtomicUsize,
    updates: AtomicUsize,
    sent: Mutex<BTreeMap<(&'static str, Kind), u64>>,
    second_attempts: Mutex<BTreeMap<&'static str, u64>>,
    wrong: Mutex<Vec<String>>,
}

impl World {
    /// Starts Envoy, for as many requests.
    pub(super) fn start(total: usize) -> Self {
        let provider = IdentityProvider::start();
        let authorities: BTreeMap<_, _> = LISTENERS
            .into_iter()
            .map(|listener| (listener, RwLock::new(Authority::plain(&format!("{listener}.example")))))
            .collect();
        for authority in authorities.values() {
            authority.read().unwrap().publish(&provider);
        }
        let envoy = Envoy::start(&setup(&provider, &authorities, 0));
        let (next, updates) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (sent, second_attempts, wrong) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { envoy, provider, authorities, total, next, updates, sent, second_attempts, wrong }
    }

    /// The number of the next request, until there were enough, or one went wrong.
    pub(super) fn next(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.total && self.wrong.lock().unwrap().is_empty()).then_some(number)
    }

    /// Lets no client begin another request once it is dropped: a test that fails need not send the rest.
    pub(super) fn stop_at_end(&self) -> impl Drop + '_ {
        struct Stop<'w>(&'w World);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.next.store(self.0.total, Ordering::Relaxed);
            }
        }
        Stop(self)
    }

    pub(super) fn wait_for_requests(&self, count: usize) {
        let is_over = || self.next.load(Ordering::Relaxed) >= count || !self.wrong.lock().unwrap().is_empty();
        poll(20 * PATIENCE, || is_over().then_some(())).expect("clients get on");
    }

    /// The issuer whose tokens a listener takes, as it is now.
    pub(super) fn authority(&self, listener: &str) -> Authority {
        self.authorities[listener].read().unwrap().clone()
    }

    /// Has some of the tokens searched for in the end: all pieces of all would be too many.
    pub(super) fn watch(&self, number: usize, token: &str) {
        if number.is_multiple_of(101) {
            self.envoy.keep_secret(token);
        }
    }

    pub(super) fn note(&self, listener: &'static str, kind: Kind) {
        *self.sent.lock().unwrap().entry((listener, kind)).or_default() += 1;
    }

    pub(super) fn note_second_attempt(&self, listener: &'static str) {
        *self.second_attempts.lock().unwrap().entry(listener).or_default() += 1;
    }

    pub(super) fn is_wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// New keys for both listeners, which both have requests waiting for them, some of which nobody waits for in the end.
    pub(super) fn rotate(&self) {
        let gates = LISTENERS.map(|listener| self.hold_next_keys(listener));
        let mut strangers = Vec::new();
        for (listener, (_, gate)) in LISTENERS.into_iter().zip(&gates) {
            wait_until("a fetch is held back", || {
                strangers.push(self.begin(listener, Kind::UnknownKey));
                thread::sleep(INTERVAL);
                gate.held() > 0
            });
        }
        // Nobody is refused any more because of a fetch that ended before.
        thread::sleep(2 * INTERVAL);
        for (listener, (next, _)) in LISTENERS.into_iter().zip(&gates) {
            *self.authorities[listener].write().unwrap() = next.clone();
        }
        let quit = |listener| (0..QUITTERS).map(move |_| self.connection(listener, Kind::Good));
        let quitters: Vec<_> = LISTENERS.into_iter().flat_map(quit).collect();
        wait_until("clients wait", || self.waiting() >= u64::try_from(quitters.len()).unwrap());
        drop(quitters);
        wait_until("they are gone", || self.waiting() < u64::try_from(QUITTERS).unwrap());
        for (_, gate) in &gates {
            gate.open();
        }
        for (listener, mut connection) in strangers {
            let status = connection.read_response().map(|response| response.status);
            if !matches!(status, Ok(401)) {
                self.is_wrong(format!("{listener}: somebody with an unknown key: {status:?}"));
            }
        }
    }

    /// Publishes a key more and the one before it, behind a gate; nobody signs with it yet.
    fn hold_next_keys(&self, listener: &str) -> (Authority, Gate) {
        let mut next = self.authority(listener);
        next.rotate(false);
        let mut published = next.key_set();
        let keys = published["keys"].as_array_mut().unwrap();
        keys.drain(..keys.len() - 2);
        let gate = Gate::default();
        self.provider.set(&next.keys_host, &next.keys_path, Answer::json(&published).behind(&gate));
        (next, gate)
    }

    fn begin(&self, listener: &'static str, kind: Kind) -> (&'static str, Connection) {
        self.note(listener, kind);
        (listener, self.connection(listener, kind))
    }

    /// A connection over which such a request was sent.
    fn connection(&self, listener: &str, kind: Kind) -> Connection {
        let mut connection = Connection::open(self.envoy.address(listener)).unwrap();
        connection.write(&kind.request(self, listener, usize::MAX).to_bytes()).unwrap();
        connection
    }

    fn waiting(&self) -> u64 {
        let gauges = self.envoy.statistics("^wasmcustom.*waiting$");
        gauges.values().sum()
    }

    /// Another policy for one of the listeners, good or, each third time, with a mistake.
    pub(super) fn update(&self) {
        let number = self.updates.fetch_add(1, Ordering::Relaxed) + 1;
        let outcome = self.envoy.update(&setup(&self.provider, &self.authorities, number));
        if is_mistaken(number) {
            assert_eq!(outcome, Update::Refused);
            return;
        }
        assert_eq!(outcome, Update::Accepted);
        wait_until("the next policy is at work", || {
            let answer = exchange(self.envoy.address(CHANGING), &Request::get("/"));
            answer.is_ok_and(|answer| answer.text().contains(&message(number)))
        });
        // Whoever waits in the next rotation must not wait where the connection is about to be closed.
        wait_until("the listener before it is gone", || self.is_drained());
    }

    fn is_drained(&self) -> bool {
        self.envoy.statistics("total_listeners_draining").values().all(|count| *count == 0)
    }

    /// More refusals in a second than the log has lines for.
    pub(super) fn flood(&self) {
        let mut line = Line::new(self, STEADY);
        for number in 0..FLOOD {
            line.send(Kind::WithoutToken, number);
        }
    }

    pub(super) fn wrong_answers(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    pub(super) fn wait_until_idle(&self) {
        wait_until("nobody waits", || self.waiting() == 0);
        for listener in LISTENERS {
            let name = format!("http.{listener}.downstream_rq_active");
            wait_until("no request is left", || self.envoy.statistics(&name)[&name] == 0);
        }
        wait_until("no listener is left", || self.is_drained());
    }

    /// How many VMs there are.
    pub(super) fn machines(&self) -> u64 {
        let name = "wasm.envoy.wasm.runtime.v8.active";
        self.envoy.statistics(name)[name]
    }

    pub(super) fn memory(&self) -> Memory {
        let text = exchange(self.envoy.admin(), &Request::get("/memory")).unwrap().text();
        let report: Value = serde_json::from_str(&text).unwrap();
        let allocated = report["allocated"].as_str().unwrap().parse().unwrap();
        Memory { resident: self.envoy.resident_bytes(), allocated }
    }

    /// How many requests of a kind a listener was sent whose clients waited for the answer.
    pub(super) fn sent(&self, listener: &'static str, kind: Kind) -> u64 {
        self.sent.lock().unwrap().get(&(listener, kind)).copied().unwrap_or_default()
    }

    pub(super) fn second_attempts(&self, listener: &str) -> u64 {
        self.second_attempts.lock().unwrap().get(listener).copied().unwrap_or_default()
    }

    /// What a plugin says that it decided.
    pub(super) fn outcomes(&self, listener: &str) -> BTreeMap<String, u64> {
        let prefix = format!("wasmcustom.validate_jwt.plugin.{listener}.policy.validate-jwt.outcome.");
        let counters = self.envoy.statistics(&prefix);
        let outcome = |(name, count): (&String, &u64)| (name.replace(&prefix, ""), *count);
        counters.iter().map(outcome).collect()
    }

    /// How many lines about requests were written.
    pub(super) fn lines_about_requests(&self) -> u64 {
        let lines = self.envoy.log().lines().filter(|line| line.contains(": refused: ")).count();
        u64::try_from(lines).unwrap()
    }

    /// Whether some line says that others were left out.
    pub(super) fn left_out_lines(&self) -> bool {
        self.envoy.log().contains(" lines left out before this)")
    }
}

fn is_mistaken(update: usize) -> bool {
    update % 3 == 2
}

/// What refusals under the policy of an update say.
fn message(update: usize) -> String {
    format!("refused under policy {update}")
}

fn setup(
    provider: &IdentityProvider,
    authorities: &BTreeMap<&'static str, RwLock<Authority>>,
    update: usize,
) -> Setup {
    let policy = |listener: &str, message: &str| {
        json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "openid-config": [{ "url": authorities[listener].read().unwrap().configuration_url() }],
                "audiences": ["api"],
                "failed-validation-error-message": message,
            },
            "default-cluster": "provider",
            "fetch": {
                "unknown-kid-interval": format!("{}ms", INTERVAL.as_millis()),
                // Who waits is let go by the test, not by the clock.
                "timeout": "1m",
            },
        })
    };
    let mut changing = policy(CHANGING, &message(update));
    if is_mistaken(update) {
        changing["validate-jwt"]["audiences"] = json!([]);
    }
    let setup =
        Setup::new().workers(usize::try_from(WORKERS).unwrap()).watched().drained_after(DRAIN_SECONDS);
    let setup = setup.cluster("provider", provider.address());
    setup.listener(STEADY, policy(STEADY, "refused")).listener(CHANGING, changing)
}
