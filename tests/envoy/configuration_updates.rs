//! Configurations that reach a running Envoy: with its listeners (LDS), or for the filter alone (ECDS, as Istio does it).
//! A mistake changes nothing but the log and the statistics; the next good configuration is at work without a restart.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_until;
use crate::support::envoy::{Envoy, Pending};
use crate::support::http_client::{Request, exchange};
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::Refusal;
use crate::support::xds::Update;
use serde_json::{Value, json};

/// How the configuration arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Lds,
    Ecds,
}

/// One provider, and a policy whose only audience can be changed. Refusals name it, so that a test can tell without keys which
/// policy is at work.
struct Trial {
    by: By,
    provider: IdentityProvider,
    authority: Authority,
}

impl Trial {
    fn new(by: By) -> Self {
        let provider = IdentityProvider::start();
        let authority = Authority::plain("login.example");
        authority.publish(&provider);
        Self { by, provider, authority }
    }

    fn with_audience(&self, audience: &str) -> Setup {
        self.setup(&json!([audience]), audience)
    }

    fn with_a_mistake(&self) -> Setup {
        self.setup(&json!([]), "nobody")
    }

    fn setup(&self, audiences: &Value, message: &str) -> Setup {
        let policy = json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "openid-config": [{ "url": self.authority.configuration_url() }],
                "audiences": audiences,
                "failed-validation-error-message": message,
            },
            "default-cluster": "provider",
            // The test, not the clock, ends a wait.
            "fetch": { "timeout": "1m" },
        });
        let setup = Setup::new()
            .cluster("provider", self.provider.address())
            .column("%RESPONSE_FLAGS%")
            .listener("api", policy);
        match self.by {
            By::Lds => setup.watched(),
            By::Ecds => setup.watched_filters(),
        }
    }

    fn request(&self, audience: &str) -> Request {
        let claims = in_force(&json!({ "iss": self.authority.issuer, "aud": audience }));
        Request::get("/").bearer(&self.authority.token(&claims))
    }

    fn is_decided_for(&self, envoy: &Envoy, right: &str, wrong: &str) {
        envoy.passes("api", self.request(right));
        envoy.refuses("api", self.request(wrong), Refusal::saying("TokenAudienceNotAllowed", right));
        envoy.refuses("api", Request::get("/"), Refusal::saying("TokenNotPresent", right));
    }

    /// Configures Envoy for this audience, and waits until its worker is as well.
    fn update(&self, envoy: &Envoy, audience: &str) {
        assert_eq!(envoy.update(&self.with_audience(audience)), Update::Accepted);
        wait_until("the next policy is at work", || {
            let answered = envoy.send("api", Request::get("/"));
            let body: Option<Value> = serde_json::from_slice(&answered.response.body).ok();
            body.is_some_and(|body| body["message"] == audience)
        });
    }

    /// What an operator sees of one refused configuration.
    fn tells_of_the_mistake(&self, envoy: &Envoy) {
        let log = envoy.log();
        let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        // The path, the mistake, the remedy.
        assert_eq!(
            count("configuration refused: validate-jwt.audiences: is an empty list; name at least one"),
            1
        );
        // What a control plane is told names the plugin, and no more.
        let told = match self.by {
            By::Lds => "rejected: Error adding/updating listener(s) api: Unable to create Wasm plugin api",
            By::Ecds => "rejected: Unable to create Wasm plugin api",
        };
        assert_eq!(count(&format!("Filesystem config update {told}")), 1);
        assert_eq!(count("Plugin api failed to load"), 1);
        let (prefix, names): (_, &[&str]) = match self.by {
            By::Lds => ("listener_manager.lds", &["update_rejected"]),
            // `config_reload` counts what was refused as well.
            By::Ecds => ("extension_config_discovery.http_filter.api", &["update_rejected", "config_fail"]),
        };
        let statistics = envoy.statistics(prefix);
        for name in names {
            assert_eq!(statistics[&format!("{prefix}.{name}")], 1, "{name}");
        }
        let dump = exchange(envoy.admin(), &Request::get("/config_dump")).unwrap().text();
        let is_in_dump = dump.contains("\"details\": \"Unable to create Wasm plugin api\"");
        assert_eq!(is_in_dump, self.by == By::Lds, "{dump}");
    }
}

