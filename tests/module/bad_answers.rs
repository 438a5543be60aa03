//! A provider that is down, slow or lying: each fault is survived, replaces no good key, and ends when it is mended.

use crate::host::{Answer, Host, Request};
use crate::provider::{
    DISCOVERY, HOST, KEYS, MILLISECOND, MINUTE, Provider, SECOND, next_rsa_key, policy, rsa_key, token,
};
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

/// Faults of an answer that do not depend on what was asked for.
fn faults_of_any_answer(good: &Value) -> Vec<(String, Answer)> {
    let nested = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
    let nested_object = format!("{}1{}", "{\"a\":".repeat(8000), "}".repeat(8000));
    let mut with_nested = good.clone();
    with_nested["extra"] = json!("NESTED");
    let with_nested = with_nested.to_string().replace("\"NESTED\"", &nested);
    let mut large = good.clone();
    large["padding"] = json!("x".repeat(262_145));
    let good = good.to_string();
    let cut_short = &good[..good.len() - 1];
    let faults = [
        ("500", Answer::http(500, "application/json", &good)),
        ("404", Answer::http(404, "application/json", &good)),
        ("429", Answer::http(429, "application/json", &good)),
        ("204", Answer::http(204, "application/json", "")),
        ("302", Answer::http(302, "text/html", "").with_header("location", "https://evil.example/keys")),
        ("302 with a good body", Answer::http(302, "application/json", &good).with_header("location", "/x")),
        ("HTML", Answer::http(200, "text/html", "<!doctype html><title>Sign in</title>")),
        ("nothing", Answer::json("")),
        ("null", Answer::json("null")),
        ("an array", Answer::json("[]")),
        ("a number", Answer::json("1e999")),
        ("an empty object", Answer::json("{}")),
        ("half the JSON", Answer::json(cut_short)),
        ("JSON with a tail", Answer::json(format!("{good} x"))),
        ("no UTF-8", Answer::json(b"{\"issuer\":\"\xff\xfe\",\"keys\":[\"\xff\"]}")),
        ("arrays 8000 deep", Answer::json(nested)),
        ("objects 8000 deep", Answer::json(nested_object)),
        ("arrays 8000 deep beside good members", Answer::json(with_nested)),
        ("more than max-response-bytes", Answer::json(large.to_string())),
        ("10 MB", Answer::json(format!("{good}{}", " ".repeat(10_000_000)))),
        ("cut after the headers", Answer::Cut),
        ("connection refused", Answer::Refused),
        ("no answer", Answer::Never),
        ("no end", Answer::Stalls),
        ("lost by the host", Answer::Lost),
    ];
    faults.map(|(name, answer)| (name.to_owned(), answer)).into()
}

fn faults_of_discovery() -> Vec<(String, Answer)> {
    let good = Provider::new(&[]).metadata();
    let mut faults = faults_of_any_answer(&good);
    let mut changed = |member: &str, value: Value| {
        let mut document = good.clone();
        let members = document.as_object_mut().unwrap();
        members.remove(member);
        let name = format!("{member}: {value}");
        if !value.is_null() {
            members.insert(member.to_owned(), value);
        }
        faults.push((name, Answer::json(document.to_string())));
    };
    for issuer in [Value::Null, json!(""), json!(7), json!(true), json!([]), json!(["https://a"]), json!({})]
    {
        changed("issuer", issuer);
    }
    for uri in [
        format!("http://{HOST}{KEYS}"),
        format!("https://evil.example{KEYS}"),
        format!("https://{HOST}.evil.example{KEYS}"),
        format!("https://{HOST}@evil.example{KEYS}"),
        format!("https://evil.example\\@{HOST}{KEYS}"),
        format!("https://evil.example#@{HOST}{KEYS}"),
        format!("https://{HOST}/keys\r\nx-evil: 1"),
        format!("https://{HOST}/ke ys"),
        format!("//{HOST}{KEYS}"),
        format!("file://{HOST}{KEYS}"),
        "https://".to_owned(),
        "https:///keys".to_owned(),
        "https://:443/keys".to_owned(),
        "https://127.0.0.1/keys".to_owned(),
        "https://[::1]/keys".to_owned(),
        KEYS.to_owned(),
        "keys".to_owned(),
        String::new(),
    ] {
        changed("jwks_uri", json!(uri));
    }
    for uri in [Value::Null, json!(1), json!([format!("https://{HOST}{KEYS}")]), json!({})] {
        changed("jwks_uri", uri);
    }
    faults
}

