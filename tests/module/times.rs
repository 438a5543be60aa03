//! The time of a token, to the second, with and without skew; also of a token that was verified before.

use crate::host::{Request, START};
use crate::provider::{Provider, SECOND, claims_for, policy, rsa_key, token_but};
use serde_json::json;

fn start() -> u64 {
    START.as_secs()
}

#[test]
fn a_token_expires_in_the_second_that_exp_names() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let token = rsa_key().sign(&json!({}), &claims_for(60 * SECOND)).unwrap();
    host.advance(START + 59 * SECOND - host.now());
    let stream = host.request(Request::with_token(&token));
    host.assert_allowed(stream);
    host.advance(SECOND);
    let stream = host.request(Request::with_token(&token));
    host.assert_refused(stream, 401, "TokenExpired");
}

#[test]
fn clock_skew_moves_both_ends() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["validate-jwt"]["clock-skew"] = json!(30);
    let mut host = provider.warm_host_with(&policy);
    host.advance(START + 100 * SECOND - host.now());
    for (changes, reason) in [
        (json!({ "exp": start() + 71 }), None),
        (json!({ "exp": start() + 70 }), Some("TokenExpired")),
        (json!({ "nbf": start() + 130 }), None),
        (json!({ "nbf": start() + 131 }), Some("TokenNotYetValid")),
        (json!({ "iat": start() + 100_000 }), None),
    ] {
        host.about = changes.to_string();
        let token = token_but(rsa_key(), &merged_nbf(changes));
        let stream = host.request(Request::with_token(&token));
        match reason {
            None => host.assert_allowed(stream),
            Some(reason) => drop(host.assert_refused(stream, 401, reason)),
        }
    }
}

/// `nbf` not after `exp`, so that only the one that is tested can matter.
fn merged_nbf(mut changes: serde_json::Value) -> serde_json::Value {
    if changes.get("nbf").is_none() {
        changes["nbf"] = json!(start());
    }
    changes
}

#[test]
fn an_expiration_time_is_required_unless_the_policy_says_otherwise_and_then_still_holds() {
    let provider = Provider::new(&[rsa_key()]);
    let without = token_but(rsa_key(), &json!({ "exp": null }));
    let expired = token_but(rsa_key(), &json!({ "exp": start() - 1, "nbf": start() - 10 }));
    let mut host = provider.warm_host();
    let stream = host.request(Request::with_token(&without));
    host.assert_refused(stream, 401, "TokenExpirationMissing");

    let mut policy = policy();
    policy["validate-jwt"]["require-expiration-time"] = json!(false);
    let mut host = provider.warm_host_with(&policy);
    let stream = host.request(Request::with_token(&without));
    host.assert_allowed(stream);
    let stream = host.request(Request::with_token(&expired));
    host.assert_refused(stream, 401, "TokenExpired");
}

#[test]
fn numeric_dates_are_numbers_and_reasonable_ones() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let token = |claims: &str| {
        let payload = format!(
            r#"{{"iss":"{}","aud":"{}",{claims}}}"#,
            crate::provider::ISSUER,
            crate::provider::AUDIENCE
        );
        rsa_key().sign_raw(br#"{"alg":"RS256","kid":"rsa-1"}"#, payload.as_bytes()).unwrap()
    };
    let soon = start() + 100;
    let invalid: &[&str] = &["JwtInvalid"];
    for (claims, reasons) in [
        (format!(r#""exp":{soon}.5"#), &[][..]),
        (format!(r#""exp":{soon}.0"#), &[]),
        (r#""exp":1.7900001e9"#.to_owned(), &[]),
        (format!(r#""exp":{soon},"nbf":-1"#), &[]),
        (format!(r#""exp":"{soon}""#), invalid),
        (r#""exp":true"#.to_owned(), invalid),
        (format!(r#""exp":[{soon}]"#), invalid),
        (r#""exp":{}"#.to_owned(), invalid),
        (r#""exp":1e308"#.to_owned(), invalid),
        (r#""exp":1e309"#.to_owned(), invalid),
        (r#""exp":18446744073709551616"#.to_owned(), invalid),
        (format!(r#""exp":{}"#, "9".repeat(400)), invalid),
        (format!(r#""exp":{soon},"nbf":"now""#), invalid),
        (format!(r#""exp":{soon},"nbf":-1e308"#), invalid),
        (format!(r#""exp":{soon},"nbf":1e308"#), invalid),
        (format!(r#""exp":{soon},"iat":"yesterday""#), invalid),
        // Where the contract leaves the name of the reason open, each that fits will do; passing would not.
        (r#""exp":null"#.to_owned(), &["JwtInvalid", "TokenExpirationMissing"]),
        (r#""exp":-1"#.to_owned(), &["JwtInvalid", "TokenExpired"]),
        (r#""exp":0"#.to_owned(), &["JwtInvalid", "TokenExpired"]),
        (format!(r#""exp":{soon},"nbf":{}"#, soon + 1), &["JwtInvalid", "TokenNotYetValid"]),
    ] {
        host.about.clone_from(&claims);
        let stream = host.request(Request::with_token(&token(&claims)));
        if reasons.is_empty() {
            host.assert_allowed(stream);
        } else {
            host.assert_refused_for_one_of(stream, 401, reasons);
        }
    }
}
