//! `options.max-token-bytes` and `options.token-types`, and what a policy that passes gives.

use super::*;
use crate::{edit::Edit, trial::headers};

/// One provider, with these options.
fn world(options: &Value) -> World {
    let mut document = configuration(&["https://a.example/x"], &[]);
    document["options"] = options.clone();
    let mut world = World::new(&document);
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    world
}

fn token_of_type(typ: &Value) -> String {
    let mut header = json!({ "alg": "EdDSA", "kid": "key-1" });
    if !typ.is_null() {
        header["typ"] = typ.clone();
    }
    Signer::new(1).token_with(&header, &claims("https://a.example"))
}

#[test]
fn a_token_may_have_so_many_bytes() {
    let token = Signer::new(1).token(&claims("https://a.example"));
    let too_long = Rejection::Malformed(Malformed::TooLong);
    for (limit, expected) in [
        (token.len() + 1, None),
        (token.len(), None),
        (token.len() - 1, Some(too_long.clone())),
        (1, Some(too_long.clone())),
    ] {
        let world = world(&json!({ "max-token-bytes": limit }));
        match expected {
            None => assert!(world.passes(&token), "{limit}"),
            Some(expected) => assert_eq!(world.rejection(&token), expected, "{limit}"),
        }
    }
    let mut padded = claims("https://a.example");
    padded["pad"] = json!("x".repeat(48_500));
    let token = Signer::new(1).token(&padded);
    assert!((64_000..=65_536).contains(&token.len()), "{}", token.len());
    assert!(world(&json!({})).passes(&token), "just within the default");
    assert_eq!(world(&json!({})).rejection(&"x".repeat(65_537)), too_long, "unread");
    assert_eq!(world(&json!({})).rejection(&"x".repeat(65_536)), Rejection::Malformed(Malformed::PartCount));
}

#[test]
fn a_token_is_of_a_type_that_is_allowed() {
    let types = json!(["at+jwt", "application/secevent+jwt", "Custom", "text/plain"]);
    let world = world(&json!({ "token-types": types }));
    for (typ, expected) in [
        (json!("at+jwt"), true),
        (json!("AT+JWT"), true),
        (json!("application/at+jwt"), true),
        (json!("Application/At+Jwt"), true),
        (json!("secevent+jwt"), true),
        (json!("application/secevent+jwt"), true),
        (json!("custom"), true),
        (json!("text/plain"), true),
        (json!("plain"), false),
        (json!("application/text/plain"), false),
        (json!("JWT"), false),
        (json!(""), false),
        (json!("at+jwt "), false),
        (json!("at"), false),
        (Value::Null, false),
    ] {
        let token = token_of_type(&typ);
        if expected {
            assert!(world.passes(&token), "{typ}");
        } else {
            assert_eq!(world.rejection(&token), Rejection::TypeNotAllowed, "{typ}");
        }
    }
}

#[test]
fn without_types_any_is_allowed_or_none() {
    let world = world(&json!({}));
    for typ in [json!("JWT"), json!("at+jwt"), json!("x/y/z"), json!(""), Value::Null] {
        assert!(world.passes(&token_of_type(&typ)), "{typ}");
    }
}

#[test]
fn a_type_is_refused_before_a_key_is_looked_for() {
    let mut document = configuration(&["https://a.example/x"], &[]);
    document["options"] = json!({ "token-types": ["at+jwt"] });
    let world = World::new(&document);
    assert_eq!(world.rejection(&token_of_type(&json!("JWT"))), Rejection::TypeNotAllowed);
    assert_eq!(wish(world.validate(&token_of_type(&json!("at+jwt")))), Wish::pending(set(&[0])));
}

#[test]
fn a_request_gets_headers_and_the_variable_of_the_token_that_passed() {
    let mut document = configuration(&["https://a.example/x"], &[]);
    document["validate-jwt"]["output-token-variable-name"] = json!("jwt");
    document["options"] = json!({ "forward": {
        "claims-to-headers": [
            { "claim": "sub", "header": "X-Sub" },
            { "claim": "absent", "header": "x-absent" },
        ],
        "payload-header": "x-payload",
    } });
    let mut world = World::new(&document);
    let signer = Signer::new(1);
    world.serve(|url| Some(one_provider_serves(url, &[&signer])));
    let claims = json!({ "iss": "https://a.example", "exp": NOW + 600, "sub": "me", "n": 12_345_678_901_234_567_890_u64 });
    let token = signer.token(&claims);
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    let Outcome::Allow(admission) = world.validate_head(RequestHead::new(&headers), Waited::default()) else {
        panic!("not allowed")
    };
    let payload = token.split('.').nth(1).unwrap().as_bytes().to_vec();
    assert_eq!(
        admission.edits,
        [Edit::Set("x-sub".into(), b"me".to_vec()), Edit::Set("x-payload".into(), payload)]
    );
    assert_eq!(admission.variables, [("jwt".to_owned(), claims.to_string().into_bytes())]);
    assert_eq!(format!("{admission:?}"), "Admission(…)");
}
