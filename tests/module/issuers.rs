//! Which keys may vouch for which issuer.

use crate::host::{Answer, Host, Reaction, Request, StreamId};
use crate::provider::{
    HOST, ISSUER, MILLISECOND, Provider, SECOND, ec_key, next_rsa_key, policy, rsa_key, token, token_but,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Where the second provider of these tests is.
pub(crate) const OTHER_HOST: &str = "accounts.example.org";
/// The issuer that it names.
pub(crate) const OTHER_ISSUER: &str = "https://accounts.example.org/";

/// A second provider at [`OTHER_HOST`], with these keys, which names that issuer.
pub(crate) fn other(keys: &[&SigningKey], issuer: &str) -> Provider {
    let provider = Provider::new(keys);
    provider.set_metadata("issuer", json!(issuer));
    provider.set_metadata("jwks_uri", json!(format!("https://{OTHER_HOST}{}", crate::provider::KEYS)));
    provider
}

/// A policy that trusts both.
pub(crate) fn both_policies() -> Value {
    let mut policy = policy();
    policy["validate-jwt"]["openid-config"] = json!([
        { "url": format!("https://{HOST}{}", crate::provider::DISCOVERY) },
        { "url": format!("https://{OTHER_HOST}{}", crate::provider::DISCOVERY) },
    ]);
    policy["clusters"] = json!({ HOST: "idp", OTHER_HOST: "other" });
    policy
}

/// A host that trusts both; each is asked at its own host only.
pub(crate) fn host_of_both(policy: &Value, first: &Provider, second: &Provider) -> Host {
    let mut setup = first.setup(policy);
    setup.clusters.insert("other".to_owned());
    let (mut first, mut second) = (first.script(), second.script());
    setup.script = Box::new(move |callout| {
        let script = if callout.cluster == "other" { &mut second } else { &mut first };
        script(callout)
    });
    Host::start(setup)
}

fn send(host: &mut Host, key: &SigningKey, issuer: &str) -> StreamId {
    host.request(Request::with_token(&token_but(key, &json!({ "iss": issuer }))))
}

#[test]
fn each_provider_vouches_for_its_own_issuer_only() {
    let mut host =
        host_of_both(&both_policies(), &Provider::new(&[rsa_key()]), &other(&[ec_key()], OTHER_ISSUER));
    host.advance(SECOND);
    let first = send(&mut host, rsa_key(), ISSUER);
    let second = send(&mut host, ec_key(), OTHER_ISSUER);
    host.assert_allowed(first);
    host.assert_allowed(second);
    let crossed = [send(&mut host, ec_key(), ISSUER), send(&mut host, rsa_key(), OTHER_ISSUER)];
    host.advance(SECOND);
    for stream in crossed {
        host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
    }
}

#[test]
fn an_unknown_kid_asks_only_the_provider_that_its_issuer_selects() {
    let mut host =
        host_of_both(&both_policies(), &Provider::new(&[rsa_key()]), &other(&[ec_key()], OTHER_ISSUER));
    host.advance(SECOND);
    let before = host.callouts().len();
    let stream = send(&mut host, next_rsa_key(), OTHER_ISSUER);
    host.advance(SECOND);
    host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
    let asked: Vec<_> = host.callouts()[before..].iter().map(|callout| callout.cluster.as_str()).collect();
    assert_eq!(asked, ["other", "other"]);
}

#[test]
fn one_provider_that_is_down_does_not_hold_up_the_other_s_tokens() {
    let first = Provider::new(&[rsa_key()]);
    let second = other(&[ec_key()], OTHER_ISSUER);
    second.break_discovery(Answer::Never);
    let mut host = host_of_both(&both_policies(), &first, &second);
    let early = send(&mut host, rsa_key(), ISSUER);
    host.advance(300 * MILLISECOND);
    host.assert_allowed(early);
    // Nobody can say yet whose issuer this is.
    let unknown = send(&mut host, ec_key(), OTHER_ISSUER);
    host.advance(10 * SECOND);
    host.assert_refused(unknown, 503, "DiscoveryUnavailable");
    second.heal();
    host.advance(40 * SECOND);
    let known = send(&mut host, ec_key(), OTHER_ISSUER);
    host.assert_allowed(known);
}

#[test]
fn a_provider_may_not_name_an_issuer_on_the_host_of_another() {
    let evil = other(&[ec_key()], ISSUER);
    let mut host = host_of_both(&both_policies(), &Provider::new(&[rsa_key()]), &evil);
    host.advance(5 * SECOND);
    let good = send(&mut host, rsa_key(), ISSUER);
    host.assert_allowed(good);
    let forged = send(&mut host, ec_key(), ISSUER);
    host.advance(10 * SECOND);
    host.assert_refused(forged, 401, "TokenSignatureKeyNotFound");
}

#[test]
fn explicit_issuers_and_those_of_the_metadata_are_one_set() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    let legacy = format!("https://{HOST}/legacy/");
    policy["validate-jwt"]["issuers"] = json!([legacy, "https://sts.example.net/contoso/"]);
    let mut host = provider.warm_host_with(&policy);
    for issuer in [ISSUER, &legacy, "https://sts.example.net/contoso/"] {
        let stream = send(&mut host, rsa_key(), issuer);
        host.about = issuer.to_owned();
        host.assert_allowed(stream);
    }
    for issuer in [
        "https://sts.example.net/contoso",
        "https://login.example.com/contoso/v2.0/",
        "https://LOGIN.example.com/contoso/v2.0",
        "https://sts.example.net/fabrikam/",
        "http://sts.example.net/contoso/",
    ] {
        let stream = send(&mut host, rsa_key(), issuer);
        host.about = issuer.to_owned();
        host.assert_refused(stream, 401, "TokenIssuerNotAllowed");
    }
}

