//! The first fetch: when it happens, what it asks for, and what becomes of requests that come before its answer.

use crate::host::{Answer, Request, Setup};
use crate::provider::{
    DISCOVERY, HOST, KEYS, MILLISECOND, Provider, SECOND, ec_key, policy, rsa_key, token, token_but,
};
use serde_json::json;
use std::time::Duration;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

#[test]
fn starts_with_the_first_tick_and_not_before() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    assert!(host.callouts().is_empty(), "dispatched in on_configure: {:?}", host.callouts());
    let period = host.tick_period().expect("a timer was set");
    assert!(period <= 100 * MILLISECOND, "{period:?}");
    host.advance(period);
    assert_eq!(host.callouts().len(), 1);
    assert_eq!(host.callouts()[0].header(":path"), DISCOVERY);
}

#[test]
fn asks_for_the_document_and_then_for_the_keys_that_it_names() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    host.advance(SECOND);
    let callouts = host.callouts();
    assert_eq!(callouts.len(), 2, "{callouts:?}");
    for (callout, path) in callouts.iter().zip([DISCOVERY, KEYS]) {
        assert_eq!(callout.cluster, "idp");
        assert_eq!(callout.header(":method"), "GET");
        assert_eq!(callout.header(":scheme"), "https");
        assert_eq!(callout.header(":authority"), HOST);
        assert_eq!(callout.header(":path"), path, "path and query go out as they were configured");
        assert_eq!(callout.header("accept"), "application/json");
        assert!(!callout.header("user-agent").is_empty());
        assert_eq!(callout.timeout, 5 * SECOND);
        assert!(callout.body.is_empty());
    }
}

#[test]
fn uses_the_cluster_of_host_and_port_before_that_of_the_host() {
    let mut policy = policy();
    policy["validate-jwt"]["openid-config"][0]["url"] = json!("https://login.example.com:8443/discovery");
    policy["clusters"] = json!({ "login.example.com": "idp", "login.example.com:8443": "special" });
    let mut setup = Setup::new(policy.to_string());
    setup.clusters.insert("special".to_owned());
    let mut host = crate::host::Host::start(setup);
    host.advance(SECOND);
    let callout = &host.callouts()[0];
    assert_eq!(
        (callout.cluster.as_str(), callout.target()),
        ("special", "login.example.com:8443/discovery".to_owned())
    );
}

#[test]
fn uses_the_default_cluster_where_no_other_is_named() {
    let mut policy = policy();
    policy.as_object_mut().unwrap().remove("clusters");
    policy["default-cluster"] = json!("outbound|{port}||{host}");
    let mut setup = Setup::new(policy.to_string());
    setup.clusters.insert(format!("outbound|443||{HOST}"));
    let mut host = crate::host::Host::start(setup);
    host.advance(SECOND);
    assert_eq!(host.callouts()[0].cluster, format!("outbound|443||{HOST}"));
    assert!(host.refused_callouts().is_empty());
}

#[test]
fn a_request_that_comes_early_waits_and_passes_when_the_keys_come() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_allowed(stream);
    assert!(host.decided_after(stream) <= 200 * MILLISECOND, "{:?}", host.decided_after(stream));
    assert_eq!(host.callouts().len(), 2, "a waiting request starts no fetch of its own");
}

#[test]
fn a_request_that_waits_is_decided_on_its_merits() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let expired = token_but(rsa_key(), &json!({ "exp": 1_789_999_999 }));
    let good = token(rsa_key());
    let expired = host.request(Request::with_token(&expired));
    let good = host.request(Request::with_token(&good));
    host.advance(SECOND);
    host.assert_refused(expired, 401, "TokenExpired");
    host.assert_allowed(good);
}

#[test]
fn one_fetch_answers_all_who_wait() {
    let provider = Provider::new(&[rsa_key(), ec_key()]);
    let mut host = provider.host();
    let tokens = [token(rsa_key()), token(ec_key())];
    let streams: Vec<_> = (0..200).map(|n| host.request(Request::with_token(&tokens[n % 2]))).collect();
    for stream in &streams {
        host.assert_paused(*stream);
    }
    host.advance(SECOND);
    for stream in streams {
        host.assert_allowed(stream);
    }
    assert_eq!(host.callouts().len(), 2);
}

