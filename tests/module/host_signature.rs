//! The host's `verify_signature`: used where it can be trusted, and never believed where it cannot.

use crate::host::{Host, Request, Verify};
use crate::provider::{Provider, SECOND, ec_key, next_rsa_key, policy, rsa_key, tampered, token};
use std::sync::OnceLock;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const MODES: [Verify; 5] = [Verify::Absent, Verify::Correct, Verify::Lying, Verify::Denied, Verify::Garbled];

/// One key for each family; a key serves its algorithm only, because the JWK says so.
fn keys() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let asymmetric = |algorithm: &Algorithm| {
            !matches!(algorithm, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512)
        };
        let key = |algorithm: Algorithm| match rsa_key().clone().with_algorithm(algorithm) {
            Ok(rsa) => rsa.with_kid(algorithm.name()),
            Err(_) => SigningKey::generate(algorithm).unwrap().with_kid(algorithm.name()),
        };
        Algorithm::ALL.into_iter().filter(asymmetric).map(key).collect()
    })
}

fn host(verify: Verify) -> Host {
    let provider = Provider::new(&keys().iter().collect::<Vec<_>>());
    let mut setup = provider.setup(&policy());
    setup.verify = verify;
    let mut host = Host::start(setup);
    host.warm_up();
    host.about = format!("{verify:?}");
    host
}

/// The lines that speak of signatures, in a host that has just started.
fn lines_about_signatures(host: &Host) -> Vec<String> {
    let lines = host.log().iter().filter(|line| line.text.to_ascii_lowercase().contains("signature"));
    lines.map(|line| line.text.clone()).collect()
}

#[test]
fn good_tokens_of_every_algorithm_pass_and_tampered_ones_do_not() {
    for verify in MODES {
        let mut host = host(verify);
        for key in keys() {
            host.about = format!("{verify:?} {}", key.algorithm());
            let good = token(key);
            for _ in 0..2 {
                let stream = host.request(Request::with_token(&good));
                host.assert_allowed(stream);
            }
            let stream = host.request(Request::with_token(&tampered(&good)));
            host.assert_refused(stream, 401, "TokenSignatureInvalid");
            // Another payload under a signature that is good for the first one.
            let other = key.clone().sign(&serde_json::json!({}), &serde_json::json!({ "iss": "x" })).unwrap();
            let (header_and_payload, _) = good.rsplit_once('.').unwrap();
            let (_, signature) = other.rsplit_once('.').unwrap();
            let stream = host.request(Request::with_token(&format!("{header_and_payload}.{signature}")));
            host.assert_refused(stream, 401, "TokenSignatureInvalid");
        }
    }
}

#[test]
fn a_token_of_another_key_is_refused_in_every_mode() {
    for verify in MODES {
        let mut host = host(verify);
        let forged = token(&next_rsa_key().clone().with_kid("RS256"));
        let stream = host.request(Request::with_token(&forged));
        host.assert_refused(stream, 401, "TokenSignatureInvalid");
        let other = SigningKey::generate(Algorithm::Es256).unwrap().with_kid("ES256");
        let stream = host.request(Request::with_token(&token(&other)));
        host.assert_refused(stream, 401, "TokenSignatureInvalid");
    }
}

#[test]
fn a_key_serves_its_own_algorithm_only() {
    for verify in MODES {
        let mut host = host(verify);
        // The same RSA key is published for RS256 under one kid and for PS256 under another.
        let crossed = rsa_key().clone().with_algorithm(Algorithm::Ps256).unwrap().with_kid("RS256");
        let stream = host.request(Request::with_token(&token(&crossed)));
        host.advance(SECOND);
        host.assert_refused_for_one_of(stream, 401, &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"]);
        let crossed = ec_key().clone().with_kid("ES384");
        let stream = host.request(Request::with_token(&token(&crossed)));
        host.advance(SECOND);
        host.assert_refused_for_one_of(stream, 401, &["TokenSignatureKeyNotFound", "TokenSignatureInvalid"]);
    }
}

#[test]
fn the_log_says_once_at_start_which_is_used() {
    let mut lines = Vec::new();
    for verify in MODES {
        let mut host = host(verify);
        let at_start = lines_about_signatures(&host);
        assert_eq!(at_start.len(), 1, "{verify:?}: {:?}", host.log());
        for key in keys() {
            let stream = host.request(Request::with_token(&token(key)));
            host.assert_allowed(stream);
        }
        host.advance(SECOND);
        assert_eq!(lines_about_signatures(&host), at_start, "not again later");
        lines.extend(at_start);
    }
    let [absent, correct, others @ ..] = &lines[..] else { panic!("{lines:?}") };
    assert_ne!(absent, correct);
    assert!(others.iter().all(|line| line == absent), "{lines:#?}");
}

#[test]
fn the_host_is_asked_where_it_is_right_and_left_alone_where_it_is_not() {
    for verify in MODES {
        let mut host = host(verify);
        let at_start = host.verify_calls();
        assert!(at_start >= 1, "{verify:?}: it was not tried at start");
        if verify == Verify::Correct {
            assert!(at_start >= 2, "a good signature must pass and a flipped bit must fail");
        }
        for key in keys() {
            let stream = host.request(Request::with_token(&token(key)));
            host.assert_allowed(stream);
        }
        let calls = host.verify_calls() - at_start;
        match verify {
            // RS256, RS384, RS512, ES256, ES384, ES512: not PSS, not EdDSA.
            Verify::Correct => assert_eq!(calls, 6),
            Verify::Absent | Verify::Lying | Verify::Denied | Verify::Garbled => {
                assert_eq!(calls, 0, "{verify:?}");
            }
        }
    }
}
