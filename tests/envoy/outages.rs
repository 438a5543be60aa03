//! The identity provider is down, slow or lying: 503 while there are no keys, service as long as there are, and
//! recovery without a restart. `docs/reliability.md` tells operators what is shown here.

mod document;
mod faults;
mod stage;

use self::faults::{ELSEWHERE, FETCH_TIMEOUT};
use self::stage::{Party, Stage};
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, with_wrong_signature};
use crate::support::deadline::{poll, wait_until};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

/// A provider that was away is asked again after half a minute at the latest; a slow machine gets as much again.
const RECOVERY: Duration = Duration::from_mins(1);
/// Between two requests of somebody who waits for a recovery.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);

/// The policy for one provider; each has its own, so that each fault has its own backoff.
fn policy(authority: &Authority, cluster: &str, fetch: &Value) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
        },
        // It serves the hosts of configured URLs, and no other that a document names.
        "default-cluster": cluster,
        "fetch": fetch,
    })
}

fn token(authority: &Authority) -> String {
    authority.token(&in_force(&json!({ "iss": authority.issuer, "aud": "api", "sub": "somebody" })))
}

fn bearer(authority: &Authority) -> Request {
    Request::get("/").bearer(&token(authority))
}

#[test]
fn without_keys_the_answer_is_503_until_the_provider_recovers() {
    let mut stage = Stage::before_the_first_keys(&json!({ "timeout": FETCH_TIMEOUT }));
    stage.for_each_party(|envoy, Party { fault, authority }| {
        let wrong = envoy.try_all(fault.name, cases_without_keys(authority));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        wait_until(&format!("{}: log and statistics tell of it", fault.name), || {
            is_logged(envoy, 0, authority, fault.log) && is_counted(envoy, fault.name, fault.result)
        });
        let shown = shown(envoy, fault.name);
        assert!(!shown.contains_key("fetch.Ok"), "{}: {shown:?}", fault.name);
        assert_eq!((shown["ready"], shown["keys"]), (0, 0), "{}", fault.name);
        assert!(!shown.contains_key("age_seconds"), "{}: there was no good answer", fault.name);
    });
    let strayed: Vec<_> = stage.provider.places().into_iter().filter(|(host, _)| host == ELSEWHERE).collect();
    assert_eq!(strayed, [], "the filter followed a jwks_uri to a host that the policy does not name");

    stage.mend();
    stage.for_each_party(|envoy, Party { fault, authority }| {
        recovers(envoy, fault.name, authority);
        envoy.refuses(fault.name, Request::get("/"), Refusal::of("TokenNotPresent"));
        is_well(envoy, fault.name, 1);
    });
}

/// No token gets in, a good one must come again, and what needs no key is decided as ever.
fn cases_without_keys(authority: &Authority) -> Vec<Case<'static>> {
    let stranger = Authority::plain(&authority.host);
    vec![
        Case::refused("a good token", bearer(authority), Refusal::unavailable()),
        Case::refused("a forged token", bearer(&stranger), Refusal::unavailable()),
        Case::refused("a good token, again", bearer(authority), Refusal::unavailable()),
        Case::refused("no token", Request::get("/"), Refusal::of("TokenNotPresent")),
        Case::refused("no JWT", Request::get("/").header("authorization", "abc"), Refusal::of("JwtInvalid")),
    ]
}

#[test]
fn with_keys_there_is_service_whatever_the_provider_does() {
    let fetch = json!({ "timeout": FETCH_TIMEOUT, "refresh-interval": "1s", "unknown-kid-interval": "1s" });
    let mut stage = Stage::with_keys(&fetch);
    stage.strike();
    stage.for_each_party(|envoy, Party { fault, authority }| {
        let known = token(authority);
        wait_until(&format!("{}: log and statistics tell of it", fault.name), || {
            envoy.passes(fault.name, Request::get("/").bearer(&known));
            envoy.passes(fault.name, bearer(authority));
            thread::sleep(BETWEEN_ATTEMPTS);
            is_logged(envoy, 0, authority, fault.log) && is_counted(envoy, fault.name, fault.result)
        });
        let shown = shown(envoy, fault.name);
        assert_eq!((shown["ready"], shown["keys"]), (1, 1), "{}: its keys are in use", fault.name);
    });
    let known: BTreeMap<&str, String> =
        stage.parties.iter().map(|party| (party.fault.name, token(&party.authority))).collect();
    let with_known = |name: &str| Request::get("/").bearer(&known[name]);
    // A key that nobody could fetch yet is no fault of its owner's, and no key either.
    stage.rotate();
    stage.for_each_party(|envoy, Party { fault, authority }| {
        let forged = with_wrong_signature(&known[fault.name]);
        let cases = vec![
            Case::refused("a new key", bearer(authority), Refusal::unavailable()),
            Case::passes("a known key", with_known(fault.name)),
            Case::refused(
                "a known key that did not sign",
                Request::get("/").bearer(&forged),
                Refusal::of("TokenSignatureInvalid"),
            ),
            Case::refused("no token", Request::get("/"), Refusal::of("TokenNotPresent")),
        ];
        let wrong = envoy.try_all(fault.name, cases);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });

    stage.mend();
    stage.for_each_party(|envoy, Party { fault, authority }| {
        recovers(envoy, fault.name, authority);
        envoy.passes(fault.name, with_known(fault.name));
        is_well(envoy, fault.name, 2);
    });
}

