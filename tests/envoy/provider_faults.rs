//! The identity provider is down, slow or lying: 503 while there are no keys, service as long as there are, and
//! recovery without a restart.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, without};
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::http_server::Delivery;
use crate::support::identity_provider::{Answer, IdentityProvider};
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

const FETCH_TIMEOUT: &str = "1s";
const LONGER_THAN_THE_TIMEOUT: Duration = Duration::from_millis(2500);
/// Ten megabytes, forty times what the filter reads.
const FAR_TOO_LONG: usize = 10_000_000;
/// A host that no policy names and no cluster serves.
const ELSEWHERE: &str = "elsewhere.example";

/// Something that a provider answers and that is of no use.
struct Fault {
    name: &'static str,
    /// What it answers for its configuration, and for its keys; `None` is the truth.
    configuration: Option<Answer>,
    keys: Option<Answer>,
}

impl Fault {
    fn set(&self, provider: &IdentityProvider, authority: &Authority) {
        authority.publish(provider);
        if let Some(answer) = &self.configuration {
            provider.set(&authority.host, &authority.configuration_path, answer.clone());
        }
        if let Some(answer) = &self.keys {
            provider.set(&authority.keys_host, &authority.keys_path, answer.clone());
        }
    }

    /// How often it has been asked at the place that the fault is about.
    fn calls(&self, provider: &IdentityProvider, authority: &Authority) -> usize {
        let calls = match &self.keys {
            Some(_) => provider.calls(&authority.keys_host, &authority.keys_path),
            None => provider.calls(&authority.host, &authority.configuration_path),
        };
        calls.len()
    }
}

/// As [`faults`], and an answer that is well-formed but would turn every token away.
fn faults_of_later(authority: &Authority) -> Vec<Fault> {
    let other = with(&authority.configuration(), "issuer", json!("https://somebody-else.example"));
    let other = Fault { name: "other-issuer", configuration: Some(Answer::json(&other)), keys: None };
    faults(authority).into_iter().chain([other]).collect()
}

fn faults(authority: &Authority) -> Vec<Fault> {
    let configuration = |name, answer| Fault { name, configuration: Some(answer), keys: None };
    let keys = |name, answer| Fault { name, configuration: None, keys: Some(answer) };
    let html = || Answer::new(200, "text/html", "<!doctype html><title>Sign in</title>");
    let truth = Answer::json(&authority.configuration());
    let key_set = Answer::json(&authority.key_set());
    let moved = |path: &str| {
        Answer::new(302, "text/plain", "").header("location", format!("https://{}{path}", authority.host))
    };
    let pointing_to = |keys: &str| Answer::json(&json!({ "issuer": authority.issuer, "jwks_uri": keys }));
    let bloated = json!({ "keys": authority.key_set()["keys"], "padding": "x".repeat(FAR_TOO_LONG) });
    vec![
        configuration("html", html()),
        configuration("redirect", moved("/other")),
        configuration("not-found", Answer::new(404, "application/json", "{}")),
        configuration("error", Answer::new(500, "application/json", authority.configuration().to_string())),
        configuration("hang-up", Answer::hang_up()),
        configuration("truncated", truth.clone().delivered(Delivery::Half)),
        configuration("slow", truth.clone().after(LONGER_THAN_THE_TIMEOUT)),
        configuration("trickle", truth.delivered(Delivery::Trickle(Duration::from_millis(100)))),
        configuration("array", Answer::json(&json!([authority.configuration()]))),
        configuration("no-issuer", Answer::json(&without(&authority.configuration(), "issuer"))),
        configuration("keys-elsewhere", pointing_to(&format!("https://{ELSEWHERE}/keys"))),
        configuration("keys-in-the-clear", pointing_to(&format!("http://{}/keys", authority.host))),
        keys("keys-html", html()),
        keys("keys-redirect", moved("/other")),
        keys("keys-empty", Answer::json(&json!({ "keys": [] }))),
        keys(
            "keys-unusable",
            Answer::json(&json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, 5] })),
        ),
        keys("keys-bloated", Answer::json(&bloated)),
        keys("keys-truncated", key_set.clone().delivered(Delivery::Half)),
        keys("keys-slow", key_set.after(LONGER_THAN_THE_TIMEOUT)),
    ]
}

