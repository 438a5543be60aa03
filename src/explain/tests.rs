use serde_json::{Value, json};

use super::*;
use crate::{
    jwe::Unwrapped,
    keys::Waited,
    pairs::Pairs,
    request::RequestHead,
    trial::{NOW, OTHER_TENANT, Signer, TENANT, World, claims, configuration, headers, metadata},
    validate::{Outcome, validate},
};

mod advice;

const V2_URL: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/.well-known/openid-configuration";
const V2_ISSUER: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
const V1_ISSUER: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";

/// A plugin whose documents are there: of each host, metadata with `issuer` and one key.
fn world(configuration: &Value, issuer: &str, signer: &Signer) -> World {
    let mut world = World::new(configuration);
    world.serve(|url| {
        let host = url.split('/').nth(2)?;
        Some(if url.ends_with("/keys") { json!({ "keys": [signer.jwk()] }) } else { metadata(host, issuer) })
    });
    world
}

/// What the only policy says of a request with these headers, after it was seen to agree with what decides.
fn explained(world: &World, headers: &Pairs<'_>) -> Explanation {
    let unwrapped = Unwrapped::default();
    let attempt = Attempt {
        head: RequestHead::new(headers),
        waited: Waited::default(),
        unwrapped: &unwrapped,
        now: world.now,
    };
    let mut account = explain(&world.rulebook, &world.keys, world.crypto(), attempt);
    let (policy, explanation) = account.policies.pop().unwrap();
    let is_undecided = explanation.steps.iter().any(|step| step.finding == Finding::Undecided);
    match validate(policy, &[], &world.keys, world.crypto(), attempt) {
        Outcome::Allow(_) => assert!(explanation.is_allowed(), "{explanation:#?}"),
        Outcome::AwaitKeys(_) => assert!(is_undecided, "{explanation:#?}"),
        Outcome::Deny(denial) if denial.rejection.reason().is_undecided() => assert!(is_undecided),
        Outcome::Deny(denial) => {
            assert_eq!(explanation.rejection(), Some(&denial.rejection), "{explanation:#?}");
        }
    }
    explanation
}

fn explained_token(world: &World, token: &str) -> Explanation {
    explained(
        world,
        &headers(&[(":method", "GET"), (":path", "/"), ("authorization", &format!("Bearer {token}"))]),
    )
}

fn numbers(explanation: &Explanation) -> Vec<u8> {
    explanation.advice.iter().chain(&explanation.later).map(|advice| advice.number).collect()
}

fn step<'e>(explanation: &'e Explanation, name: &str) -> &'e Step {
    explanation.steps.iter().find(|step| step.name == name).unwrap()
}

/// A policy of `validate-jwt` for `V2_URL` with these members beside.
fn policy(more: &Value) -> Value {
    let mut configuration = configuration(&[V2_URL], &[]);
    for (name, value) in more.as_object().unwrap() {
        configuration["validate-jwt"][name] = value.clone();
    }
    configuration
}

fn entra(more: &Value) -> Value {
    let mut policy = json!({ "tenant-id": TENANT });
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    json!({
        "validate-azure-ad-token": policy,
        "options": { "algorithms": ["EdDSA"], "allow-any-audience": true },
        "default-cluster": "any",
    })
}

fn with(iss: &str, more: &Value) -> Value {
    let mut claims = claims(iss);
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[test]
fn a_good_token_passes_every_step_and_its_claims_are_verified() {
    let signer = Signer::new(1);
    let world = world(
        &policy(&json!({ "audiences": ["a"], "required-claims": [{ "name": "r" }] })),
        V2_ISSUER,
        &signer,
    );
    let explanation =
        explained_token(&world, &signer.token(&with(V2_ISSUER, &json!({ "aud": "a", "r": 1 }))));
    let names: Vec<_> = explanation.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        ["token", "size", "structure", "alg", "iss", "key", "signature", "exp, nbf", "aud", "claim \"r\""]
    );
    assert!(explanation.steps.iter().all(|step| step.standing != Some(Standing::NotVerified)));
    assert_eq!(numbers(&explanation), [26]);
}

#[test]
fn claims_of_a_token_that_nobody_verified_never_pass() {
    let signer = Signer::new(1);
    let configuration = policy(&json!({ "audiences": ["a"], "required-claims": [{ "name": "r" }] }));
    let token = Signer { key_id: signer.key_id.clone(), ..Signer::new(2) }
        .token(&with(V2_ISSUER, &json!({ "aud": "a", "r": 1 })));
    for world in [world(&configuration, V2_ISSUER, &signer), World::new(&configuration)] {
        let explanation = explained_token(&world, &token);
        for name in ["exp, nbf", "aud", "claim \"r\""] {
            let step = step(&explanation, name);
            assert_eq!(step.finding, Finding::NotReached(Prospect::WouldPass));
            assert_eq!(step.standing, Some(Standing::NotVerified));
        }
        assert_eq!(step(&explanation, "iss").standing, Some(Standing::NotVerified));
        assert_ne!(step(&explanation, "signature").finding, Finding::Passed);
    }
}

