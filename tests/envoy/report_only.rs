//! `options.report-only`: the request goes on at once, whatever its policy thinks of it, and the reason is told.

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with};
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, Gate, IdentityProvider};
use serde_json::{Value, json};

fn policy(authority: &Authority) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
        },
        "options": { "report-only": true, "forward": { "remove-token": true } },
        "default-cluster": "provider",
        "fetch": { "timeout": "1m" },
    })
}

/// The reason under which a request passed; `-` when its token was good.
fn reported(envoy: &Envoy, request: Request) -> String {
    let answered = envoy.passes("api", request);
    envoy.access_log().entry(&answered.id).columns.remove(0)
}

#[test]
fn nobody_waits_and_yet_newer_keys_are_fetched() {
    let provider = IdentityProvider::start();
    let mut authority = Authority::plain("light.example");
    authority.publish(&provider);
    let gate = Gate::default();
    let held = Answer::json(&authority.key_set()).behind(&gate);
    provider.set(&authority.keys_host, &authority.keys_path, held);
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .column("%FILTER_STATE(wasm.validate_jwt:PLAIN)%")
        .listener("api", policy(&authority));
    let envoy = Envoy::start(&setup);
    let asked = || provider.calls("light.example", "/keys").len();
    wait_until("the filter asks for keys", || asked() == 1);
    let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
    let good = Request::get("/").bearer(&authority.token(&claims));
    let post = || Request::new("POST", "/").bearer(&authority.token(&claims)).body("body");

    // The gate is closed: what would wait goes on, with its token.
    let answered = envoy.passes("api", post());
    let seen = envoy.upstream().seen(&answered.id).unwrap();
    assert_eq!((seen.body.as_slice(), seen.headers.all("authorization").len()), (&b"body"[..], 1));
    for _ in 0..20 {
        assert_eq!(reported(&envoy, good.clone()), "DiscoveryUnavailable");
    }
    assert_eq!(reported(&envoy, Request::get("/")), "TokenNotPresent");
    let waiting = envoy.statistics("provider")["wasmcustom.validate_jwt.plugin.api.provider.0.waiting"];
    assert_eq!((waiting, asked()), (0, 1));

    gate.open();
    wait_until("the keys are there", || reported(&envoy, good.clone()) == "-");
    let answered = envoy.passes("api", good.clone());
    assert!(envoy.upstream().seen(&answered.id).unwrap().headers.get("authorization").is_none());
    let expired = authority.token(&with(&claims, "exp", json!(1)));
    assert_eq!(reported(&envoy, Request::get("/").bearer(&expired)), "JwtInvalid");

    // A new key: the first request that has it goes on without it, and is the one that causes the refetch.
    authority.rotate(false);
    let gate = Gate::default();
    let held = Answer::json(&authority.key_set()).behind(&gate);
    provider.set(&authority.keys_host, &authority.keys_path, held);
    let before = asked();
    let newer = Request::get("/").bearer(&authority.token(&claims));
    assert_eq!(reported(&envoy, newer.clone()), "DiscoveryUnavailable");
    wait_until("the refetch", || asked() == before + 1);
    assert_eq!(reported(&envoy, newer.clone()), "DiscoveryUnavailable");
    assert_eq!(reported(&envoy, good), "-");
    gate.open();
    wait_until("the new key is there", || reported(&envoy, newer.clone()) == "-");
    assert_eq!(asked(), before + 1);
}
