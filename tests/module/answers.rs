//! What the client is told when its request does not pass, and what the operator is told.

use crate::host::{Answer, Host, Level, Reply, Request};
use crate::provider::{
    AUDIENCE, Provider, SECOND, next_rsa_key, policy, rsa_key, tampered, token, token_but,
};
use serde_json::{Value, json};

#[track_caller]
fn assert_json(reply: &Reply, status: u32, message: &str) {
    assert_eq!(reply.status, status);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body, json!({ "statusCode": status, "message": message }));
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
}

fn refused(host: &mut Host, request: Request, status: u32, reason: &str) -> Reply {
    let stream = host.request(request);
    host.advance(SECOND);
    host.assert_refused(stream, status, reason)
}

#[test]
fn a_request_without_a_token_is_challenged_without_an_error() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let reply = refused(&mut host, Request::get("/orders"), 401, "TokenNotPresent");
    assert_json(&reply, 401, "JWT not present.");
    assert_eq!(reply.text(), r#"{"statusCode":401,"message":"JWT not present."}"#);
    assert_eq!(reply.header("www-authenticate").as_deref(), Some("Bearer"));
    assert_eq!(reply.header("retry-after"), None);
}

#[test]
fn a_bad_token_is_challenged_with_an_error_and_without_a_description() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    for (request, reason) in [
        (Request::with_token("nonsense"), "JwtInvalid"),
        (Request::with_token(&token_but(rsa_key(), &json!({ "exp": 1_789_999_999 }))), "TokenExpired"),
        (Request::with_token(&token_but(rsa_key(), &json!({ "aud": "x" }))), "TokenAudienceNotAllowed"),
    ] {
        let reply = refused(&mut host, request, 401, reason);
        assert_json(&reply, 401, "Invalid JWT.");
        assert_eq!(reply.header("www-authenticate").as_deref(), Some("Bearer error=\"invalid_token\""));
    }
}

#[test]
fn every_reason_of_the_policy_can_be_told_apart() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["validate-jwt"]["required-claims"] =
        json!([{ "name": "roles", "match": "any", "values": ["Api.Access", "Api.Admin"] }]);
    let mut host = provider.warm_host_with(&policy);
    let good = token_but(rsa_key(), &json!({ "roles": ["Api.Access"] }));
    let stream = host.request(Request::with_token(&good));
    host.assert_allowed(stream);

    let but = |changes: Value| {
        let mut all = json!({ "roles": ["Api.Access"] });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        token_but(rsa_key(), &all)
    };
    let forged = token_but(&next_rsa_key().clone().with_kid("rsa-1"), &json!({}));
    for (token, reason) in [
        (String::new(), "TokenNotPresent"),
        ("a.b".to_owned(), "JwtInvalid"),
        (good.replacen("eyJ", "eyK", 1), "JwtInvalid"),
        (rsa_key().sign(&json!({ "alg": "RS1" }), &json!({})).unwrap(), "TokenAlgorithmNotAllowed"),
        (token(next_rsa_key()), "TokenSignatureKeyNotFound"),
        (forged, "TokenSignatureInvalid"),
        (tampered(&good), "TokenSignatureInvalid"),
        (but(json!({ "exp": null })), "TokenExpirationMissing"),
        (but(json!({ "exp": 1_789_999_999 })), "TokenExpired"),
        (but(json!({ "nbf": 1_790_000_100 })), "TokenNotYetValid"),
        (but(json!({ "iss": "https://login.example.com/fabrikam/v2.0" })), "TokenIssuerNotAllowed"),
        (but(json!({ "iss": null })), "TokenIssuerNotAllowed"),
        (but(json!({ "aud": "api://payments" })), "TokenAudienceNotAllowed"),
        (but(json!({ "aud": null })), "TokenAudienceNotAllowed"),
        (but(json!({ "roles": null })), "TokenClaimNotFound"),
        (but(json!({ "roles": ["Api.Read"] })), "TokenClaimValueNotAllowed"),
    ] {
        host.about.clone_from(&token);
        let reply = refused(&mut host, Request::with_token(&token), 401, reason);
        let message = if reason == "TokenNotPresent" { "JWT not present." } else { "Invalid JWT." };
        assert_json(&reply, 401, message);
        assert!(!reply.text().contains(reason), "the reason is not for the client");
    }
}

#[test]
fn status_and_message_can_be_configured_for_refusals() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    let message = "Zugang verweigert: \"Ausweis\" fehlt.\n\u{1F6AB}";
    policy["validate-jwt"]["failed-validation-httpcode"] = json!(403);
    policy["validate-jwt"]["failed-validation-error-message"] = json!(message);
    let mut host = provider.warm_host_with(&policy);
    for (request, reason) in
        [(Request::get("/"), "TokenNotPresent"), (Request::with_token("nonsense"), "JwtInvalid")]
    {
        let reply = refused(&mut host, request, 403, reason);
        assert_json(&reply, 403, message);
        assert_eq!(reply.header("www-authenticate"), None, "the challenge belongs to 401");
    }
}

