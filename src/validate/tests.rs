use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::{
    keys::{ProviderId, RequestId},
    rejection::{Absence, IssuerFault, Malformed, Reason},
    trial::{
        NOW, OTHER_TENANT, Signer, TENANT, World, claims, configuration, metadata, reason, refetched,
        rejection, set, wish,
    },
};

fn one_provider() -> (World, Signer) {
    let mut world = World::new(&configuration(&["https://a.example/.well-known/openid-configuration"], &[]));
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    (world, signer)
}

fn one_provider_serves(url: &str, signers: &[&Signer]) -> Value {
    match url {
        "https://a.example/keys" => {
            json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() })
        }
        _ => metadata("a.example", "https://a.example"),
    }
}

#[test]
fn a_good_token_passes_and_each_stage_can_refuse() {
    let (world, signer) = one_provider();
    let good = signer.token(&claims("https://a.example"));
    assert!(world.passes(&good));

    let headers = [];
    let nothing = world.validate_head(RequestHead::new(&headers), Waited::default());
    assert_eq!(rejection(nothing), Rejection::NotPresent(Absence::Nothing));

    assert_eq!(world.rejection("a.b"), Rejection::Malformed(Malformed::PartCount));
    for alg in ["none", "HS256", "RS257", "eddsa"] {
        let token = signer.token_with(&json!({ "alg": alg, "kid": "key-1" }), &claims("https://a.example"));
        assert_eq!(world.rejection(&token), Rejection::AlgorithmNotAllowed, "{alg}");
    }
    let other_issuer = signer.token(&claims("https://b.example"));
    assert_eq!(world.rejection(&other_issuer), Rejection::IssuerNotAllowed(IssuerFault::NotListed));
    let no_issuer = signer.token(&json!({ "exp": NOW + 1 }));
    assert_eq!(world.rejection(&no_issuer), Rejection::IssuerNotAllowed(IssuerFault::Absent));
    let forged = Signer { key_id: "key-1".into(), ..Signer::new(2) }.token(&claims("https://a.example"));
    assert_eq!(world.rejection(&forged), Rejection::SignatureInvalid);
    let expired = signer.token(&json!({ "iss": "https://a.example", "exp": NOW }));
    assert_eq!(world.rejection(&expired).reason(), Reason::TokenExpired);
}

#[test]
fn a_refusal_quotes_header_and_issuer_host_only() {
    let (world, signer) = one_provider();
    let token = signer.token(&json!({ "iss": "https://a.example/secret-path", "sub": "secret" }));
    let Outcome::Deny(denial) = world.validate(&token) else { panic!("not denied") };
    let quote = Quote {
        algorithm: "EdDSA".into(),
        key_id: Some("key-1".into()),
        issuer_host: Some("a.example".into()),
    };
    assert_eq!(denial.quote, Some(quote));
}

#[test]
fn one_flipped_bit_anywhere_in_a_token_is_refused() {
    let (world, signer) = one_provider();
    let good = signer.token(&claims("https://a.example"));
    for index in 0..good.len() {
        for bit in 0..7 {
            let mut bytes = good.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let bad = String::from_utf8(bytes).unwrap();
            // Of a changed `kid` or `iss` newer keys could know: it waits. It never passes.
            assert!(!world.passes(&bad), "bit {bit} of byte {index}: {bad}");
        }
    }
}

#[test]
fn what_needs_no_key_is_decided_without_keys() {
    let world = World::new(&configuration(&["https://a.example/x"], &[]));
    let signer = Signer::new(1);
    assert_eq!(world.rejection("").reason(), Reason::TokenNotPresent);
    assert_eq!(world.rejection("a.b.c.d").reason(), Reason::JwtInvalid);
    let token = signer.token_with(&json!({ "alg": "none" }), &claims("https://a.example"));
    assert_eq!(world.rejection(&token).reason(), Reason::TokenAlgorithmNotAllowed);
    let token = signer.token(&claims("https://a.example"));
    assert_eq!(wish(world.validate(&token)), Wish::pending(set(&[0])));
}

