//! The identity provider is down, slow or lying: 503 while there are no keys, service as long as there are, and
//! recovery without a restart.

mod faults;

use self::faults::{ELSEWHERE, FAULTS, FETCH_TIMEOUT, Fault, OTHER_ISSUER};
use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::in_force;
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, IdentityProvider};
use crate::support::verdict::{Case, Refusal};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

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
    let provider = IdentityProvider::start();
    let mut setup = Setup::new().cluster("provider", provider.address()).empty_cluster("empty");
    let mut authorities = Vec::new();
    for fault in FAULTS {
        let authority = Authority::plain(&format!("{}.example", fault.name));
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
    for fault in FAULTS.into_iter().chain([OTHER_ISSUER]) {
        let authority = Authority::plain(&format!("{}.example", fault.name));
        authority.publish(&provider);
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
    OTHER_ISSUER.set(&provider, &authority);
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
