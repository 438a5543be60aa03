//! The VM dies under a request: nobody gets in, nobody waits for ever, and under the shipped failure policy the API is back
//! after the backoff. The module is a copy with a trap in it (`support/mortal_module.rs`); the shipped one has none.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::with;
use crate::support::deadline::wait_until;
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::light_and_dark::{LightAndDark, claims, policy};
use crate::support::shipped;
use crate::support::verdict::Refusal;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// What Envoy answers for a VM that is dead, and what its access log says of it.
const DEAD: (u16, &str) = (503, "wasm_fail_stream");

/// The shortest time that the shipped configuration leaves a worker without VM.
const BACKOFF: Duration = Duration::from_secs(1);

/// What `production.yaml` says about a VM that dies.
fn shipped_failure() -> Value {
    assert_eq!(shipped::settings("production.yaml", "failure_policy"), ["FAIL_RELOAD"]);
    assert_eq!(shipped::settings("production.yaml", "backoff"), ["{ base_interval: 1s, max_interval: 10s }"]);
    json!({
        "failure_policy": "FAIL_RELOAD",
        "reload_config": { "backoff": { "base_interval": "1s", "max_interval": "10s" } },
    })
}

/// One API whose provider answers, in an Envoy that has a mortal VM.
struct Trial {
    envoy: Envoy,
    authority: Authority,
    _provider: IdentityProvider,
}

impl Trial {
    fn start(failure: Value) -> Self {
        Self::prepared(failure, |setup, _, _| setup)
    }

    fn prepared(failure: Value, prepare: impl FnOnce(Setup, &Authority, &IdentityProvider) -> Setup) -> Self {
        let provider = IdentityProvider::start();
        let authority = Authority::plain("light.example");
        authority.publish(&provider);
        let setup = Setup::new()
            .cluster("provider", provider.address())
            .column("%RESPONSE_FLAGS%")
            // The test, not the clock, ends a wait for keys.
            .listener("api", with(&policy(&authority), "fetch", json!({ "timeout": "10s" })))
            .mortal(failure);
        let envoy = Envoy::start(&prepare(setup, &authority, &provider));
        Self { envoy, authority, _provider: provider }
    }

    fn good(&self) -> Request {
        Request::get("/").bearer(&self.authority.token(&claims(&self.authority)))
    }

    fn outcome(&self, answered: &Answered) -> (u16, String) {
        (answered.response.status, self.envoy.details(&answered.id))
    }

    /// Envoy answered for the dead VM, and the upstream saw nothing.
    fn met_the_dead(&self, answered: &Answered) -> bool {
        let (status, details) = self.outcome(answered);
        let is_dead = (status, details.as_str()) == DEAD;
        assert!(!is_dead || self.envoy.upstream().seen(&answered.id).is_none());
        is_dead
    }

    fn kill(&self) {
        let killer = self.envoy.send("api", self.good().lethal());
        assert!(self.met_the_dead(&killer), "{:?}", self.outcome(&killer));
    }

    fn statistic(&self, name: &str) -> u64 {
        self.envoy.statistics(&format!("{name}$")).get(name).copied().unwrap_or_default()
    }
}

#[test]
fn the_shipped_module_survives_what_kills_the_copy() {
    let LightAndDark { envoy, light, .. } = &LightAndDark::start();
    envoy.passes("api", Request::get("/").bearer(&light.token(&claims(light))).lethal());
    envoy.refuses("api", Request::get("/").lethal(), Refusal::of("TokenNotPresent"));
}

#[test]
fn as_shipped_a_vm_that_died_is_new_after_the_backoff() {
    let trial = Trial::start(shipped_failure());
    trial.envoy.passes("api", trial.good());

    trial.kill();
    let death = Instant::now();
    let mut turned_away = 0;
    wait_until("the VM is new", || {
        let answered = trial.envoy.send("api", trial.good());
        let is_dead = trial.met_the_dead(&answered);
        turned_away += u64::from(is_dead);
        assert!(is_dead || answered.by_upstream, "{:?}", trial.outcome(&answered));
        // Before the very end of the backoff, for a margin that the clocks of two processes need.
        assert!(is_dead || death.elapsed() > BACKOFF * 9 / 10, "back after {:?}", death.elapsed());
        thread::sleep(Duration::from_millis(50));
        !is_dead
    });
    assert!(turned_away > 0);
    assert_eq!(trial.statistic("wasm.api.vm_reload_success"), 1);
    // It counts requests, not attempts.
    assert_eq!(trial.statistic("wasm.api.vm_reload_backoff"), turned_away);
    assert_eq!(trial.statistic("wasm.api.vm_reload_failure"), 0);
    assert!(trial.envoy.log().contains("Function: proxy_on_request_headers failed: Uncaught RuntimeError"));

    trial.envoy.passes("api", trial.good());
    trial.envoy.refuses("api", Request::get("/"), Refusal::of("TokenNotPresent"));
    let stranger = Authority::plain("light.example");
    let forged = Request::get("/").bearer(&stranger.token(&claims(&stranger)));
    trial.envoy.refuses("api", forged, Refusal::of("TokenSignatureKeyNotFound"));
    // And a second time.
    trial.kill();
    wait_until("the VM is new again", || trial.envoy.send("api", trial.good()).by_upstream);
}