fn faults_of_keys() -> Vec<(String, Answer)> {
    let mut faults = faults_of_any_answer(&json!({ "keys": [rsa_key().jwk()] }));
    let small = SigningKey::generate_with_rsa_bits(Algorithm::Rs256, 1024).unwrap().jwk();
    let mut encryption = rsa_key().jwk();
    encryption["use"] = json!("enc");
    let mut no_modulus = rsa_key().jwk();
    no_modulus.as_object_mut().unwrap().remove("n");
    let mut bad_modulus = rsa_key().jwk();
    bad_modulus["n"] = json!("!!!");
    let mut exponent = rsa_key().jwk();
    exponent["e"] = json!("AQ");
    let symmetric =
        json!({ "kty": "oct", "kid": "rsa-1", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    for (name, set) in [
        ("no key", json!({ "keys": [] })),
        ("keys are null", json!({ "keys": null })),
        ("keys are an object", json!({ "keys": {} })),
        ("keys are text", json!({ "keys": "rsa" })),
        ("one key beside the point", json!({ "keys": [1, null, "key", [], {}] })),
        ("RSA of 1024 bits only", json!({ "keys": [small] })),
        ("a key for encryption only", json!({ "keys": [encryption] })),
        ("a symmetric key only", json!({ "keys": [symmetric] })),
        ("no modulus", json!({ "keys": [no_modulus] })),
        ("a bad modulus", json!({ "keys": [bad_modulus] })),
        ("an exponent of 1", json!({ "keys": [exponent] })),
        ("a kind of key that nobody knows", json!({ "keys": [{ "kty": "XYZ", "kid": "rsa-1" }] })),
    ] {
        faults.push((name.to_owned(), Answer::json(set.to_string())));
    }
    faults
}

/// A name, and how to bring it about.
pub(crate) type Fault = (String, Box<dyn Fn(&Provider)>);

/// Every fault of an answer, in the discovery document and in the key set.
pub(crate) fn all_faults() -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for (name, answer) in faults_of_discovery() {
        let break_it = move |provider: &Provider| provider.break_discovery(answer.clone());
        faults.push((format!("discovery: {name}"), Box::new(break_it)));
    }
    for (name, answer) in faults_of_keys() {
        let break_it = move |provider: &Provider| provider.break_keys(answer.clone());
        faults.push((format!("keys: {name}"), Box::new(break_it)));
    }
    faults
}

#[track_caller]
fn assert_only_the_provider_was_asked(host: &Host, fault: &str) {
    for callout in host.callouts().iter().chain(host.refused_callouts()) {
        let target = (callout.cluster.as_str(), callout.header(":authority"), callout.header(":path"));
        assert!(
            target.0 == "idp" && target.1 == HOST && (target.2 == DISCOVERY || target.2 == KEYS),
            "{fault}: {target:?}"
        );
    }
}

#[test]
fn at_start_each_is_a_503_until_it_is_mended() {
    for (fault, break_it) in all_faults() {
        let provider = Provider::new(&[rsa_key()]);
        break_it(&provider);
        let mut host = provider.host();
        host.about.clone_from(&fault);
        let good = token(rsa_key());
        let early = host.request(Request::with_token(&good));
        host.advance(20 * SECOND);
        assert!(!host.is_paused(early), "{fault}: nobody answered the request that waited");
        host.assert_refused(early, 503, "DiscoveryUnavailable");
        assert_only_the_provider_was_asked(&host, &fault);
        assert!(host.discovery_fetches() >= 2, "{fault}: not tried again");
        provider.heal();
        host.advance(MINUTE);
        let late = host.request(Request::with_token(&good));
        host.assert_allowed(late);
    }
}

#[test]
fn later_none_of_them_replaces_a_good_key() {
    for (fault, break_it) in all_faults() {
        let provider = Provider::new(&[rsa_key()]);
        let mut policy = policy();
        policy["fetch"] = json!({ "refresh-interval": "2m" });
        let mut host = provider.warm_host_with(&policy);
        host.about.clone_from(&fault);
        break_it(&provider);
        host.advance(5 * MINUTE);
        assert!(host.discovery_fetches() >= 4, "{fault}: not tried again");
        let stream = host.request(Request::with_token(&token(rsa_key())));
        host.assert_allowed(stream);
        assert_only_the_provider_was_asked(&host, &fault);
        provider.heal();
        provider.set_keys(&[next_rsa_key()]);
        host.advance(MINUTE);
        let stream = host.request(Request::with_token(&token(next_rsa_key())));
        host.assert_allowed(stream);
    }
}

#[test]
fn an_answer_that_comes_when_nobody_waits_for_it_any_more_changes_nothing() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::Lost);
    let mut host = provider.host();
    host.advance_until("the second attempt", 20 * SECOND, |host| host.discovery_fetches() == 2);
    let lost = host.callouts()[0].token;
    provider.heal();
    host.advance(MINUTE);
    let before = host.callouts().len();
    host.answer(lost, Answer::json(r#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example"}"#));
    host.advance(MINUTE);
    assert_eq!(host.callouts().len(), before);
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(stream);
}

#[test]
fn a_cluster_that_is_not_there_yet_is_a_503_until_it_is() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.host();
    host.remove_cluster("idp");
    let early = host.request(Request::with_token(&token(rsa_key())));
    host.advance(20 * SECOND);
    host.assert_refused(early, 503, "DiscoveryUnavailable");
    assert!(host.refused_callouts().len() >= 2, "tried again");
    assert!(host.refused_callouts().len() <= 15, "with backoff: {:?}", host.refused_callouts());
    host.add_cluster("idp");
    host.advance(31 * SECOND);
    let late = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(late);
}