#[test]
fn a_rush_of_requests_does_not_hold_up_the_fetch() {
    // Envoy starts the timer anew whenever its period is set: who sets it for each request, several in a
    // millisecond, never sees it run out.
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let good = token(rsa_key());
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(host.request(Request::with_token(&good)));
        host.advance(MILLISECOND / 2);
    }
    let fetched = host.callouts().first().map(|callout| callout.at - crate::host::START);
    assert!(fetched.is_some_and(|after| after <= 20 * MILLISECOND), "the fetch began after {fetched:?}");
    host.advance(SECOND);
    for stream in streams {
        host.assert_allowed(stream);
    }
}

#[test]
fn a_client_that_leaves_is_forgotten_and_the_others_are_served() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host();
    let good = token(rsa_key());
    // The first of them is the one that would own the fetch, if a request could own one.
    let first = host.request(Request::with_token(&good));
    let second = host.request(Request::with_token(&good));
    host.advance(500 * MILLISECOND);
    let third = host.request(Request::with_token(&good));
    let fourth = host.request(Request::with_token(&good));
    host.close(first);
    host.close(third);
    host.advance(3 * SECOND);
    host.assert_allowed(second);
    host.assert_allowed(fourth);
}

#[test]
fn body_and_trailers_wait_with_their_request() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let stream = host.request(Request::with_token(&token(rsa_key())).post());
    host.assert_paused(stream);
    assert!(!host.body(stream, b"{\"order\":", false), "a piece of the body passed before the decision");
    assert!(!host.body(stream, b"1}", false), "a piece of the body passed before the decision");
    assert!(!host.trailers(stream), "the trailers passed before the decision");
    host.assert_paused(stream);
    host.advance(SECOND);
    host.assert_allowed(stream);
    assert!(host.body(stream, b"more", true), "after the decision the body passes");
    assert!(host.trailers(stream), "after the decision the trailers pass");
}

#[test]
fn body_and_trailers_of_a_decided_request_pass() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let stream = host.request(Request::with_token(&token(rsa_key())).post());
    host.assert_allowed(stream);
    assert!(host.body(stream, b"body", true));
    assert!(host.trailers(stream));
}

#[test]
fn what_needs_no_key_is_decided_without_keys() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    let unsigned = rsa_key().sign_raw(br#"{"alg":"none"}"#, b"{}").unwrap();
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let hmac = SigningKey::generate(Algorithm::Hs256).unwrap();
    let good = token(rsa_key());
    for (request, reason) in [
        (Request::get("/orders"), "TokenNotPresent"),
        (Request::get("/orders").header("authorization", "Basic dXNlcjpwYXNzd29yZA=="), "TokenNotPresent"),
        (Request::with_token(""), "TokenNotPresent"),
        (Request::with_token("nonsense"), "JwtInvalid"),
        (Request::with_token("a.b.c"), "JwtInvalid"),
        (Request::with_token(&good).bearer(&good), "JwtInvalid"),
        (Request::with_token(&format!("{unsigned}.")), "TokenAlgorithmNotAllowed"),
        (Request::with_token(&token(&hmac)), "TokenAlgorithmNotAllowed"),
        (
            Request::with_token(&rsa_key().sign(&json!({ "alg": "ES256K" }), &json!({})).unwrap()),
            "TokenAlgorithmNotAllowed",
        ),
    ] {
        let stream = host.request(request);
        host.assert_refused(stream, 401, reason);
    }
    assert!(host.callouts().is_empty());
}

#[test]
fn a_request_that_waits_is_answered_when_the_fetch_fails() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_keys(Answer::http(500, "text/plain", "oops"));
    let mut host = provider.host();
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_paused(stream);
    host.advance_until("both callouts are out", SECOND, |host| host.callouts().len() == 2);
    let waited = host.advance_until("the request is answered", SECOND, |host| !host.is_paused(stream));
    assert!(waited <= Duration::from_millis(50), "{waited:?} after the fetch began to fail");
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
}