/// The policy for one provider; each has its own, so that each fault has its own backoff.
fn policy(authority: &Authority, cluster: &str, fetch: &Value) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
        },
        "clusters": { authority.host.as_str(): cluster },
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
    let provider = IdentityProvider::start();
    let mut setup = Setup::new().cluster("provider", provider.address()).empty_cluster("empty");
    let mut authorities = Vec::new();
    let template = Authority::plain("template.example");
    for index in 0..faults(&template).len() {
        let authority = Authority::plain(&format!("fault-{index}.example"));
        let fault = &faults(&authority)[index];
        fault.set(&provider, &authority);
        let policy = policy(&authority, "provider", &json!({ "timeout": FETCH_TIMEOUT }));
        setup = setup.listener(fault.name, policy);
        authorities.push((fault.name, authority));
    }
    let nowhere = closed_port();
    let down = Authority::plain("down.example");
    setup = setup
        .cluster("down", nowhere)
        .listener("down", policy(&down, "down", &json!({ "timeout": FETCH_TIMEOUT })))
        .listener("no-endpoint", policy(&down, "empty", &json!({ "timeout": FETCH_TIMEOUT })));
    let envoy = Envoy::start(&setup);

    let mut wrong = Vec::new();
    for (name, authority) in &authorities {
        wrong.extend(envoy.try_all(name, cases_without_keys(authority)));
    }
    wrong.extend(envoy.try_all("down", cases_without_keys(&down)));
    wrong.extend(envoy.try_all("no-endpoint", cases_without_keys(&down)));
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
    let strayed: Vec<_> = provider.places().into_iter().filter(|(host, _)| host == ELSEWHERE).collect();
    assert_eq!(strayed, [], "the filter followed a jwks_uri to a host that the policy does not name");

    for (_, authority) in &authorities {
        authority.publish(&provider);
    }
    let revived = IdentityProvider::start_at(nowhere).unwrap();
    down.publish(&revived);
    for (name, authority) in authorities.iter().chain([&("down", down)]) {
        recovers(&envoy, name, authority);
        envoy.refuses(name, Request::get("/"), Refusal::of("TokenNotPresent"));
    }
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