#[test]
fn on_several_hosts_an_issuer_that_only_the_list_names_is_nobody_s() {
    let mut policy = both_policies();
    policy["validate-jwt"]["issuers"] =
        json!(["https://elsewhere.example.net/", "https://login.example.com/old/"]);
    let mut host = host_of_both(&policy, &Provider::new(&[rsa_key()]), &other(&[ec_key()], OTHER_ISSUER));
    host.advance(SECOND);
    for key in [rsa_key(), ec_key()] {
        let stream = send(&mut host, key, "https://elsewhere.example.net/");
        host.advance(SECOND);
        host.assert_refused(stream, 401, "TokenIssuerNotAllowed");
    }
    // On the host of one of them, it is that one's.
    let own = send(&mut host, rsa_key(), "https://login.example.com/old/");
    host.assert_allowed(own);
    let crossed = send(&mut host, ec_key(), "https://login.example.com/old/");
    host.advance(SECOND);
    host.assert_refused(crossed, 401, "TokenSignatureKeyNotFound");
}

#[test]
fn the_issuer_of_a_key_counts() {
    let provider = Provider::new(&[]);
    provider.set_metadata("issuer", json!("https://login.example.com/{tenantid}/v2.0"));
    let with_issuer = |key: &SigningKey, issuer: &str| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk["issuer"] = json!(issuer);
        jwk
    };
    provider.set_jwks(vec![
        with_issuer(rsa_key(), "https://login.example.com/{tenantid}/v2.0"),
        with_issuer(next_rsa_key(), "https://login.example.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
    ]);
    let mut host = provider.warm_host();
    let tenant = "11111111-2222-3333-4444-555555555555";
    let token = |key: &SigningKey, issuer_tenant: &str, tid: &str| {
        let issuer = format!("https://login.example.com/{issuer_tenant}/v2.0");
        token_but(key, &json!({ "iss": issuer, "tid": tid }))
    };
    let good = host.request(Request::with_token(&token(rsa_key(), tenant, tenant)));
    host.assert_allowed(good);
    let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let good = host.request(Request::with_token(&token(next_rsa_key(), consumers, consumers)));
    host.assert_allowed(good);
    let literal = host.request(Request::with_token(&token(rsa_key(), "{tenantid}", tenant)));
    host.advance(SECOND);
    host.assert_refused(literal, 401, "TokenIssuerNotAllowed");
    let other_tenant = host.request(Request::with_token(&token(rsa_key(), tenant, consumers)));
    host.advance(SECOND);
    host.assert_refused(other_tenant, 401, "TokenIssuerNotAllowed");
    let key_of_consumers = host.request(Request::with_token(&token(next_rsa_key(), tenant, tenant)));
    host.advance(SECOND);
    let reasons = ["TokenSignatureKeyNotFound", "TokenIssuerNotAllowed"];
    host.assert_refused_for_one_of(key_of_consumers, 401, &reasons);
}