#[test]
fn without_keys_and_with_backoff_running_the_answer_is_503() {
    let mut world = World::new(&configuration(&["https://a.example/x"], &[]));
    world.serve(|_| None);
    let token = Signer::new(1).token(&claims("https://a.example"));
    assert!(
        matches!(world.rejection(&token), Rejection::KeysUnavailable { retry_after } if !retry_after.is_zero())
    );
    world.now = world.now.after(Duration::from_secs(2));
    assert_eq!(wish(world.validate(&token)).pending, set(&[0]), "a fetch is due");
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    assert!(world.passes(&token), "recovered");
}

#[test]
fn an_unknown_key_waits_for_one_refetch() {
    let (mut world, _) = one_provider();
    let new = Signer::new(2);
    let token = new.token(&claims("https://a.example"));
    let asked = wish(world.validate(&token));
    assert_eq!(asked, Wish::refetch(set(&[0])));
    world.keys.wait(RequestId(1), asked, Waited::default(), world.now).unwrap();
    world.serve(|url| Some(one_provider_serves(url, &[&new])));
    assert!(world.passes(&token));

    let stranger = Signer::new(3).token(&claims("https://a.example"));
    assert_eq!(world.rejection(&stranger), Rejection::KeyNotFound, "inside the interval");
    world.now = world.now.after(Duration::from_secs(31));
    assert!(!wish(world.validate(&stranger)).refetch.is_empty());
    assert_eq!(
        rejection(world.validate_again(&stranger, refetched(&[0]))),
        Rejection::KeyNotFound,
        "it waited once already"
    );
}

#[test]
fn an_unknown_key_whose_refetch_failed_is_no_fault_of_the_caller() {
    let (mut world, signer) = one_provider();
    let token = Signer::new(2).token(&claims("https://a.example"));
    let asked = wish(world.validate(&token));
    world.keys.wait(RequestId(1), asked, Waited::default(), world.now).unwrap();
    world.serve(|_| None);
    assert_eq!(reason(world.validate_again(&token, refetched(&[0]))), Reason::DiscoveryUnavailable);
    assert_eq!(world.rejection(&token).reason(), Reason::DiscoveryUnavailable, "and of the next one, too");
    assert!(world.passes(&signer.token(&claims("https://a.example"))), "known keys serve");
}

#[test]
fn a_token_without_key_id_tries_the_keys_and_then_newer_ones() {
    let (mut world, signer) = one_provider();
    for key_id in [json!(""), Value::Null] {
        let mut header = json!({ "alg": "Ed25519", "kid": key_id });
        if key_id.is_null() {
            header.as_object_mut().unwrap().remove("kid");
        }
        assert!(world.passes(&signer.token_with(&header, &claims("https://a.example"))), "{header}");
    }
    let stranger = Signer::new(2);
    let token = stranger.token_with(&json!({ "alg": "EdDSA" }), &claims("https://a.example"));
    let asked = wish(world.validate(&token));
    assert!(!asked.refetch.is_empty());
    world.keys.wait(RequestId(1), asked, Waited::default(), world.now).unwrap();
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    assert_eq!(world.rejection(&token), Rejection::SignatureInvalid);
}

#[test]
fn at_most_four_network_keys_are_tried() {
    let (mut world, _) = one_provider();
    let signers: Vec<_> = (1..=5).map(Signer::new).collect();
    world.now = world.now.after(Duration::from_hours(1));
    world.serve(|url| Some(one_provider_serves(url, &signers.iter().collect::<Vec<_>>())));
    let token = |signer: &Signer, header: Value| {
        signer.token_with(&header, &json!({ "iss": "https://a.example", "exp": NOW + 7200 }))
    };
    assert!(world.passes(&token(&signers[3], json!({ "alg": "EdDSA" }))));
    assert!(!world.passes(&token(&signers[4], json!({ "alg": "EdDSA" }))));
    assert!(world.passes(&token(&signers[4], json!({ "alg": "EdDSA", "kid": "key-5" }))));
}