fn a_mistake_leaves_the_policy_at_work(by: By) {
    let trial = Trial::new(by);
    let envoy = Envoy::start(&trial.with_audience("first"));
    trial.is_decided_for(&envoy, "first", "second");

    assert_eq!(envoy.update(&trial.with_a_mistake()), Update::Refused);
    trial.is_decided_for(&envoy, "first", "second");
    trial.tells_of_the_mistake(&envoy);

    trial.update(&envoy, "second");
    trial.is_decided_for(&envoy, "second", "first");
}

#[test]
fn a_mistake_in_listeners_leaves_the_policy_at_work() {
    a_mistake_leaves_the_policy_at_work(By::Lds);
}

#[test]
fn a_mistake_in_a_filter_leaves_the_policy_at_work() {
    a_mistake_leaves_the_policy_at_work(By::Ecds);
}

#[test]
fn without_a_good_first_configuration_listeners_stay_closed() {
    let trial = Trial::new(By::Lds);
    let envoy = Envoy::start(&trial.with_a_mistake());
    assert_eq!(envoy.open_listeners(), [""; 0]);
    trial.tells_of_the_mistake(&envoy);

    trial.update(&envoy, "first");
    trial.is_decided_for(&envoy, "first", "second");
}

#[test]
fn without_a_good_first_configuration_a_filter_lets_nothing_through() {
    let trial = Trial::new(By::Ecds);
    let envoy = Envoy::start(&trial.with_a_mistake());
    for request in [trial.request("first"), Request::get("/")] {
        let answered = envoy.send("api", request);
        assert_eq!((answered.response.status, answered.by_upstream), (500, false));
        assert!(envoy.upstream().seen(&answered.id).is_none());
        // The answer is Envoy's own, and so is what the access log says of it.
        let entry = envoy.access_log().entry(&answered.id);
        assert_eq!((entry.details.as_str(), entry.columns), ("", vec!["NFCF".to_owned()]));
    }
    trial.tells_of_the_mistake(&envoy);

    trial.update(&envoy, "first");
    trial.is_decided_for(&envoy, "first", "second");
}

fn requests_that_wait_outlive_updates(by: By) {
    let trial = Trial::new(by);
    let Trial { authority, provider, .. } = &trial;
    let gate = Gate::default();
    let held = Answer::json(&authority.key_set()).behind(&gate);
    provider.set(&authority.keys_host, &authority.keys_path, held);
    let envoy = Envoy::start(&trial.with_audience("first"));
    let wait = || -> [Pending; 2] { ["first", "second"].map(|to| envoy.begin("api", trial.request(to))) };
    let active = || envoy.statistics("http.api.downstream_rq_active")["http.api.downstream_rq_active"];

    let before = wait();
    wait_until("two requests wait", || active() == 2);
    assert_eq!(envoy.update(&trial.with_a_mistake()), Update::Refused);
    let between = wait();
    wait_until("four requests wait", || active() == 4);
    trial.update(&envoy, "second");
    let after = wait();
    wait_until("six requests wait", || active() == 6);
    assert!(before.iter().chain(&between).chain(&after).all(|pending| pending.connection.is_silent()));
    gate.open();

    // Each is decided by the policy under which it came.
    let [first, second] =
        ["first", "second"].map(|policy| Some(Refusal::saying("TokenAudienceNotAllowed", policy)));
    let outcomes = [(before, [None, first]), (between, [None, first]), (after, [second, None])];
    for (pending, expected) in outcomes {
        for (pending, expected) in pending.into_iter().zip(expected) {
            let answered = envoy.finish(pending);
            envoy.judge(&answered, expected).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
    trial.is_decided_for(&envoy, "second", "first");
}

#[test]
fn requests_that_wait_outlive_updates_of_listeners() {
    requests_that_wait_outlive_updates(By::Lds);
}

#[test]
fn requests_that_wait_outlive_updates_of_a_filter() {
    requests_that_wait_outlive_updates(By::Ecds);
}