#[test]
fn by_default_a_vm_that_died_stays_dead() {
    for failure in [json!({}), json!({ "failure_policy": "FAIL_CLOSED" })] {
        let trial = Trial::start(failure);
        trial.envoy.passes("api", trial.good());
        trial.kill();
        let end = Instant::now() + 2 * BACKOFF;
        while Instant::now() < end {
            let answered = trial.envoy.send("api", trial.good());
            assert!(trial.met_the_dead(&answered), "{:?}", trial.outcome(&answered));
            thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(trial.statistic("wasm.api.vm_reload_success"), 0);
        assert_eq!(trial.statistic("wasm.api.vm_reload_backoff"), 0);
    }
}

/// Why no shipped configuration says it.
#[test]
fn fail_open_lets_everybody_in() {
    let trial = Trial::start(json!({ "failure_policy": "FAIL_OPEN" }));
    trial.envoy.refuses("api", Request::get("/"), Refusal::of("TokenNotPresent"));
    trial.kill();
    trial.envoy.passes("api", Request::get("/"));
    for name in ["local.yaml", "production.yaml"] {
        let policies = shipped::settings(name, "failure_policy");
        assert!(policies.iter().all(|policy| *policy == "FAIL_RELOAD"), "{name}: {policies:?}");
    }
}

/// Two requests wait for keys when a third one kills their VM. `flag` is what the access log has of the timeout.
fn who_waits_is_answered_after(timeout: &str, flag: &str) {
    const LIMIT: Duration = Duration::from_secs(2);
    let gate = Gate::default();
    let trial = Trial::prepared(shipped_failure(), |setup, authority, provider| {
        let held = Answer::json(&authority.key_set()).behind(&gate);
        provider.set(&authority.keys_host, &authority.keys_path, held);
        setup.connection_manager(timeout, format!("{}s", LIMIT.as_secs()))
    });
    let Trial { envoy, authority, .. } = &trial;
    let start = Instant::now();
    let upload = Request::new("POST", "/").body("order").bearer(&authority.token(&claims(authority)));
    let waiting = [trial.good(), upload].map(|request| envoy.begin("api", request));
    let gauge = || trial.statistic("wasmcustom.validate_jwt.plugin.api.provider.0.waiting");
    wait_until("two requests wait", || gauge() == 2);

    trial.kill();
    assert!(waiting.iter().all(|pending| pending.connection.is_silent()), "answered by a dead VM");
    for pending in waiting {
        let answered = envoy.finish(pending);
        assert!(trial.met_the_dead(&answered), "{:?}", trial.outcome(&answered));
        assert!(start.elapsed() > LIMIT * 9 / 10, "answered after {:?}", start.elapsed());
        assert_eq!(envoy.access_log().entry(&answered.id).columns, [flag]);
    }

    // The new VM has the keys, whoever fetches them: one of the others, or itself when the lease of the dead one is over. It
    // knows nothing of those who waited in the old one.
    gate.open();
    wait_until("the VM is new", || envoy.send("api", trial.good()).by_upstream);
    assert_eq!(gauge(), 2, "docs/observability.md says that they stay in the gauge");
}

#[test]
fn who_waits_in_a_vm_that_dies_is_answered_after_the_request_timeout() {
    who_waits_is_answered_after("request_timeout", "-");
}

#[test]
fn who_waits_in_a_vm_that_dies_is_answered_after_the_idle_timeout() {
    who_waits_is_answered_after("stream_idle_timeout", "SI");
}

/// A request that waits has its answer by then: two fetches of two calls each.
#[test]
fn shipped_timeouts_leave_time_for_every_wait() {
    let longest_wait = 2 * 2 * 5;
    for (name, timeout) in ["local.yaml", "production.yaml"]
        .into_iter()
        .flat_map(|name| ["request_timeout", "stream_idle_timeout"].map(|timeout| (name, timeout)))
    {
        let seconds = shipped::settings(name, timeout);
        let [seconds] = seconds.as_slice() else { panic!("{name}: {timeout}: {seconds:?}") };
        let seconds: u64 = seconds.strip_suffix('s').unwrap().parse().unwrap();
        assert!(seconds > longest_wait, "{name}: {timeout} is {seconds} s");
    }
}
