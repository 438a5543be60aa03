//! Tokens that come again: what is not verified again, and what is.

use crate::host::{Host, Request};
use crate::provider::{Provider, SECOND, claims, next_rsa_key, policy, rsa_key, token, token_but};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use validate_jwt_cli::signing::{Algorithm, SigningKey};

const SECRET: &[u8] = b"a secret of thirty-two bytes, no";

/// How many signatures the host was asked about for a request that passes.
fn verifications(host: &mut Host, token: &str) -> usize {
    let before = host.verify_calls();
    let stream = host.request(Request::with_token(token));
    host.assert_allowed(stream);
    host.verify_calls() - before
}

#[test]
fn a_token_is_verified_once_until_its_keys_change() {
    let provider = Provider::new(&[rsa_key()]);
    let mut policy = policy();
    policy["fetch"] = json!({ "refresh-interval": "1m" });
    let mut host = provider.warm_host_with(&policy);
    let one = token_but(rsa_key(), &json!({ "jti": "one" }));
    let other = token_but(rsa_key(), &json!({ "jti": "other" }));
    for (token, expected) in [(&one, 1), (&one, 0), (&other, 1), (&one, 0), (&other, 0)] {
        assert_eq!(verifications(&mut host, token), expected);
    }
    // The same keys again, after a minute: they are not published anew.
    host.advance(65 * SECOND);
    assert_eq!(host.key_fetches(), 2);
    let late = token_but(rsa_key(), &json!({ "jti": "late", "exp": 4_102_444_800_i64 }));
    assert_eq!(verifications(&mut host, &late), 1);
    host.advance(65 * SECOND);
    assert_eq!(host.key_fetches(), 3);
    assert_eq!(verifications(&mut host, &late), 0);
    // A key more is another set.
    provider.set_keys(&[rsa_key(), next_rsa_key()]);
    host.advance(65 * SECOND);
    assert_eq!((verifications(&mut host, &late), verifications(&mut host, &late)), (1, 0));
    // A key withdrawn takes its tokens with it.
    provider.set_keys(&[next_rsa_key()]);
    host.advance(65 * SECOND);
    let stream = host.request(Request::with_token(&late));
    host.advance(10 * SECOND);
    host.assert_refused(stream, 401, "TokenSignatureKeyNotFound");
}

#[test]
fn without_a_cache_every_token_is_verified_each_time() {
    let mut policy = policy();
    policy["token-cache"] = json!({ "max-bytes": 0 });
    let mut host = Provider::new(&[rsa_key()]).warm_host_with(&policy);
    let token = token(rsa_key());
    for _ in 0..3 {
        assert_eq!(verifications(&mut host, &token), 1);
    }
}

#[test]
fn its_memory_is_bounded() {
    // Tokens of a secret: the module verifies them itself, and a thousand take no time.
    let key = SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap();
    let keys = json!([{ "value": STANDARD.encode(SECRET) }]);
    let with_cache = |bytes: u32| {
        let policy: Value = json!({
            "validate-jwt": { "header-name": "Authorization", "issuer-signing-keys": keys },
            "token-cache": { "max-bytes": bytes },
        });
        let mut host = Provider::new(&[rsa_key()]).host_with(&policy);
        let start = host.memory_bytes();
        for number in 0..1000 {
            let mut claims = claims();
            claims["padding"] = json!(format!("{number:02000}"));
            let token = key.sign(&json!({ "alg": "HS256" }), &claims).unwrap();
            let stream = host.request(Request::with_token(&token));
            host.assert_allowed(stream);
        }
        host.memory_bytes() - start
    };
    // A thousand tokens have three million bytes.
    let (none, some, all) = (with_cache(0), with_cache(262_144), with_cache(8_388_608));
    assert!(all > 3_000_000, "{all}: nothing was kept");
    assert!(some < none + 2 * 262_144, "{some} against {none}");
}
