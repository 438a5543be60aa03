//! Words of APIM's policies that no case of `tests/cases/` can show: those that a configuration may not say, and what the core
//! gives to the proxy.

#![expect(
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a failed test panics, and a table may be long; clippy does not see that the helpers here are a test's"
)]

use rand_core::OsRng;
use serde_json::{Value, json};
use validate_jwt::{
    config::Configuration,
    decision::{Decision, Passage, decide},
    jwe::{Decryptor, Unwrapped},
    keys::{Action, KeyStore, Response, Waited},
    rejection::Reason,
    request::RequestHead,
    signature::Verifier,
    time::Timestamp,
    token_cache::TokenCache,
    validate::{Admission, Attempt, Crypto},
};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

fn parse(configuration: &Value) -> Result<Configuration, String> {
    Configuration::parse(configuration.to_string().as_bytes(), &|_| None).map_err(|error| error.to_string())
}

/// `validate-jwt` with a secret and with `members`.
fn with(members: &Value) -> Value {
    let mut policy = json!({
        "header-name": "Authorization",
        "issuer-signing-keys": [{ "value": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" }],
        "issuers": ["contoso.com"],
        "audiences": ["api"],
    });
    policy.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "validate-jwt": policy, "default-cluster": "any" })
}

/// `validate-azure-ad-token` with `members`.
fn entra(members: &Value) -> Value {
    let mut policy = json!({ "tenant-id": "contoso.com", "audiences": ["api"] });
    policy.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "validate-azure-ad-token": policy, "default-cluster": "any" })
}

#[test]
fn words_that_say_nothing_here_are_refused_with_a_reason() {
    let named =
        "names the policy in API Management's traces; here a policy is named by its place in `policies`";
    let misplaced = "stands beside the policy, not in it; write it one level higher";
    let not_entras = |rest: &str| format!("is not a word of `validate-azure-ad-token`, where {rest}");
    let entra_keys = not_entras("the tenant's metadata leads to the keys; remove it, or use `validate-jwt`");
    let only_certificates =
        "`validate-azure-ad-token` decrypts with certificates alone, as in APIM; use `certificate-id`";
    for (configuration, place, problem) in [
        (with(&json!({ "id": "x" })), "validate-jwt.id", named.to_owned()),
        (with(&json!({ "options": {} })), "validate-jwt.options", misplaced.to_owned()),
        (entra(&json!({ "options": {} })), "validate-azure-ad-token.options", misplaced.to_owned()),
        (
            with(&json!({ "issuer-signing-tokens": [] })),
            "validate-jwt.issuer-signing-tokens",
            "is a form that API Management gave up; write the keys as `issuer-signing-keys`".to_owned(),
        ),
        (
            with(&json!({ "openid-config": [{ "url": "https://a.example/x", "host": "x" }] })),
            "validate-jwt.openid-config[0].host",
            "has no documented meaning; the host is that of `url`".to_owned(),
        ),
        (
            with(&json!({ "openid-config": [{ "url": "https://a.example/x", "validate-connectivity": false }] })),
            "validate-jwt.openid-config[0].validate-connectivity",
            "is about API Management's test when a policy is saved; the filter makes none and fetches when it runs: remove it"
                .to_owned(),
        ),
        (
            with(&json!({ "issuer-signing-keys": [{ "zumo-master-key": { "id": "x" } }] })),
            "validate-jwt.issuer-signing-keys[0].zumo-master-key",
            "unknown member; expected one of `id`, `value`, `value-from-env`, `n`, `e`, `jwk`, `certificate-id`".to_owned(),
        ),
        (
            with(&json!({ "required-claims": [{ "name": "a", "values": [""] }] })),
            "validate-jwt.required-claims[0].values[0]",
            "is an empty string; give a value or leave the member out".to_owned(),
        ),
        (
            with(&json!({ "required-claims": [{ "name": "a", "separator": "", "values": ["b"] }] })),
            "validate-jwt.required-claims[0].separator",
            "is an empty string; give a value or leave the member out".to_owned(),
        ),
        (entra(&json!({ "id": "x" })), "validate-azure-ad-token.id", named.to_owned()),
        (
            entra(&json!({ "require-scheme": "Bearer" })),
            "validate-azure-ad-token.require-scheme",
            not_entras("the scheme in `Authorization` is always `Bearer`; remove it"),
        ),
        (
            entra(&json!({ "allow-protected-forwarded-tokens": true })),
            "validate-azure-ad-token.allow-protected-forwarded-tokens",
            "is about tokens that Microsoft's own services forward, and has no documented meaning; remove it".to_owned(),
        ),
        (
            entra(&json!({ "allow-proof-of-possession-tokens": true })),
            "validate-azure-ad-token.allow-proof-of-possession-tokens",
            "has no documented meaning; proofs of possession are not checked, bearer tokens are taken: remove it"
                .to_owned(),
        ),
        (
            entra(&json!({ "clock-skew": 60 })),
            "validate-azure-ad-token.clock-skew",
            not_entras("the skew is 0; set `options.clock-skew`"),
        ),
        (
            entra(&json!({ "require-expiration-time": false })),
            "validate-azure-ad-token.require-expiration-time",
            not_entras("`exp` is always required; remove it, or use `validate-jwt`"),
        ),
        (
            entra(&json!({ "require-signed-tokens": false })),
            "validate-azure-ad-token.require-signed-tokens",
            not_entras("tokens are always signed; remove it, or use `validate-jwt`"),
        ),
        (
            entra(&json!({ "issuers": ["x"] })),
            "validate-azure-ad-token.issuers",
            not_entras("the tenant's metadata names the issuers; remove it, or use `validate-jwt`"),
        ),
        (entra(&json!({ "openid-config": [] })), "validate-azure-ad-token.openid-config", entra_keys.clone()),
        (entra(&json!({ "issuer-signing-keys": [] })), "validate-azure-ad-token.issuer-signing-keys", entra_keys),
        (
            entra(&json!({ "decryption-keys": [{ "value": "x" }] })),
            "validate-azure-ad-token.decryption-keys[0].value",
            only_certificates.to_owned(),
        ),
        (
            json!({ "validate-azure-ad-token": { "tenant-id": "contoso.com" }, "default-cluster": "any" }),
            "validate-azure-ad-token",
            "has neither `audiences` nor `client-application-ids` nor `backend-application-ids`, so that a token for any \
             other API of the tenant would pass; add one, or set `options.allow-any-audience` to true"
                .to_owned(),
        ),
        (
            entra(&json!({ "tenant-id": "https://contoso.ciamlogin.com/" })),
            "validate-azure-ad-token.tenant-id",
            "is a host of External ID or Azure AD B2C, which `validate-azure-ad-token` does not take; use `validate-jwt` \
             with its `openid-config`"
                .to_owned(),
        ),
    ] {
        assert_eq!(parse(&configuration).unwrap_err(), format!("{place}: {problem}"), "{configuration}");
    }
}

