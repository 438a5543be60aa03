//! Tokens that are not verified again.

use super::*;
use crate::token_cache::TokenCache;

const URL: &str = "https://a.example/.well-known/openid-configuration";

/// A policy with one key of its own, and more members.
fn inline(signer: &Signer, more: &Value) -> World {
    let mut policy =
        json!({ "header-name": "Authorization", "issuer-signing-keys": [{ "jwk": signer.jwk() }] });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    World::new(&json!({ "validate-jwt": policy }))
}

fn head(world: &World, token: &str, host: &str) -> Outcome {
    let headers =
        crate::trial::headers(&[("authorization", &format!("Bearer {token}")), (":authority", host)]);
    world.validate_head(RequestHead::new(&headers), Waited::default())
}

#[test]
fn a_token_that_comes_again_is_not_verified_again() {
    let (signer, other) = (Signer::new(1), Signer { key_id: "key-1".into(), ..Signer::new(2) });
    let world = inline(&signer, &json!({}));
    let token = signer.token(&claims("https://a.example"));
    assert!(world.passes(&token));
    // Its key is not here: it passes for having been verified before, and nothing else does.
    let mut forgetful = inline(&other, &json!({}));
    assert_eq!(forgetful.rejection(&token), Rejection::SignatureInvalid);
    forgetful.cache = world.cache;
    assert!(forgetful.passes(&token));
    let twin = signer.token(&json!({ "iss": "https://a.example", "exp": NOW + 601 }));
    assert_eq!(forgetful.rejection(&twin), Rejection::SignatureInvalid);
    // A signature that is not the verified one, under the same content.
    let forged = other.token(&claims("https://a.example"));
    assert!(forgetful.passes(&forged), "its own key");
    let (content, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = forged.rsplit_once('.').unwrap();
    let mixed = format!("{content}.{}", signature.replacen(|first: char| first != 'A', "A", 1));
    assert_eq!(forgetful.rejection(&mixed), Rejection::SignatureInvalid);
}

#[test]
fn dates_are_checked_each_time() {
    let signer = Signer::new(1);
    let mut world = inline(&signer, &json!({ "clock-skew": 10 }));
    let token = signer.token(&json!({ "iss": "https://a.example", "nbf": NOW, "exp": NOW + 60 }));
    assert!(world.passes(&token));
    world.now = Timestamp::from_millis((NOW + 70) * 1000 - 1);
    assert!(world.passes(&token));
    world.now = Timestamp::from_secs(NOW + 70);
    assert_eq!(world.rejection(&token).reason(), Reason::TokenExpired);
    world.now = Timestamp::from_secs(NOW - 10);
    assert!(world.passes(&token));
    world.now = Timestamp::from_secs(NOW - 11);
    assert_eq!(world.rejection(&token).reason(), Reason::TokenNotYetValid);
    world.now = Timestamp::UNKNOWN;
    assert_eq!(world.rejection(&token).reason(), Reason::TokenExpired);
}

#[test]
fn what_was_refused_or_not_signed_is_not_kept() {
    let signer = Signer::new(1);
    let world = inline(&signer, &json!({ "audiences": ["api"], "require-signed-tokens": false }));
    for token in [
        signer.token(&claims("https://a.example")),
        signer.token(&json!({ "aud": "api", "exp": NOW })),
        crate::trial::unsigned("none", &json!({ "aud": "other", "exp": NOW + 60 }), ""),
    ] {
        assert!(!world.passes(&token));
    }
    assert!(world.passes(&crate::trial::unsigned("none", &json!({ "aud": "api", "exp": NOW + 60 }), "")));
    assert_eq!(world.cache.bytes(), 0);
    assert!(world.passes(&signer.token(&json!({ "aud": "api", "exp": NOW + 60 }))));
    assert!(world.cache.bytes() > 0);
}

#[test]
fn a_token_is_good_for_the_host_that_it_was_good_for() {
    let signer = Signer::new(1);
    let world = inline(&signer, &json!({ "audiences": ["https://{request-host}", "https://every"] }));
    let audience = |audience: &str| signer.token(&json!({ "aud": audience, "exp": NOW + 60 }));
    let (own, every) = (audience("https://one"), audience("https://every"));
    for _ in 0..2 {
        assert!(matches!(head(&world, &own, "one"), Outcome::Allow(_)));
        assert_eq!(reason(head(&world, &own, "two")), Reason::TokenAudienceNotAllowed);
        for host in ["one", "two", ""] {
            assert!(matches!(head(&world, &every, host), Outcome::Allow(_)), "{host}");
        }
        assert_eq!(reason(head(&world, &own, "")), Reason::TokenAudienceNotAllowed);
    }
}

#[test]
fn a_key_that_is_withdrawn_takes_its_tokens_with_it() {
    let (mut world, old) = one_provider();
    let new = Signer::new(2);
    let token = old.token(&claims("https://a.example"));
    assert!(world.passes(&token) && world.passes(&token));
    let epoch = world.keys.epoch();

    // The same keys again: nothing is forgotten.
    world.pass(Duration::from_hours(2));
    world.serve(|url| Some(one_provider_serves(url, &[&old])));
    assert_eq!(world.keys.epoch(), epoch);

    // A key more, then another set.
    world.pass(Duration::from_hours(2));
    world.serve(|url| Some(one_provider_serves(url, &[&new, &old])));
    assert_ne!(world.keys.epoch(), epoch);
    let late = json!({ "iss": "https://a.example", "exp": NOW + 86_400 });
    let (by_old, by_new) = (old.token(&late), new.token(&late));
    assert!(world.passes(&by_old) && world.passes(&by_new));
    world.pass(Duration::from_hours(2));
    world.serve(|url| Some(one_provider_serves(url, &[&new])));
    assert!(!world.passes(&by_old));
    assert!(world.passes(&by_new));
}

#[test]
fn a_key_that_is_too_old_takes_its_tokens_with_it() {
    let mut configuration = configuration(&[URL], &[]);
    configuration["fetch"] = json!({ "max-stale": "10m" });
    let mut world = World::new(&configuration);
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    let token = signer.token(&json!({ "iss": "https://a.example", "exp": NOW + 86_400 }));
    assert!(world.passes(&token));
    world.pass(Duration::from_mins(10));
    assert!(world.passes(&token));
    world.pass(Duration::from_millis(1));
    assert!(!world.passes(&token));
}

#[test]
fn each_policy_remembers_for_itself() {
    let signer = Signer::new(1);
    let policy = |audience: &str| {
        json!({ "validate-jwt": {
            "header-name": "Authorization", "audiences": [audience], "issuer-signing-keys": [{ "jwk": signer.jwk() }]
        } })
    };
    let world = World::new(&json!({
        "policies": { "one": policy("one"), "two": policy("two") },
        "rules": [
            { "match": { "path-prefix": "/one" }, "policy": "one" },
            { "match": {}, "policy": "two" }
        ],
    }));
    let token = signer.token(&json!({ "aud": "one", "exp": NOW + 60 }));
    for _ in 0..2 {
        for (path, is_allowed) in [("/one", true), ("/two", false)] {
            let authorization = format!("Bearer {token}");
            let headers = crate::trial::headers(&[
                (":path", path),
                (":method", "GET"),
                ("authorization", &authorization),
            ]);
            let decision = world.decide(&headers, Waited::default());
            let passed = matches!(decision, crate::decision::Decision::Allow { .. });
            assert_eq!(passed, is_allowed, "{path}");
        }
    }
}

#[test]
fn a_cache_of_no_bytes_keeps_nothing() {
    let signer = Signer::new(1);
    let mut world = inline(&signer, &json!({}));
    world.cache = TokenCache::new(0);
    let token = signer.token(&claims("https://a.example"));
    assert!(world.passes(&token) && world.passes(&token));
    assert_eq!(world.cache.bytes(), 0);
}
