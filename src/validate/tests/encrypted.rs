//! `decryption-keys`: encrypted tokens through the whole journey.

use rsa::Oaep;
use sha1::Sha1;

use super::*;
use crate::{
    jwe::{
        MAX_RSA_DECRYPTIONS_PER_SECOND,
        tests::{
            CERTIFICATE, CONTENT_KEY, PRIVATE_KEY,
            seal::{encrypt_rsa, seal_text},
        },
    },
    rejection::Part,
    trial::{headers, unsigned},
};

const DIRECT: &str = r#"{"alg":"dir","enc":"A128GCM"}"#;

/// A policy with a secret and a private key to decrypt with.
fn document() -> Value {
    let mut document = configuration(&["https://a.example/x"], &[]);
    document["validate-jwt"]["decryption-keys"] = json!([
        { "id": "secret", "value": URL_SAFE_NO_PAD.encode(CONTENT_KEY) },
        { "certificate-id": "mine" },
    ]);
    document["certificates"] = json!({ "mine": { "certificate": CERTIFICATE, "private-key": PRIVATE_KEY } });
    document
}

fn serve(world: &mut World) {
    world.serve(|url| Some(one_provider_serves(url, &[&Signer::new(1)])));
}

fn world(document: &Value) -> World {
    let mut world = World::new(document);
    serve(&mut world);
    world
}

fn lenient() -> World {
    let mut document = document();
    document["validate-jwt"]["require-signed-tokens"] = json!(false);
    world(&document)
}

fn direct(text: &str) -> String {
    seal_text(DIRECT, &[], &CONTENT_KEY, text.as_bytes())
}

fn rsa(text: &str) -> String {
    let encrypted_key = encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha1>(), &CONTENT_KEY);
    seal_text(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, &encrypted_key, &CONTENT_KEY, text.as_bytes())
}

fn good() -> Value {
    claims("https://a.example")
}

#[test]
fn a_signed_token_inside_an_encrypted_one_is_validated_like_any() {
    let world = world(&document());
    let signer = Signer::new(1);
    let inner = signer.token(&good());
    for token in [&inner, &direct(&inner), &rsa(&inner)] {
        assert!(world.passes(token), "{token:.40}");
    }
    let forged = Signer { key_id: "key-1".into(), ..Signer::new(2) }.token(&good());
    assert_eq!(world.rejection(&direct(&forged)), Rejection::SignatureInvalid);
    let expired = signer.token(&json!({ "iss": "https://a.example", "exp": NOW }));
    assert_eq!(world.rejection(&direct(&expired)).reason(), Reason::TokenExpired);
    let stranger = signer.token(&claims("https://b.example"));
    let Outcome::Deny(denial) = world.validate(&direct(&stranger)) else { panic!("not denied") };
    assert_eq!(denial.quote.unwrap().key_id.as_deref(), Some("key-1"), "the inner token is quoted");
}