/// Whether the log has told that a fetch from this provider failed so.
fn is_logged(envoy: &Envoy, provider: usize, authority: &Authority, text: &str) -> bool {
    let beginning = format!("provider {provider}, {}: no new keys: ", authority.configuration_url());
    let is_it =
        |line: &str| line.contains(&beginning) && line.contains(text) && line.contains("; next attempt in ");
    envoy.log().lines().any(|line| line.contains("[warning]") && is_it(line))
}

fn is_counted(envoy: &Envoy, listener: &str, result: &str) -> bool {
    shown(envoy, listener).get(&format!("fetch.{result}")).is_some_and(|count| *count >= 1)
}

/// What the statistics of this listener say of its first provider.
fn shown(envoy: &Envoy, listener: &str) -> BTreeMap<String, u64> {
    shown_of(envoy, listener, 0)
}

fn shown_of(envoy: &Envoy, listener: &str, provider: usize) -> BTreeMap<String, u64> {
    let beginning = format!("validate_jwt.plugin.{listener}.provider.{provider}.");
    let statistics = envoy.statistics(&beginning).into_iter();
    statistics.filter_map(|(name, value)| Some((name.split_once(&beginning)?.1.to_owned(), value))).collect()
}

/// The same Envoy serves again, and until then says 503 and nothing else.
fn recovers(envoy: &Envoy, listener: &str, authority: &Authority) {
    let served = poll(RECOVERY, || {
        let answered = envoy.send(listener, bearer(authority));
        if !answered.by_upstream {
            envoy.judge(&answered, Some(Refusal::unavailable())).unwrap_or_else(|wrong| panic!("{wrong}"));
            thread::sleep(BETWEEN_ATTEMPTS);
        }
        answered.by_upstream.then_some(())
    });
    assert!(served.is_some(), "{listener}: no service {RECOVERY:?} after the recovery");
}

/// The statistics show this many keys and a good fetch: of all VMs, each of which writes in its turn.
fn is_well(envoy: &Envoy, listener: &str, keys: u64) {
    let is_well = || {
        let shown = shown(envoy, listener);
        let good = shown.get("fetch.Ok").copied();
        (shown["ready"] == 1 && shown["keys"] == keys && good >= Some(1)).then_some(())
    };
    assert!(poll(RECOVERY, is_well).is_some(), "{listener}: {:?}", shown(envoy, listener));
}

#[test]
fn a_document_that_names_another_issuer_lets_nobody_new_in() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("renamed.example");
    let lie = with(&authority.configuration(), "issuer", json!("https://somebody-else.example"));
    let lie = || provider.set(&authority.host, &authority.configuration_path, Answer::json(&lie));
    authority.publish(&provider);
    let fetch = json!({ "refresh-interval": "1s", "unknown-kid-interval": "1s" });
    let policy = policy(&authority, "provider", &fetch);
    let setup = Setup::new().cluster("provider", provider.address()).listener("api", policy);

    lie();
    let envoy = Envoy::start(&setup);
    envoy.refuses("api", bearer(&authority), Refusal::of("TokenIssuerNotAllowed"));
    // It is a good answer as far as anybody can tell.
    is_well(&envoy, "api", 1);
    authority.publish(&provider);
    wait_until("service after the recovery", || envoy.send("api", bearer(&authority)).by_upstream);

    // Tokens of the issuer that was named before pass as long as if the provider were away.
    lie();
    let good = shown(&envoy, "api")["fetch.Ok"];
    wait_until("the filter has the other document, in each VM", || {
        envoy.passes("api", bearer(&authority));
        shown(&envoy, "api")["fetch.Ok"] >= good + 4
    });
    envoy.passes("api", bearer(&authority));
}

#[test]
fn keys_serve_no_longer_than_max_stale() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("stale.example");
    authority.publish(&provider);
    let fetch = json!({ "timeout": FETCH_TIMEOUT, "refresh-interval": "1s", "max-stale": "3s" });
    let policy = policy(&authority, "provider", &fetch);
    let envoy = Envoy::start(&Setup::new().cluster("provider", provider.address()).listener("api", policy));
    envoy.passes("api", bearer(&authority));
    provider.set(&authority.host, &authority.configuration_path, Answer::hang_up());
    wait_until("the keys are too old", || {
        let answered = envoy.send("api", bearer(&authority));
        if !answered.by_upstream {
            envoy.judge(&answered, Some(Refusal::unavailable())).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        !answered.by_upstream
    });
    wait_until("the statistics show it", || shown(&envoy, "api")["ready"] == 0);
    authority.publish(&provider);
    recovers(&envoy, "api", &authority);
    is_well(&envoy, "api", 1);
}

