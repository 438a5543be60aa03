//! The filter's counters and gauges in Envoy's statistics, against what Envoy itself saw.

use crate::support::authority::{Authority, now};
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, with, with_wrong_signature};
use crate::support::deadline::wait_until;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::IdentityProvider;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn policy(authority: &Authority) -> Value {
    json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "openid-config": [{ "url": authority.configuration_url() }],
            "audiences": ["api"],
        },
        "default-cluster": "provider",
    })
}

#[test]
fn outcomes_are_counted_as_the_access_log_shows_them() {
    let provider = IdentityProvider::start();
    let authority = Authority::plain("light.example");
    authority.publish(&provider);
    let setup = Setup::new().cluster("provider", provider.address()).listener("my.api", policy(&authority));
    let envoy = Envoy::start(&setup);
    let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
    let good = authority.token(&claims);
    let expired = authority.token(&with(&claims, "exp", json!(now() - 1)));
    let bearer = |token: &str| Request::get("/").bearer(token);
    for request in [
        bearer(&good),
        bearer(&good),
        bearer(&good),
        bearer(&expired),
        bearer(&expired),
        bearer(&with_wrong_signature(&good)),
        Request::get("/"),
        Request::get("/").header("authorization", "Bearer x"),
        Request::get("/").header("content-type", "application/grpc"),
    ] {
        // The access log is complete when it holds the last one.
        let answered = envoy.send("my.api", request);
        envoy.details(&answered.id);
    }

    let mut expected = BTreeMap::new();
    for entry in envoy.access_log().entries() {
        let reason = entry.details.strip_prefix("validate_jwt{").and_then(|rest| rest.strip_suffix('}'));
        *expected.entry(reason.unwrap_or("Allowed").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(expected["Allowed"], 3);
    let prefix = "wasmcustom.validate_jwt.plugin.my_api.policy.validate-jwt.outcome.";
    let counted: BTreeMap<String, u64> = envoy
        .statistics("outcome")
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value)))
        .collect();
    assert_eq!(counted, expected);
}

#[test]
fn gauges_show_which_provider_has_keys() {
    let provider = IdentityProvider::start();
    let (light, dark) = (Authority::plain("light.example"), Authority::plain("dark.example"));
    light.publish(&provider);
    let setup = Setup::new()
        .cluster("provider", provider.address())
        .listener("light", policy(&light))
        .listener("dark", policy(&dark));
    let envoy = Envoy::start(&setup);
    let value = |plugin: &str, name: &str| {
        let name = format!("wasmcustom.validate_jwt.plugin.{plugin}.provider.0.{name}");
        envoy.statistics("provider").get(&name).copied()
    };
    wait_until("keys are counted", || value("light", "keys") == Some(1));
    wait_until("a failure is counted", || value("dark", "fetch.Status") >= Some(1));
    assert_eq!(value("light", "ready"), Some(1));
    assert!(value("light", "fetch.Ok") >= Some(1));
    assert_eq!(value("light", "fetch.Status"), None);
    assert_eq!((value("dark", "ready"), value("dark", "keys")), (Some(0), Some(0)));
    assert_eq!(value("dark", "fetch.Ok"), None);
}