#[test]
fn inline_keys_need_no_provider() {
    let secret = SigningKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap().with_kid("inline");
    let (n, e) = rsa_key().rsa_n_e().unwrap();
    let mut policy = policy();
    let members = policy["validate-jwt"].as_object_mut().unwrap();
    members.remove("openid-config");
    members.insert(
        "issuer-signing-keys".to_owned(),
        json!([{ "value": STANDARD.encode([7; 32]) }, { "id": "inline-rsa", "n": n, "e": e }]),
    );
    policy.as_object_mut().unwrap().remove("clusters");
    let mut host = Provider::new(&[]).host_with(&policy);
    // Each inline key is tried when none has the token's kid.
    for key in [&secret, rsa_key(), &rsa_key().clone().with_kid("inline-rsa"), &secret.clone().without_kid()]
    {
        let stream = host.request(Request::with_token(&token(key)));
        host.about = format!("{key:?}");
        host.assert_allowed(stream);
    }
    let stranger = SigningKey::from_secret(Algorithm::Hs256, &[8; 32]).unwrap().with_kid("inline");
    let forged = host.request(Request::with_token(&token(&stranger)));
    host.assert_refused(forged, 401, "TokenSignatureInvalid");
    // 32 bytes serve no HS384.
    let longer = SigningKey::from_secret(Algorithm::Hs384, &[7; 32]).unwrap();
    let longer = host.request(Request::with_token(&token(&longer)));
    host.assert_refused_for_one_of(
        longer,
        401,
        &["TokenSignatureKeyNotFound", "TokenAlgorithmNotAllowed", "TokenSignatureInvalid"],
    );
    host.advance(10 * SECOND);
    assert!(host.callouts().is_empty());
}

#[test]
fn an_rsa_key_is_no_secret() {
    // The classic confusion: HS256 over the text of the public key.
    let (n, _) = rsa_key().rsa_n_e().unwrap();
    let confused = SigningKey::from_secret(Algorithm::Hs256, n.as_bytes()).unwrap().with_kid("rsa-1");
    let mut host = Provider::new(&[rsa_key()]).warm_host();
    let stream = host.request(Request::with_token(&token(&confused)));
    host.assert_refused(stream, 401, "TokenAlgorithmNotAllowed");

    let mut policy = policy();
    policy["validate-jwt"]["issuer-signing-keys"] = json!([{ "value": STANDARD.encode([7; 32]) }]);
    let mut host = Provider::new(&[rsa_key()]).warm_host_with(&policy);
    let stream = host.request(Request::with_token(&token(&confused)));
    host.advance(SECOND);
    host.assert_refused_for_one_of(stream, 401, &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"]);
}

#[test]
fn a_document_that_comes_late_decides_for_those_who_wait() {
    let first = Provider::new(&[rsa_key()]);
    let second = other(&[ec_key()], OTHER_ISSUER);
    let mut host = host_of_both(&both_policies(), &first, &second);
    let (mut fast, mut slow) = (first.script(), second.script());
    host.set_script(Box::new(move |callout| {
        let is_slow = callout.cluster == "other";
        let reaction = if is_slow { slow(callout)? } else { fast(callout)? };
        Some(Reaction { latency: if is_slow { 2 * SECOND } else { reaction.latency }, ..reaction })
    }));
    let waits_for_second = send(&mut host, ec_key(), OTHER_ISSUER);
    let waits_for_first = send(&mut host, rsa_key(), ISSUER);
    let nobody_s = send(&mut host, ec_key(), "https://evil.example/");
    host.advance(SECOND);
    host.assert_allowed(waits_for_first);
    host.assert_paused(waits_for_second);
    host.advance(4 * SECOND);
    host.assert_allowed(waits_for_second);
    host.assert_refused(nobody_s, 401, "TokenIssuerNotAllowed");
}

#[test]
fn a_fetch_that_starts_when_requests_are_woken_is_the_roots_own() {
    let (first, second) = (Provider::new(&[rsa_key()]), other(&[ec_key()], OTHER_ISSUER));
    first.break_discovery(Answer::Lost);
    second.set_latency(Duration::ZERO);
    let mut policy = both_policies();
    // The second provider's refresh is due in the tick that gives the first one's fetch up: 5 s and a second's grace.
    policy["fetch"] = json!({ "refresh-interval": "6s" });
    let mut host = host_of_both(&policy, &first, &second);
    let waiting = send(&mut host, rsa_key(), ISSUER);
    host.advance(5 * SECOND);
    host.assert_paused(waiting);
    let before = host.callouts().len();
    host.advance(2 * SECOND);
    host.assert_refused(waiting, 503, "DiscoveryUnavailable");
    let others: Vec<_> =
        host.callouts()[before..].iter().filter(|callout| callout.cluster == "other").cloned().collect();
    assert!(!others.is_empty(), "the refresh was due");
    assert!(others.iter().all(|callout| callout.by == callout.root), "{others:?}");
}
