//! `require-signed-tokens: false`.

use super::*;
use crate::trial::unsigned;

/// A policy that takes unsigned tokens, with one `openid-config` and these `issuers`.
fn lenient(issuers: &[&str]) -> Value {
    let mut document = configuration(&["https://a.example/x"], issuers);
    document["validate-jwt"]["require-signed-tokens"] = json!(false);
    document
}

fn world(document: &Value) -> World {
    let mut world = World::new(document);
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    world
}

#[test]
fn an_unsigned_token_passes_by_permission_alone() {
    let good = unsigned("none", &claims("https://a.example"), "");
    assert!(world(&lenient(&[])).passes(&good));
    assert_eq!(one_provider().0.rejection(&good), Rejection::AlgorithmNotAllowed);
    let mut named = lenient(&[]);
    named["options"] = json!({ "algorithms": ["RS256"] });
    assert!(world(&named).passes(&good), "`none` is not among the algorithms, and need not be");
}

#[test]
fn what_says_that_it_is_unsigned_has_no_signature() {
    let world = world(&lenient(&[]));
    let claims = claims("https://a.example");
    let signature = Signer::new(1).token(&claims).rsplit_once('.').unwrap().1.to_owned();
    for signature in ["AA", &*signature] {
        assert_eq!(world.rejection(&unsigned("none", &claims, signature)), Rejection::SignatureInvalid);
    }
    for algorithm in ["None", "NONE", "nOnE", "", "none "] {
        let token = unsigned(algorithm, &claims, "");
        assert_eq!(world.rejection(&token), Rejection::AlgorithmNotAllowed, "{algorithm}");
    }
    let header = json!({ "alg": "EdDSA", "kid": "key-1" });
    let stripped = Signer::new(1).token_with(&header, &claims);
    let stripped = format!("{}.", stripped.rsplit_once('.').unwrap().0);
    assert_eq!(world.rejection(&stripped), Rejection::SignatureInvalid, "it says that it is signed");
}

#[test]
fn signed_tokens_are_verified_all_the_same() {
    let world = world(&lenient(&[]));
    assert!(world.passes(&Signer::new(1).token(&claims("https://a.example"))));
    let forged = Signer { key_id: "key-1".into(), ..Signer::new(2) }.token(&claims("https://a.example"));
    assert_eq!(world.rejection(&forged), Rejection::SignatureInvalid);
}

#[test]
fn the_issuer_of_an_unsigned_token_is_checked() {
    let not_listed = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
    let token = |iss: &str| unsigned("none", &claims(iss), "");
    for (issuers, iss, expected) in [
        (&[][..], "https://a.example", None),
        (&[], "https://b.example", Some(not_listed.clone())),
        (&["https://b.example"], "https://b.example", None),
        (&["https://b.example"], "https://a.example", None),
        (&["https://b.example"], "https://c.example", Some(not_listed)),
    ] {
        let world = world(&lenient(issuers));
        match expected {
            None => assert!(world.passes(&token(iss)), "{issuers:?} {iss}"),
            Some(expected) => assert_eq!(world.rejection(&token(iss)), expected, "{issuers:?} {iss}"),
        }
    }
    let absent = unsigned("none", &json!({ "exp": NOW + 600 }), "");
    assert_eq!(world(&lenient(&[])).rejection(&absent), Rejection::IssuerNotAllowed(IssuerFault::Absent));
}

#[test]
fn an_unsigned_token_waits_for_whoever_knows_its_issuer() {
    let mut world = World::new(&lenient(&["https://b.example"]));
    let known = unsigned("none", &claims("https://b.example"), "");
    assert!(world.passes(&known), "a listed issuer needs nobody");
    let token = unsigned("none", &claims("https://a.example"), "");
    assert_eq!(wish(world.validate(&token)), Wish::pending(set(&[0])));
    world.serve(|_| None);
    assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable);
}

#[test]
fn the_claims_of_an_unsigned_token_are_checked() {
    let mut document = json!({ "validate-jwt": {
        "header-name": "Authorization",
        "require-signed-tokens": false,
        "audiences": ["api"],
    } });
    let world = World::new(&document);
    let token = |claims: Value| unsigned("none", &claims, "");
    assert!(world.passes(&token(json!({ "aud": "api", "exp": NOW + 1 }))), "no key, and no issuer to check");
    assert_eq!(world.rejection(&token(json!({ "aud": "x", "exp": NOW + 1 }))), Rejection::AudienceNotAllowed);
    assert_eq!(world.rejection(&token(json!({ "aud": "api" }))), Rejection::ExpirationMissing);
    document["options"] = json!({ "token-types": ["at+jwt"] });
    let typed = World::new(&document);
    assert_eq!(typed.rejection(&token(json!({ "aud": "api", "exp": NOW + 1 }))), Rejection::TypeNotAllowed);
}