#[test]
fn without_keys_the_answer_is_503_whatever_the_policy_says_about_refusals() {
    let provider = Provider::new(&[rsa_key()]);
    provider.break_discovery(Answer::Refused);
    let mut policy = policy();
    policy["validate-jwt"]["failed-validation-httpcode"] = json!(403);
    policy["validate-jwt"]["failed-validation-error-message"] = json!("Go away.");
    let mut host = provider.host_with(&policy);
    let reply = refused(&mut host, Request::with_token(&token(rsa_key())), 503, "DiscoveryUnavailable");
    assert_json(&reply, 503, "Service unavailable.");
    assert_eq!(reply.header("www-authenticate"), None);
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn grpc_calls_are_answered_with_a_grpc_status_and_plain_text() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["validate-jwt"]["required-claims"] = json!([{ "name": "roles", "values": ["Api.Access"] }]);
    let mut host = provider.warm_host_with(&policy);
    let with_roles = |roles: Value| token_but(rsa_key(), &json!({ "roles": roles }));
    let good = host.request(Request::with_token(&with_roles(json!(["Api.Access"]))).grpc());
    host.assert_allowed(good);
    for content_type in ["application/grpc", "application/grpc+proto"] {
        for (token, reason, grpc_status, message) in [
            (String::new(), "TokenNotPresent", 16, "JWT not present."),
            ("nonsense".to_owned(), "JwtInvalid", 16, "Invalid JWT."),
            (token_but(rsa_key(), &json!({ "exp": 1_789_999_999 })), "TokenExpired", 16, "Invalid JWT."),
            (with_roles(json!(["Other"])), "TokenClaimValueNotAllowed", 7, "Invalid JWT."),
            (with_roles(Value::Null), "TokenClaimNotFound", 7, "Invalid JWT."),
        ] {
            let request = Request::with_token(&token).post().header("content-type", content_type);
            let stream = host.request(request.header("te", "trailers"));
            let reply = host.reply(stream);
            assert_eq!(reply.reason(), reason);
            assert_eq!((reply.grpc_status, reply.text()), (Some(grpc_status), message), "{reason}");
        }
    }

    let provider = Provider::new(&[]);
    provider.break_discovery(Answer::Refused);
    let mut host = provider.host();
    let stream = host.request(Request::with_token(&token(rsa_key())).grpc());
    host.advance(SECOND);
    let reply = host.reply(stream);
    assert_eq!(reply.reason(), "DiscoveryUnavailable");
    assert_eq!((reply.grpc_status, reply.text()), (Some(14), "Service unavailable."));
}

#[test]
fn a_claim_that_does_not_suffice_is_a_401_with_a_challenge_by_default() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["validate-jwt"]["required-claims"] = json!([{ "name": "roles", "values": ["Api.Access"] }]);
    let mut host = provider.warm_host_with(&policy);
    let reply = refused(&mut host, Request::with_token(&token(rsa_key())), 401, "TokenClaimNotFound");
    assert_json(&reply, 401, "Invalid JWT.");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\""), "{challenge}");
    assert!(!challenge.contains("description"), "{challenge}");
}

#[test]
fn the_log_says_why_and_quotes_no_more_than_64_escaped_bytes() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    let evil = format!("line\r\n[critical] forged\u{1b}[31m{}", "k".repeat(300));
    for request in [
        Request::with_token(&token(&rsa_key().clone().with_kid(evil.clone()))),
        Request::with_token(&rsa_key().sign(&json!({ "alg": evil }), &json!({})).unwrap()),
        Request::with_token(&token_but(rsa_key(), &json!({ "iss": format!("https://{evil}/x") }))),
        Request::with_token(&token_but(rsa_key(), &json!({ "iss": evil }))),
    ] {
        let before = host.log().len();
        let stream = host.request(request);
        host.advance(SECOND);
        let reason = host.reply(stream).reason().to_owned();
        let lines = &host.log()[before..];
        assert!(lines.iter().any(|line| line.text.contains(&reason)), "{reason} is not in {lines:?}");
        for line in lines {
            assert!(!line.text.contains(|c: char| c.is_control()), "{line:?}");
            assert!(!line.text.contains(&"k".repeat(65)), "{line:?}");
            assert!(line.level < Level::Error, "a client cannot cause errors: {line:?}");
        }
    }
}

#[test]
fn the_audience_is_one_of_the_policy_s() {
    let provider = Provider::new(&[rsa_key()]);
    let mut host = provider.warm_host();
    for (audience, passes) in [
        (json!(AUDIENCE), true),
        (json!(format!("{AUDIENCE}/")), true),
        (json!(["api://other", AUDIENCE]), true),
        (json!(["api://other"]), false),
        (json!([]), false),
        (json!("API://orders"), false),
        (json!(format!("{AUDIENCE}//")), false),
        (json!(format!("{AUDIENCE}/x")), false),
    ] {
        let stream = host.request(Request::with_token(&token_but(rsa_key(), &json!({ "aud": audience }))));
        host.about = audience.to_string();
        if passes {
            host.assert_allowed(stream);
        } else {
            host.assert_refused(stream, 401, "TokenAudienceNotAllowed");
        }
    }
}