#[test]
fn all_that_is_wrong_is_told_and_the_first_decides() {
    let signer = Signer::new(1);
    let world = world(
        &policy(&json!({ "audiences": ["a"], "required-claims": [{ "name": "r" }, { "name": "iss" }] })),
        V2_ISSUER,
        &signer,
    );
    let explanation = explained_token(&world, &signer.token(&with(V2_ISSUER, &json!({ "exp": NOW - 9 }))));
    assert!(matches!(explanation.rejection(), Some(Rejection::Expired { .. })));
    for (name, would_fail) in [("aud", true), ("claim \"r\"", true), ("claim \"iss\"", false)] {
        let finding = &step(&explanation, name).finding;
        assert_eq!(
            matches!(finding, Finding::NotReached(Prospect::WouldFail(_))),
            would_fail,
            "{name}: {finding:?}"
        );
    }
    let alg = explained_token(&world, &crate::trial::unsigned("HS256", &claims(V2_ISSUER), ""));
    assert_eq!(step(&alg, "iss").finding, Finding::NotReached(Prospect::WouldPass));
}

#[test]
fn what_explains_the_refusal_stands_apart_from_what_would_be_refused_next() {
    let signer = Signer::new(1);
    let configuration = policy(&json!({ "audiences": ["a"], "required-claims": [{ "name": "roles" }] }));
    let world = world(&configuration, V2_ISSUER, &signer);
    let forged = Signer { key_id: signer.key_id.clone(), ..Signer::new(2) };
    let numbers = |advice: &[Advice]| -> Vec<u8> { advice.iter().map(|advice| advice.number).collect() };
    let claims = with(V2_ISSUER, &json!({ "aud": "a" }));
    for (what, token, advice, later) in [
        ("a role is missing", signer.token(&claims), vec![17], vec![]),
        ("forged, and a role is missing", forged.token(&claims), vec![], vec![17]),
    ] {
        let explanation = explained_token(&world, &token);
        assert_eq!((numbers(&explanation.advice), numbers(&explanation.later)), (advice, later), "{what}");
    }
}

#[test]
fn what_is_shown_of_a_token_moves_no_cursor_and_is_short() {
    let signer = Signer::new(1);
    let world = world(&policy(&json!({ "audiences": ["a"] })), V2_ISSUER, &signer);
    let evil = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\n".repeat(100);
    let header = json!({ "alg": evil, "kid": evil, "typ": evil });
    let many: Vec<_> = (0..1000).map(|number| format!("{evil}{number}")).collect();
    let token = signer.token_with(&header, &with(&evil, &json!({ "aud": many })));
    for step in explained_token(&world, &token).steps {
        let shown = format!("{}{}{}", step.name, step.expected, step.actual);
        assert!(
            shown.chars().all(|character| character == '…' || (' '..='~').contains(&character)),
            "{shown:?}"
        );
        assert!(shown.len() < 2048, "{} bytes", shown.len());
        assert!(!shown.contains(token.get(token.len() - 40..).unwrap()));
    }
}

#[test]
fn mutated_tokens_are_explained_as_they_are_decided() {
    let signer = Signer::new(1);
    let world = world(
        &policy(
            &json!({ "audiences": ["a"], "required-claims": [{ "name": "r", "match": "any", "values": ["x"] }] }),
        ),
        V2_ISSUER,
        &signer,
    );
    let values = [
        json!("a"),
        json!(["a", "b"]),
        json!("x"),
        json!(null),
        json!(NOW - 1),
        json!(NOW + 1),
        json!(V2_ISSUER),
        json!(V1_ISSUER),
        json!({}),
        json!(true),
    ];
    let mut count = 0;
    for member in ["iss", "aud", "exp", "nbf", "tid", "r"] {
        for value in &values {
            for (kid, algorithm) in
                [("key-1", "EdDSA"), ("key-9", "EdDSA"), ("key-1", "RS256"), ("key-1", "none")]
            {
                let claims = with(V2_ISSUER, &json!({ "aud": "a", "r": "x", member: value }));
                let token = signer.token_with(&json!({ "alg": algorithm, "kid": kid }), &claims);
                explained_token(&world, &token);
                let cut = token.len() - 1;
                for spoilt in [
                    token.get(..cut).unwrap(),
                    token.get(1..).unwrap(),
                    &token.replacen('.', "", 1),
                    &token.replace('.', ".."),
                ] {
                    explained_token(&world, spoilt);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 6 * 10 * 4 * 4);
}
