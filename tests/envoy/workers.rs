//! Eight workers and Envoy's main thread, each with a VM: one of them fetches, and all have the keys.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_until;
use crate::support::envoy::{Envoy, Pending};
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::Refusal;
use crate::support::xds::Update;
use serde_json::{Value, json};

const WORKERS: usize = 8;

/// Requests at a time: enough for each worker to have some.
const MANY: usize = 200;

fn policy(authority: &Authority, audience: &str) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": [audience],
        },
        "default-cluster": "provider",
        // Who waits is let go by the test, not by the clock.
        "fetch": { "timeout": "1m" },
    })
}

/// Eight workers under one policy, and an identity provider that holds its answers back at first.
struct Eight {
    provider: IdentityProvider,
    authority: Authority,
    gate: Gate,
    envoy: Envoy,
}

impl Eight {
    fn start() -> Self {
        let (provider, authority, gate) =
            (IdentityProvider::start(), Authority::plain("idp.example"), Gate::default());
        authority.publish(&provider);
        let held = Answer::json(&authority.configuration()).behind(&gate);
        provider.set(&authority.host, &authority.configuration_path, held);
        let envoy = Envoy::start(&Self::setup(&provider).listener("api", policy(&authority, "api")));
        Self { provider, authority, gate, envoy }
    }

    fn setup(provider: &IdentityProvider) -> Setup {
        Setup::new().workers(WORKERS).watched().cluster("provider", provider.address())
    }

    /// Publishes the keys as they are now, behind a new gate.
    fn hold_keys(&mut self) {
        self.gate = Gate::default();
        let held = Answer::json(&self.authority.key_set()).behind(&self.gate);
        self.provider.set(&self.authority.keys_host, &self.authority.keys_path, held);
    }

    fn request(&self) -> Request {
        let claims = in_force(&json!({ "iss": self.authority.issuer, "aud": "api" }));
        Request::get("/").bearer(&self.authority.token(&claims))
    }

    /// Sends as many of these at once; every worker has some, since all connections are open at the same time.
    fn send_many(&self, request: &Request) -> Vec<Pending> {
        self.envoy.begin_all("api", vec![request.clone(); MANY])
    }

    fn wait_for_many(&self) {
        wait_until("all requests wait", || self.waiting() == u64::try_from(MANY).unwrap());
    }

    fn waiting(&self) -> u64 {
        self.envoy.statistics("waiting")["wasmcustom.validate_jwt.plugin.api.provider.0.waiting"]
    }