#[test]
fn a_thumbprint_selects_when_there_is_no_key_id() {
    let (mut world, _) = one_provider();
    let signers: Vec<_> = (1..=6).map(Signer::new).collect();
    world.now = world.now.after(Duration::from_hours(1));
    world.serve(|url| match url {
        "https://a.example/keys" => {
            let mut keys: Vec<_> = signers.iter().map(Signer::jwk).collect();
            keys[5]["x5t"] = json!("thumb");
            Some(json!({ "keys": keys }))
        }
        _ => Some(metadata("a.example", "https://a.example")),
    });
    let claims = json!({ "iss": "https://a.example", "exp": NOW + 7200 });
    assert!(world.passes(&signers[5].token_with(&json!({ "alg": "EdDSA", "x5t": "thumb" }), &claims)));
    assert!(!world.passes(&signers[0].token_with(&json!({ "alg": "EdDSA", "x5t": "thumb" }), &claims)));
    assert!(world.passes(&signers[0].token_with(&json!({ "alg": "EdDSA", "x5t": "unknown" }), &claims)));
}

#[test]
fn a_key_serves_only_its_own_algorithm() {
    let mut world = World::new(&configuration(&["https://a.example/x"], &[]));
    let signer = Signer::new(1);
    world.serve(|url| match url {
        "https://a.example/keys" => {
            let mut key = signer.jwk();
            key["alg"] = json!("EdDSA");
            Some(json!({ "keys": [key] }))
        }
        _ => Some(metadata("a.example", "https://a.example")),
    });
    assert!(world.passes(&signer.token(&claims("https://a.example"))));
    let token = signer.token_with(&json!({ "alg": "RS256", "kid": "key-1" }), &claims("https://a.example"));
    assert_eq!(world.rejection(&token), Rejection::KeyNotFound, "the key is known, and not for RS256");
}

#[test]
fn inline_keys_are_all_tried_and_need_no_provider() {
    let keys: Vec<_> = (1..=16).map(|number| json!({ "jwk": Signer::new(number).jwk() })).collect();
    let world = World::new(&json!({
        "validate-jwt": { "header-name": "Authorization", "issuer-signing-keys": keys },
    }));
    let claims = json!({ "exp": NOW + 1 });
    let last = Signer::new(16);
    assert!(world.passes(&last.token(&claims)));
    assert!(world.passes(&last.token_with(&json!({ "alg": "EdDSA", "kid": "unknown" }), &claims)));
    assert!(world.passes(&last.token_with(&json!({ "alg": "EdDSA" }), &claims)));
    let wrong = last.token_with(&json!({ "alg": "EdDSA", "kid": "key-1" }), &claims);
    assert_eq!(
        world.rejection(&wrong),
        Rejection::SignatureInvalid,
        "a key that is named is the only one tried"
    );
    let stranger = Signer::new(17).token(&claims);
    assert_eq!(world.rejection(&stranger), Rejection::SignatureInvalid);
}

#[test]
fn a_shared_secret_never_makes_the_filter_ask_the_network() {
    let secret = URL_SAFE_NO_PAD.encode([7; 32]);
    let mut document = configuration(&["https://a.example/x"], &[]);
    document["validate-jwt"]["issuer-signing-keys"] = json!([{ "id": "s", "value": secret }]);
    let mut world = World::new(&document);
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    let token = signer.token_with(&json!({ "alg": "HS256", "kid": "other" }), &claims("https://a.example"));
    assert_eq!(world.rejection(&token), Rejection::KeyNotFound);
    let token = signer.token_with(&json!({ "alg": "HS384", "kid": "s" }), &claims("https://a.example"));
    assert_eq!(world.rejection(&token), Rejection::KeyNotFound, "a secret of 32 bytes serves no HS384");
}

mod encrypted;
mod entra;
mod issuers;
mod limits;
mod named_keys;
mod remembered;
mod unsigned;
