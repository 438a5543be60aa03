//! The checks of each request in the log, at the level `trace`: for who asks for them, and for nobody else.

use crate::host::{Host, Level, Request};
use crate::provider::{Provider, policy, rsa_key, token, token_but};
use serde_json::json;

/// The lines of the level `trace`, after a good token and one for another audience.
fn traced(environment: &[(&str, &str)]) -> Vec<String> {
    let provider = Provider::new(&[rsa_key()]);
    let mut setup = provider.setup(&policy());
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    setup.environment = environment.iter().map(owned).collect();
    let mut host = Host::start(setup);
    host.warm_up();
    let good = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(good);
    let bad = host.request(Request::with_token(&token_but(rsa_key(), &json!({ "aud": "other" }))));
    host.assert_refused(bad, 401, "TokenAudienceNotAllowed");
    let lines = host.log().iter().filter(|line| line.level == Level::Trace);
    lines.map(|line| line.text.clone()).collect()
}

#[test]
fn the_checks_of_each_request_are_logged_where_the_environment_asks_for_it() {
    let before = "checks of policy validate-jwt: token pass, size pass, structure pass, alg pass, iss pass, key pass, \
                  signature pass, exp pass, aud ";
    let lines = traced(&[("VALIDATE_JWT_LOG", "trace")]);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with(&format!("{before}pass")), "{}", lines[0]);
    assert!(lines[1].starts_with(&format!("{before}FAIL (no `aud` is in `audiences`)")), "{}", lines[1]);
}

#[test]
fn nothing_is_traced_unless_it_is_asked_for() {
    for environment in [&[][..], &[("VALIDATE_JWT_LOG", "info")]] {
        assert!(traced(environment).is_empty());
    }
}