    /// All of them pass.
    fn all_pass(&self, sent: Vec<Pending>) {
        for pending in sent {
            let answered = self.envoy.finish(pending);
            self.envoy.judge(&answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }

    /// All of them are refused with this reason, or else what the first other answer was.
    fn all_refused(&self, sent: Vec<Pending>, reason: &'static str) -> Result<(), String> {
        let answered: Vec<_> = sent.into_iter().map(|pending| self.envoy.finish(pending)).collect();
        answered.iter().try_for_each(|answered| self.envoy.judge(answered, Some(Refusal::of(reason))))
    }

    /// How often the discovery document and the key set were asked for.
    fn calls(&self) -> (usize, usize) {
        let calls = |host: &str, path: &str| self.provider.calls(host, path).len();
        (
            calls(&self.authority.host, &self.authority.configuration_path),
            calls(&self.authority.keys_host, &self.authority.keys_path),
        )
    }

    /// How many connections each worker had.
    fn connections(&self) -> Vec<u64> {
        let totals = self.envoy.statistics("worker_.*downstream_cx_total");
        totals
            .into_iter()
            .filter(|(name, _)| name.contains("listener.127.0.0.1"))
            .map(|(_, total)| total)
            .collect()
    }
}

#[test]
fn a_cold_start_and_a_rotation_under_load_are_one_fetch_each() {
    let mut eight = Eight::start();
    let first = eight.request();
    let early = eight.send_many(&first);
    eight.wait_for_many();
    let connections = eight.connections();
    assert_eq!(connections.len(), WORKERS);
    assert!(connections.iter().all(|total| *total > 0), "{connections:?}");
    assert_eq!(eight.calls(), (1, 0));
    eight.gate.open();
    eight.all_pass(early);
    assert_eq!(eight.calls(), (1, 1));

    // A new key, which every worker is asked for at the same time.
    eight.authority.rotate(false);
    eight.hold_keys();
    let second = eight.request();
    let new = eight.send_many(&second);
    eight.wait_for_many();
    eight.all_pass(eight.send_many(&first));
    eight.gate.open();
    eight.all_pass(new);
    assert_eq!(eight.calls(), (2, 2));
    assert_eq!(eight.waiting(), 0);
    eight.all_pass(eight.send_many(&second));

    let statistics = eight.envoy.statistics("provider.0.fetch");
    let counted = statistics["wasmcustom.validate_jwt.plugin.api.provider.0.fetch.Ok"];
    assert_eq!((counted, eight.calls()), (2, (2, 2)));
    let said = eight.envoy.log().matches("idp.example/.well-known/openid-configuration: 1 keys").count();
    assert_eq!(said, 1, "the log says it once: {}", eight.envoy.log_tail());
}

#[test]
fn what_one_worker_learns_all_know_and_what_is_withdrawn_none_accepts() {
    let mut eight = Eight::start();
    eight.gate.open();
    let first = eight.request();
    eight.all_pass(eight.send_many(&first));

    eight.authority.rotate(true);
    eight.authority.publish(&eight.provider);
    let second = eight.request();
    // One request, which one worker refetches for …
    eight.envoy.passes("api", second.clone());
    assert_eq!(eight.calls(), (2, 2));
    // … and the provider is gone: nobody could ask again.
    let gone = || Answer::new(500, "text/plain", "gone");
    eight.provider.set(&eight.authority.host, &eight.authority.configuration_path, gone());
    eight.all_pass(eight.send_many(&second));
    wait_until("no worker accepts the withdrawn key", || {
        eight.all_refused(eight.send_many(&first), "TokenSignatureKeyNotFound").is_ok()
    });
    eight.all_pass(eight.send_many(&second));
    assert_eq!(eight.calls(), (2, 2), "a withdrawn key is not looked for within the interval");
}

#[test]
fn a_flood_of_unknown_keys_costs_one_refetch_and_others_nothing() {
    let mut eight = Eight::start();
    eight.gate.open();
    let good = eight.request();
    eight.all_pass(eight.send_many(&good));

    eight.hold_keys();
    let stranger = Authority::plain("idp.example");
    let claims = in_force(&json!({ "iss": stranger.issuer, "aud": "api" }));
    let tokens = (0..MANY).map(|number| {
        let header = json!({ "kid": format!("unknown-{number}") });
        Request::get("/").bearer(&stranger.key().sign(&header, &claims).unwrap())
    });
    let flood = tokens.collect::<Vec<_>>();
    let waiting = eight.envoy.begin_all("api", flood.clone());
    eight.wait_for_many();
    // Nobody else waits with them.
    eight.all_pass(eight.send_many(&good));
    eight.gate.open();
    eight.all_refused(waiting, "TokenSignatureKeyNotFound").unwrap();
    for _ in 0..3 {
        let more = eight.envoy.begin_all("api", flood.clone());
        eight.all_refused(more, "TokenSignatureKeyNotFound").unwrap();
        eight.all_pass(eight.send_many(&good));
    }
    assert_eq!(eight.calls(), (2, 2));
}

#[test]
fn an_update_during_an_outage_keeps_the_keys() {
    let eight = Eight::start();
    eight.gate.open();
    let request = eight.request();
    eight.all_pass(eight.send_many(&request));
    let gone = || Answer::new(500, "text/plain", "gone");
    eight.provider.set(&eight.authority.host, &eight.authority.configuration_path, gone());

    let mut stricter = policy(&eight.authority, "api");
    stricter["validate-jwt"]["failed-validation-httpcode"] = json!(403);
    let update = Eight::setup(&eight.provider).listener("api", stricter);
    assert_eq!(eight.envoy.update(&update), Update::Accepted);
    wait_until("the update holds", || eight.envoy.send("api", Request::get("/")).response.status == 403);
    eight.all_pass(eight.send_many(&request));
    assert_eq!(eight.calls(), (1, 1));
}

#[test]
fn plugins_do_not_mix() {
    let (provider, authority) = (IdentityProvider::start(), Authority::plain("idp.example"));
    authority.publish(&provider);
    let setup = Eight::setup(&provider);
    let setup =
        ["one", "two"].into_iter().fold(setup, |setup, name| setup.listener(name, policy(&authority, "api")));
    let envoy = Envoy::start(&setup);
    let eight = Eight { provider, authority, gate: Gate::default(), envoy };
    let request = eight.request();
    for name in ["one", "two", "one"] {
        eight.envoy.passes(name, request.clone());
    }
    wait_until("each plugin asks for itself", || eight.calls() == (2, 2));
    let statistics = eight.envoy.statistics("provider.0.fetch.Ok");
    let counted = ["one", "two"]
        .map(|name| statistics[&format!("wasmcustom.validate_jwt.plugin.{name}.provider.0.fetch.Ok")]);
    assert_eq!(counted, [1, 1]);
}