#[test]
fn a_cluster_without_endpoints_is_survived_between_document_and_keys_too() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_latency(SECOND);
    let mut host = provider.host();
    host.advance(500 * MILLISECOND);
    assert_eq!(host.discovery_fetches(), 1);
    host.set_endpoint("idp", false);
    let early = host.request(Request::with_token(&token(rsa_key())));
    host.advance(10 * SECOND);
    host.assert_refused(early, 503, "DiscoveryUnavailable");
    host.set_endpoint("idp", true);
    host.advance(40 * SECOND);
    let late = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(late);
}

#[test]
fn one_unusable_key_does_not_spoil_its_set() {
    let provider = Provider::new(&[rsa_key()]);
    let mut set = vec![
        json!(null),
        json!("key"),
        json!({ "kty": 7 }),
        json!({ "kty": "RSA", "kid": "broken", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "kid": "off-curve", "x": "AQ", "y": "AQ" }),
        json!({ "kty": "OKP", "crv": "X448", "kid": "other", "x": "AQ" }),
        json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }),
        json!({ "kty": "RSA", "kid": 5, "n": [], "e": {} }),
    ];
    set.push(rsa_key().jwk());
    provider.set_jwks(set);
    let mut host = provider.warm_host();
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(stream);
}

#[test]
fn keys_may_lie_on_another_host_when_clusters_names_it() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_metadata("jwks_uri", json!(format!("https://keys.example.net{KEYS}")));
    let mut policy = policy();
    policy["clusters"] = json!({ HOST: "idp", "keys.example.net": "keys" });
    let mut setup = provider.setup(&policy);
    setup.clusters.insert("keys".to_owned());
    let mut host = Host::start(setup);
    host.warm_up();
    let keys = &host.callouts()[1];
    assert_eq!((keys.cluster.as_str(), keys.header(":authority").as_str()), ("keys", "keys.example.net"));
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.assert_allowed(stream);
}

#[test]
fn a_default_cluster_does_not_open_other_hosts_to_discovery() {
    let provider = Provider::new(&[rsa_key()]);
    provider.set_metadata("jwks_uri", json!(format!("https://evil.example{KEYS}")));
    let mut policy = policy();
    policy.as_object_mut().unwrap().remove("clusters");
    policy["default-cluster"] = json!("idp");
    let mut host = provider.host_with(&policy);
    let stream = host.request(Request::with_token(&token(rsa_key())));
    host.advance(SECOND);
    host.assert_refused(stream, 503, "DiscoveryUnavailable");
    assert_only_the_provider_was_asked(&host, "default-cluster");
}