/// The same Envoy serves again, and until then says 503 and nothing else.
fn recovers(envoy: &Envoy, listener: &str, authority: &Authority) {
    wait_until(&format!("{listener}: service after the recovery"), || {
        let answered = envoy.send(listener, bearer(authority));
        if !answered.by_upstream {
            envoy.judge(&answered, Some(Refusal::unavailable())).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        answered.by_upstream
    });
}

#[test]
fn with_keys_there_is_service_whatever_the_provider_does() {
    let provider = IdentityProvider::start();
    let mut setup = Setup::new().cluster("provider", provider.address());
    let fetch = json!({ "timeout": FETCH_TIMEOUT, "refresh-interval": "1s", "unknown-kid-interval": "1s" });
    let mut endangered = Vec::new();
    for index in 0..faults_of_later(&Authority::plain("template.example")).len() {
        let authority = Authority::plain(&format!("later-{index}.example"));
        authority.publish(&provider);
        let fault = faults_of_later(&authority).swap_remove(index);
        setup = setup.listener(fault.name, policy(&authority, "provider", &fetch));
        let before = token(&authority);
        endangered.push((fault, authority, before));
    }
    let envoy = Envoy::start(&setup);
    let all_pass = |endangered: &[(Fault, Authority, String)]| {
        for (fault, authority, before) in endangered {
            envoy.passes(fault.name, Request::get("/").bearer(before));
            envoy.passes(fault.name, bearer(authority));
        }
    };
    all_pass(&endangered);
    // The main thread's VM asks as well as the worker's: after so many calls each has had its answer.
    let enough = 4;
    let wait_for_calls = || {
        let seen: Vec<usize> =
            endangered.iter().map(|(fault, authority, _)| fault.calls(&provider, authority)).collect();
        for ((fault, authority, _), seen) in endangered.iter().zip(seen) {
            let asked = || fault.calls(&provider, authority) >= seen + enough;
            wait_until(&format!("{}: the filter asks again and again", fault.name), asked);
        }
    };
    for (fault, authority, _) in &endangered {
        fault.set(&provider, authority);
    }
    wait_for_calls();
    all_pass(&endangered);
    for (_, authority, _) in &endangered {
        authority.publish(&provider);
    }
    wait_for_calls();
    all_pass(&endangered);
}

#[test]
fn a_key_that_nobody_could_fetch_yet_does_not_pass() {
    let provider = IdentityProvider::start();
    let mut authority = Authority::plain("rotating.example");
    authority.publish(&provider);
    let fetch = json!({ "timeout": FETCH_TIMEOUT, "refresh-interval": "1s", "unknown-kid-interval": "1s" });
    let policy = policy(&authority, "provider", &fetch);
    let envoy = Envoy::start(&Setup::new().cluster("provider", provider.address()).listener("api", policy));
    let before = token(&authority);
    envoy.passes("api", Request::get("/").bearer(&before));

    provider.set(&authority.host, &authority.configuration_path, Answer::hang_up());
    authority.rotate(true);
    let answered = envoy.send("api", bearer(&authority));
    envoy.judge(&answered, Some(Refusal::unavailable())).unwrap_or_else(|wrong| panic!("{wrong}"));
    envoy.passes("api", Request::get("/").bearer(&before));
    authority.publish(&provider);
    recovers(&envoy, "api", &authority);
    envoy.refuses("api", Request::get("/").bearer(&before), Refusal::of("TokenSignatureKeyNotFound"));
}

#[test]
fn a_configuration_that_names_another_issuer_lets_nobody_in() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("named.example");
    authority.publish(&provider);
    let other = with(&authority.configuration(), "issuer", json!("https://somebody-else.example"));
    provider.set(&authority.host, &authority.configuration_path, Answer::json(&other));
    let policy = policy(&authority, "provider", &json!({ "refresh-interval": "1s" }));
    let envoy = Envoy::start(&Setup::new().cluster("provider", provider.address()).listener("api", policy));
    envoy.refuses("api", bearer(&authority), Refusal::of("TokenIssuerNotAllowed"));
    authority.publish(&provider);
    wait_until("service after the recovery", || envoy.send("api", bearer(&authority)).by_upstream);
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
    authority.publish(&provider);
    recovers(&envoy, "api", &authority);
}

#[test]
fn one_provider_cannot_speak_for_another() {
    let provider = IdentityProvider::start();
    let honest = Authority::plain("honest.example");
    let mut liar = Authority::plain("liar.example");
    liar.issuer.clone_from(&honest.issuer);
    honest.publish(&provider);
    liar.publish(&provider);
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": honest.configuration_url() }, { "url": liar.configuration_url() }],
            "audiences": ["api"],
        },
        "default-cluster": "provider",
    });
    let envoy = Envoy::start(&Setup::new().cluster("provider", provider.address()).listener("api", policy));
    envoy.passes("api", bearer(&honest));
    envoy.refuses("api", bearer(&liar), Refusal::of("TokenSignatureKeyNotFound"));
    envoy.passes("api", bearer(&honest));
}

/// A port that refuses connections now, and that this test can open later: below those that systems hand out.
fn closed_port() -> SocketAddr {
    let free = (20_000..30_000).map(|port| (Ipv4Addr::LOCALHOST, port).into());
    let mut free = free.filter(|address: &SocketAddr| TcpListener::bind(address).is_ok());
    free.next().expect("a free port")
}