#[test]
fn keys_for_decryption_are_checked() {
    let place = "validate-jwt.decryption-keys[0]";
    for (key, expected) in [
        (
            json!({ "value": "c2hvcnQ=" }),
            format!("{place}.value: decryption key of 5 bytes; keys have 16, 24, 32, 48 or 64"),
        ),
        (
            json!({ "certificate-id": "unknown" }),
            format!(
                "{place}.certificate-id: is not a member of `certificates`; add it there, at the top level, as `{{ \
                 \"certificate\": \"-----BEGIN CERTIFICATE-----…\" }}`"
            ),
        ),
        (
            json!({ "certificate-id": "public" }),
            format!(
                "{place}.certificate-id: has no private key, which decrypts; add `private-key` or `private-key-from-env` \
                 to the certificate"
            ),
        ),
        (
            json!({ "id": "x" }),
            format!(
                "{place}: expected one of `value` or `value-from-env` (Base64 secret) and `certificate-id`"
            ),
        ),
        (
            json!({ "n": "x", "e": "y" }),
            format!(
                "{place}.e: unknown member; expected one of `id`, `value`, `value-from-env`, `certificate-id`"
            ),
        ),
    ] {
        let mut configuration = with(&json!({ "decryption-keys": [key] }));
        configuration["certificates"] =
            json!({ "public": { "certificate": include_str!("fixtures/certificates/rsa.pem") } });
        assert_eq!(parse(&configuration).unwrap_err(), expected);
    }
}