#[test]
fn whatever_fails_in_decryption_is_the_same() {
    let world = world(&document());
    let good = direct(&Signer::new(1).token(&good()));
    let parts: Vec<_> = good.split('.').collect();
    let with = |index: usize, part: &str| {
        let mut parts = parts.clone();
        parts[index] = part;
        parts.join(".")
    };
    for token in [
        with(0, "x"),
        with(0, &URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA1_5","enc":"A128GCM"}"#)),
        with(0, &URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#)),
        with(1, "AA"),
        with(2, "AA"),
        with(3, "AA"),
        with(4, "AAAAAAAAAAAAAAAAAAAAAA"),
        seal_text(DIRECT, &[], &[8; 16], b"x"),
        "....".to_owned(),
    ] {
        let Outcome::Deny(denial) = world.validate(&token) else { panic!("not denied: {token:.60}") };
        assert_eq!(*denial, Rejection::DecryptionFailed.into(), "{token:.60}");
    }
}

#[test]
fn without_keys_an_encrypted_token_is_not_read() {
    let (world, signer) = one_provider();
    let encrypted = Rejection::Malformed(Malformed::Encrypted);
    assert_eq!(world.rejection(&direct(&signer.token(&good()))), encrypted);
}

#[test]
fn what_is_inside_is_a_signed_token_unless_unsigned_ones_are_taken() {
    let (strict, lenient) = (world(&document()), lenient());
    let malformed = |malformed| Some(Rejection::Malformed(malformed));
    let bare = good().to_string();
    let other = claims("https://b.example");
    let not_listed = Rejection::IssuerNotAllowed(IssuerFault::NotListed);
    for (inner, if_strict, if_lenient) in [
        (Signer::new(1).token(&good()), None, None),
        (unsigned("none", &good(), ""), Some(Rejection::AlgorithmNotAllowed), None),
        (bare.clone(), malformed(Malformed::Unsigned), None),
        (format!(" \r\n\t{bare}"), malformed(Malformed::Unsigned), None),
        (other.to_string(), malformed(Malformed::Unsigned), Some(not_listed.clone())),
        (unsigned("none", &other, ""), Some(Rejection::AlgorithmNotAllowed), Some(not_listed)),
        (
            unsigned("none", &good(), "AA"),
            Some(Rejection::AlgorithmNotAllowed),
            Some(Rejection::SignatureInvalid),
        ),
        ("{}".into(), malformed(Malformed::Unsigned), Some(Rejection::IssuerNotAllowed(IssuerFault::Absent))),
        (String::new(), malformed(Malformed::PartCount), malformed(Malformed::PartCount)),
        ("a.b".into(), malformed(Malformed::PartCount), malformed(Malformed::PartCount)),
        ("[]".into(), malformed(Malformed::PartCount), malformed(Malformed::PartCount)),
        (
            "a.b.c".into(),
            malformed(Malformed::Base64Url(Part::Header)),
            malformed(Malformed::Base64Url(Part::Header)),
        ),
        (
            direct(&Signer::new(1).token(&good())),
            malformed(Malformed::Encrypted),
            malformed(Malformed::Encrypted),
        ),
    ] {
        for (world, expected) in [(&strict, if_strict), (&lenient, if_lenient)] {
            let token = direct(&inner);
            match expected {
                None => assert!(world.passes(&token), "{inner:.60}"),
                Some(expected) => assert_eq!(world.rejection(&token), expected, "{inner:.60}"),
            }
        }
    }
    let duplicate = direct(r#"{"iss":"https://a.example","iss":"https://b.example"}"#);
    assert_eq!(lenient.rejection(&duplicate).reason(), Reason::JwtInvalid);
}

#[test]
fn bare_claims_have_the_type_of_what_was_around_them() {
    let mut document = document();
    document["validate-jwt"]["require-signed-tokens"] = json!(false);
    document["options"] = json!({ "token-types": ["at+jwt"] });
    let world = world(&document);
    let seal = |header: &str, text: String| seal_text(header, &[], &CONTENT_KEY, text.as_bytes());
    let typed = r#"{"alg":"dir","enc":"A128GCM","typ":"at+jwt"}"#;
    assert!(world.passes(&seal(typed, good().to_string())));
    assert_eq!(world.rejection(&seal(DIRECT, good().to_string())), Rejection::TypeNotAllowed);
    let nested = Signer::new(1).token(&good());
    assert_eq!(world.rejection(&seal(typed, nested)), Rejection::TypeNotAllowed, "a nested one has its own");
}

#[test]
fn the_limit_counts_the_token_as_it_was_sent() {
    let inner = Signer::new(1).token(&good());
    let token = direct(&inner);
    let mut document = document();
    document["options"] = json!({ "max-token-bytes": token.len() - 1 });
    assert_eq!(world(&document).rejection(&token), Rejection::Malformed(Malformed::TooLong));
    document["options"] = json!({ "max-token-bytes": token.len() });
    assert!(world(&document).passes(&token));
}

#[test]
fn a_request_that_waits_is_decrypted_once() {
    let mut world = World::new(&document());
    let token = rsa(&Signer::new(1).token(&good()));
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    let head = RequestHead::new(&headers);
    let unwrapped = Unwrapped::default();
    for _ in 0..=MAX_RSA_DECRYPTIONS_PER_SECOND {
        let outcome = world.validate_with(head, Waited::default(), &unwrapped);
        assert_eq!(wish(outcome), Wish::pending(set(&[0])));
    }
    for _ in 1..MAX_RSA_DECRYPTIONS_PER_SECOND {
        assert_eq!(wish(world.validate(&token)).pending, set(&[0]), "another request has one of its own");
    }
    assert_eq!(world.rejection(&token), Rejection::DecryptionUnavailable, "the second is spent");
    serve(&mut world);
    assert!(matches!(world.validate_with(head, Waited::default(), &unwrapped), Outcome::Allow(_)));
    let another = rsa(&Signer::new(1).token(&good()));
    assert_ne!(another, token);
    assert_eq!(world.rejection(&another), Rejection::DecryptionUnavailable);
    assert!(world.passes(&token), "what is remembered is not decrypted again");
    world.pass(Duration::from_secs(1));
    assert!(world.passes(&another));
}

#[test]
fn the_policy_of_entra_decrypts_with_certificates() {
    let mut document = json!({
        "validate-azure-ad-token": {
            "tenant-id": TENANT,
            "audiences": ["api"],
            "decryption-keys": [{ "certificate-id": "mine" }],
        },
        "options": { "algorithms": ["EdDSA"] },
        "certificates": document()["certificates"],
        "default-cluster": "any",
    });
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let mut claims = claims(&issuer);
    (claims["aud"], claims["ver"]) = (json!("api"), json!("2.0"));
    let inner = Signer::new(1).token(&claims);
    let read = |document: &Value| {
        let mut world = World::new(document);
        world.serve(|url| {
            let keys = json!({ "keys": [Signer::new(1).jwk()] });
            Some(if url.ends_with("/keys") { keys } else { metadata("login.microsoftonline.com", &issuer) })
        });
        world
    };
    assert!(read(&document).passes(&rsa(&inner)));
    assert_eq!(read(&document).rejection(&rsa(&claims.to_string())).reason(), Reason::JwtInvalid);
    document["validate-azure-ad-token"].as_object_mut().unwrap().remove("decryption-keys");
    assert_eq!(read(&document).rejection(&rsa(&inner)), Rejection::Malformed(Malformed::Encrypted));
}
