//! Requests that come before the keys: they wait, whole and unseen by the upstream, and nobody pays for another's
//! hanging up.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::with;
use crate::support::deadline::wait_until;
use crate::support::envoy::{Answered, Envoy};
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use crate::support::light_and_dark::{LightAndDark, claims, policy};
use crate::support::verdict::Refusal;
use serde_json::json;
use std::thread;

/// More than Envoy buffers for a stream, so that a part of the body waits in the client.
const BEYOND_BUFFERS: usize = 3_000_000;
/// Many reads, yet little enough for Envoy to hold where it would answer 413 to more.
const WITHIN_BUFFERS: usize = 500_000;
const SMALL: usize = 300;

#[test]
fn requests_wait_for_the_keys_and_then_arrive_whole() {
    wait_and_arrive(&Setup::new(), BEYOND_BUFFERS);
}

#[test]
fn requests_wait_whole_where_envoy_would_let_the_body_pass() {
    wait_and_arrive(&Setup::new().body_passes_waiting_heads(), WITHIN_BUFFERS);
}

fn wait_and_arrive(setup: &Setup, large: usize) {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("gated.example");
    authority.publish(&provider);
    let gate = Gate::default();
    let held = Answer::json(&authority.key_set()).behind(&gate);
    provider.set(&authority.keys_host, &authority.keys_path, held);
    // The test, not the clock, ends the wait.
    let policy = with(&policy(&authority), "fetch", json!({ "timeout": "1m" }));
    let setup = setup.clone().cluster("provider", provider.address()).listener("api", policy);
    let envoy = Envoy::start(&setup);
    let asked = || provider.calls(&authority.keys_host, &authority.keys_path);
    wait_until("the filter asks for keys", || !asked().is_empty());

    let good = authority.token(&claims(&authority));
    let stranger = Authority::plain("gated.example").token(&claims(&authority));
    let body = |size: usize| -> Vec<u8> { (0..=255).cycle().take(size).collect() };
    let post = |token: &str, size| Request::new("POST", "/orders?a=%20b").bearer(token).body(body(size));

    let quitter = envoy.begin("api", post(&good, SMALL));
    let quitter_id = quitter.id.clone();
    let early = envoy.begin("api", Request::get("/early").bearer(&good));
    let small = envoy.begin("api", post(&good, SMALL));
    let forged = envoy.begin("api", post(&stranger, SMALL));
    let call = envoy.begin(
        "api",
        Request::get("/pkg.Service/Call").header("content-type", "application/grpc").bearer(&good),
    );
    thread::scope(|scope| {
        // Each may fill the buffers before it and then block, so it needs a thread of its own.
        let accepted = scope.spawn(|| envoy.send("api", post(&good, large)));
        let refused = scope.spawn(|| envoy.send("api", post(&stranger, large)));

        let waiting = || envoy.statistics("http.api.downstream_rq_active")["http.api.downstream_rq_active"];
        wait_until("seven requests wait", || waiting() == 7);
        drop(quitter);
        wait_until("the client that hung up is gone", || waiting() == 6);
        for pending in [&early, &small, &forged, &call] {
            assert!(pending.connection.is_silent(), "an answer before the keys were there");
            assert!(envoy.upstream().seen(&pending.id).is_none(), "the upstream saw an unchecked request");
        }
        gate.open();

        let forgery = Refusal::of("TokenSignatureKeyNotFound");
        for pending in [early, small, call] {
            arrived(&envoy, &envoy.finish(pending));
        }
        let accepted = accepted.join().unwrap();
        arrived(&envoy, &accepted);
        assert_eq!(envoy.upstream().seen(&accepted.id).unwrap().body, body(large));
        let forged = envoy.finish(forged);
        envoy.judge(&forged, Some(forgery)).unwrap_or_else(|wrong| panic!("{wrong}"));
        let refused = refused.join().unwrap();
        envoy.judge(&refused, Some(forgery)).unwrap_or_else(|wrong| panic!("{wrong}"));
    });
    assert!(envoy.upstream().seen(&quitter_id).is_none(), "a request without a client was sent on");
    let calls = asked();
    envoy.passes("api", post(&good, SMALL));
    assert_eq!(asked().len(), calls.len(), "a request with a known key fetched keys");
    for call in calls {
        assert_eq!(call.headers.text("accept"), Some("application/json"));
        assert!(call.headers.text("user-agent").is_some_and(|agent| agent.starts_with("validate-jwt/")));
    }
}

/// The upstream got it, headers and body as they were sent.
fn arrived(envoy: &Envoy, answered: &Answered) {
    envoy.judge(answered, None).unwrap_or_else(|wrong| panic!("{wrong}"));
    let seen = envoy.upstream().seen(&answered.id).unwrap();
    assert_eq!(seen.body, answered.response.body);
    assert!(seen.headers.text("authorization").is_some_and(|value| value.starts_with("Bearer ey")));
    match seen.method.as_str() {
        "POST" => assert_eq!((seen.target.as_str(), seen.body.is_empty()), ("/orders?a=%20b", false)),
        method => assert_eq!((method, seen.body.len()), ("GET", 0)),
    }
}

#[test]
fn grpc_clients_are_answered_in_grpc() {
    let LightAndDark { envoy, light, dark, .. } = &LightAndDark::start();
    let call = || {
        Request::new("POST", "/pkg.Service/Call")
            .header("content-type", "application/grpc+proto")
            .header("te", "trailers")
            .body([0, 0, 0, 0, 0])
    };
    let good = claims(light);
    let other_role = light.token(&with(&good, "roles", json!(["Other"])));

    envoy.passes("api", call().bearer(&light.token(&good)));
    let unavailable = call().bearer(&dark.token(&claims(dark)));
    for (listener, request, status, message, reason) in [
        ("api", call(), "16", "JWT not present.", "TokenNotPresent"),
        ("api", call().header("authorization", "Bearer x"), "16", "Invalid JWT.", "JwtInvalid"),
        ("api", call().bearer(&other_role), "7", "Invalid JWT.", "TokenClaimValueNotAllowed"),
        ("dark", unavailable, "14", "Service unavailable.", "DiscoveryUnavailable"),
    ] {
        let answered = envoy.send(listener, request);
        let headers = &answered.response.headers;
        assert_eq!(answered.response.status, 200, "{reason}");
        assert_eq!(headers.text("content-type"), Some("application/grpc"), "{reason}");
        assert_eq!(headers.text("grpc-status"), Some(status), "{reason}");
        assert_eq!(headers.text("grpc-message"), Some(message), "{reason}");
        assert!(answered.response.body.is_empty(), "{reason}");
        assert_eq!(envoy.details(&answered.id), format!("validate_jwt{{{reason}}}"));
        assert!(envoy.upstream().seen(&answered.id).is_none(), "{reason}");
    }
}
