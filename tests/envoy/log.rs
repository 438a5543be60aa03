//! What the filter writes into Envoy's log: why it refused, for every reason, and never what would be of use to a thief.

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, with_wrong_signature, without};
use crate::support::deadline::{poll, wait_until};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use serde_json::{Value, json};
use std::time::Duration;

/// A private claim: personal data, and no line needs it.
const PERSON: &str = "somebody-with-a-name@contoso.example";

fn policy(authority: &Authority) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
            "required-claims": [{ "name": "roles", "values": ["Api.Access"] }],
        },
        "default-cluster": "provider",
    })
}

#[test]
fn every_refusal_can_be_logged_and_no_line_holds_a_secret() {
    let provider = IdentityProvider::start();
    let (authority, dark) = (Authority::plain("light.example"), Authority::plain("dark.example"));
    authority.publish(&provider);
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .listener("api", policy(&authority))
        .listener("dark", policy(&dark));
    let envoy = Envoy::start(&setup);
    for member in ["x", "y"] {
        envoy.keep_secret(authority.key().jwk()[member].as_str().unwrap());
    }
    envoy.keep_secret(PERSON);

    let claims = json!({ "iss": authority.issuer, "aud": "api", "roles": ["Api.Access"], "upn": PERSON, "sub": PERSON });
    let claims = in_force(&claims);
    let good = authority.token(&claims);
    let changed = |name: &str, value: Value| authority.token(&with(&claims, name, value));
    let stranger = Authority::plain("light.example");
    let unsigned = json!({ "alg": "none", "kid": authority.key().kid() });
    let cases = [
        ("api", "JwtInvalid", format!("{good}.{good}")),
        ("api", "JwtInvalid", authority.key().sign_raw(br#"{"alg":"ES256"}"#, PERSON.as_bytes()).unwrap()),
        ("api", "TokenAlgorithmNotAllowed", authority.key().sign(&unsigned, &claims).unwrap()),
        ("api", "TokenSignatureKeyNotFound", stranger.token(&claims)),
        ("api", "TokenSignatureInvalid", with_wrong_signature(&good)),
        ("api", "TokenExpired", changed("exp", json!(now() - 60))),
        ("api", "TokenNotYetValid", changed("nbf", json!(now() + 60))),
        ("api", "TokenExpirationMissing", authority.token(&without(&claims, "exp"))),
        ("api", "TokenIssuerNotAllowed", changed("iss", json!(format!("https://{PERSON}/{PERSON}")))),
        ("api", "TokenAudienceNotAllowed", changed("aud", json!(PERSON))),
        ("api", "TokenClaimNotFound", authority.token(&without(&claims, "roles"))),
        ("api", "TokenClaimValueNotAllowed", changed("roles", json!([PERSON]))),
        ("dark", "DiscoveryUnavailable", dark.token(&with(&claims, "iss", json!(dark.issuer)))),
    ];
    for (listener, reason, token) in &cases {
        logs(&envoy, listener, reason, || Request::get("/").bearer(token));
    }
    logs(&envoy, "api", "TokenNotPresent", || Request::get("/"));
    let basic = format!("Basic {PERSON}");
    logs(&envoy, "api", "TokenNotPresent", || Request::get("/").header("authorization", &basic));
}

/// Sends the request until its refusal is in the log: of many in a second, some are left out.
fn logs(envoy: &Envoy, listener: &str, reason: &str, request: impl Fn() -> Request) {
    let line = format!("refused: {reason}");
    let count = || envoy.log().lines().filter(|known| known.contains(&line)).count();
    let before = count();
    wait_until(&format!("a line `{line}`"), || {
        let answered = envoy.send(listener, request());
        assert_eq!(envoy.details(&answered.id), format!("validate_jwt{{{reason}}}"));
        poll(Duration::from_millis(200), || (count() > before).then_some(())).is_some()
    });
}