#[test]
fn the_order_of_members_is_free() {
    for text in [
        r#"{"validate-jwt":{"required-claims":[{"values":["b"],"match":"any","name":"a"}],"issuers":["i"],"audiences":["a"],
            "issuer-signing-keys":[{"value":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}],"header-name":"Authorization"}}"#,
        r#"{"default-cluster":"any","validate-azure-ad-token":{"required-claims":[{"name":"a"}],"audiences":["a"],
            "client-application-ids":["c"],"backend-application-ids":["b"],"tenant-id":"organizations"}}"#,
    ] {
        let configuration = Configuration::parse(text.as_bytes(), &|_| None).unwrap();
        assert_eq!(configuration.warnings, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_is_hardly_meant_is_warned_of() {
    let warnings = |configuration: &Value| parse(configuration).unwrap().warnings.join("\n");
    let mut nothing = with(&json!({}));
    let members = nothing["validate-jwt"].as_object_mut().unwrap();
    members.remove("issuers");
    members.remove("audiences");
    assert!(
        warnings(&nothing).contains("has neither `openid-config` nor `issuers`: the issuer is not checked")
    );
    assert!(warnings(&nothing).contains("has neither `audiences` nor `required-claims`"));
    let unsigned = with(&json!({ "require-signed-tokens": false }));
    assert!(
        warnings(&unsigned).contains("require-signed-tokens is false: anybody can make a token that passes")
    );
    assert!(warnings(&with(&json!({ "audiences": ["{request-host}"] }))).contains("`{request-host}`"));
    assert_eq!(warnings(&with(&json!({}))), "");
}

/// What comes of a request with this token at a time when those of these tests are good.
fn decide_about(
    configuration: &Configuration,
    keys: &KeyStore,
    token: &str,
    now: i64,
) -> Result<Admission, Reason> {
    let headers = [(b"authorization".into(), format!("Bearer {token}").into_bytes().into())];
    let (verifier, decryptor) = (Verifier::rust_only(), Decryptor::new(Box::new(OsRng)));
    let attempt = Attempt {
        head: RequestHead::new(&headers),
        waited: Waited::default(),
        unwrapped: &Unwrapped::default(),
        now: Timestamp::from_secs(now),
    };
    match decide(
        &configuration.rulebook,
        keys,
        Crypto { verifier: &verifier, decryptor: &decryptor, cache: &TokenCache::new(0) },
        attempt,
    ) {
        Decision::Allow { passage: Passage::Validated(admission), .. } => Ok(admission),
        Decision::Refuse { refused, .. } => Err(refused.denial.rejection.reason()),
        other @ (Decision::Allow { .. } | Decision::AwaitKeys { .. }) => panic!("{other:?}"),
    }
}

const NOW: i64 = 1_700_000_000;

fn secret() -> SigningKey {
    SigningKey::from_secret(Algorithm::Hs256, b"0123456789abcdef0123456789abcdef").unwrap()
}

#[test]
fn the_variable_gets_the_claims_of_a_good_token_as_they_were_signed() {
    let configuration = parse(&with(&json!({ "output-token-variable-name": "jwt" }))).unwrap();
    let payload = br#"{ "iss":"contoso.com", "aud":"api", "exp":1700000001, "big":9007199254740993 }"#;
    let token = secret().sign_raw(br#"{"alg":"HS256"}"#, payload).unwrap();
    let keys = KeyStore::new(Vec::new(), 1, 0);
    let admission = decide_about(&configuration, &keys, &token, NOW).unwrap();
    assert_eq!(admission.variables, [("jwt".to_owned(), payload.to_vec())]);
    assert_eq!(decide_about(&configuration, &keys, &token, NOW + 1), Err(Reason::TokenExpired));
    let reserved = with(&json!({ "output-token-variable-name": "validate_jwt" }));
    assert_eq!(
        parse(&reserved).unwrap_err(),
        "validate-jwt.output-token-variable-name: is the name under which `report-only` tells its reason; choose another"
    );
}

#[test]
fn any_type_passes_unless_the_policy_lists_some() {
    let configuration = parse(&with(&json!({}))).unwrap();
    let keys = KeyStore::new(Vec::new(), 1, 0);
    for header in [
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "at+jwt" }),
        json!({ "alg": "HS256", "typ": "" }),
        json!({ "alg": "HS256", "typ": "anything at all" }),
    ] {
        let payload = br#"{"iss":"contoso.com","aud":"api","exp":1700000001}"#;
        let token = secret().sign_raw(header.to_string().as_bytes(), payload).unwrap();
        assert!(decide_about(&configuration, &keys, &token, NOW).is_ok(), "{header}");
    }
}

#[test]
fn two_keys_of_a_set_may_have_one_kid() {
    let keys: Vec<_> =
        (0..3).map(|_| SigningKey::generate(Algorithm::Es256).unwrap().with_kid("same")).collect();
    let configuration = parse(&json!({
        "validate-jwt": { "header-name": "Authorization" },
        "options": { "jwks": [{ "issuer": "contoso.com", "url": "https://keys.example/" }] },
        "default-cluster": "any",
    }))
    .unwrap();
    let mut store = KeyStore::new(configuration.providers.clone(), 1, 0);
    let (published, _) = keys.split_at(2);
    let set = json!({ "keys": published.iter().map(SigningKey::jwk).collect::<Vec<_>>() });
    for action in store.tick(Timestamp::from_secs(NOW)) {
        if let Action::Fetch(fetch) = action {
            let response = Response { status: 200, body: set.to_string().into_bytes() };
            store.answer(&fetch, Ok(response), Timestamp::from_secs(NOW));
        }
    }
    let outcomes = keys.iter().map(|key| {
        let token = key.sign(&json!({}), &json!({ "iss": "contoso.com", "exp": NOW + 1 })).unwrap();
        decide_about(&configuration, &store, &token, NOW).map(|_| ())
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [Ok(()), Ok(()), Err(Reason::TokenSignatureInvalid)]);
}