#[test]
fn a_provider_that_is_lost_costs_callers_of_another_nothing() {
    let provider = IdentityProvider::start();
    let [lost, live] = ["lost.example", "live.example"].map(Authority::plain);
    live.publish(&provider);
    let gate = Gate::default();
    let nothing = Answer::new(500, "text/plain", "").behind(&gate);
    provider.set(&lost.host, &lost.configuration_path, nothing);
    // Whoever waited for the lost one would wait longer than a client of these tests does.
    let fetch = json!({ "timeout": "1m" });
    let apart = json!({
        "policies": {
            "lost": { "validate-jwt": policy(&lost, "provider", &fetch)["validate-jwt"] },
            "live": { "validate-jwt": policy(&live, "provider", &fetch)["validate-jwt"] },
            "either": { "any-of": ["lost", "live"] },
        },
        "rules": [
            { "match": { "path": "/lost" }, "policy": "lost" },
            { "match": { "path": "/live" }, "policy": "live" },
            { "match": {}, "policy": "either" },
        ],
        "default-cluster": "provider",
        "fetch": fetch,
    });
    let setup = Setup::new().cluster("provider", provider.address());
    let setup = setup.listener("together", of_two(&lost, &live, &fetch)).listener("apart", apart);
    let envoy = Envoy::start(&setup);
    let get = |path: &str, authority: &Authority| Request::get(path).bearer(&token(authority));
    let live_ones_pass = || {
        envoy.passes("together", get("/", &live));
        envoy.passes("apart", get("/live", &live));
        envoy.passes("apart", get("/either", &live));
    };
    let of_lost = [("together", "/"), ("apart", "/lost"), ("apart", "/either")];

    live_ones_pass();
    let waiting = of_lost.map(|(listener, path)| envoy.begin(listener, get(path, &lost)));
    live_ones_pass();
    for pending in &waiting {
        assert!(pending.connection.is_silent(), "request {} did not wait", pending.id);
    }
    gate.open();
    let unavailable = |answered| {
        envoy.judge(&answered, Some(Refusal::unavailable())).unwrap_or_else(|wrong| panic!("{wrong}"));
    };
    for pending in waiting {
        unavailable(envoy.finish(pending));
    }
    for (listener, path) in of_lost {
        unavailable(envoy.send(listener, get(path, &lost)));
    }
    live_ones_pass();
    // Providers are numbered in the order of `openid-config` in the one, of the policies' names in the other.
    for (listener, [number_of_lost, number_of_live]) in [("together", [0, 1]), ("apart", [1, 0])] {
        wait_until(&format!("{listener}: the statistics show it"), || {
            let (lost, live) =
                (shown_of(&envoy, listener, number_of_lost), shown_of(&envoy, listener, number_of_live));
            lost.contains_key("fetch.Status") && lost["ready"] == 0 && live["ready"] == 1
        });
    }

    lost.publish(&provider);
    recovers(&envoy, "together", &lost);
    wait_until("service after the recovery", || {
        thread::sleep(BETWEEN_ATTEMPTS);
        envoy.send("apart", get("/lost", &lost)).by_upstream
    });
    envoy.passes("apart", get("/either", &lost));
    live_ones_pass();
}

#[test]
fn one_provider_cannot_speak_for_another() {
    let provider = IdentityProvider::start();
    let honest = Authority::plain("honest.example");
    let mut liar = Authority::plain("liar.example");
    liar.issuer.clone_from(&honest.issuer);
    honest.publish(&provider);
    liar.publish(&provider);
    let policy = of_two(&honest, &liar, &json!({}));
    let envoy = Envoy::start(&Setup::new().cluster("provider", provider.address()).listener("api", policy));
    envoy.passes("api", bearer(&honest));
    envoy.refuses("api", bearer(&liar), Refusal::of("TokenSignatureKeyNotFound"));
    envoy.passes("api", bearer(&honest));
    let told = "issuer `https://honest.example` lies, or may lie, on the host of another openid-config";
    assert!(is_logged(&envoy, 1, &liar, told));
    let (of_honest, of_liar) = (shown_of(&envoy, "api", 0), shown_of(&envoy, "api", 1));
    assert_eq!((of_honest["ready"], of_liar["ready"]), (1, 0));
    assert!(of_liar["fetch.Issuer"] >= 1 && !of_liar.contains_key("fetch.Ok"), "{of_liar:?}");
}

fn of_two(first: &Authority, second: &Authority, fetch: &Value) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": first.configuration_url() }, { "url": second.configuration_url() }],
            "audiences": ["api"],
        },
        "default-cluster": "provider",
        "fetch": fetch,
    })
}
