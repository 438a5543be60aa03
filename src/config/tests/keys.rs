//! `issuer-signing-keys`, `decryption-keys` and `certificates`, and where their secrets come from.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::{jwk::Jwk, policy::Policy, signature::Verifier};

const CERTIFICATE: &str = include_str!("../../../tests/fixtures/certificates/rsa.pem");
const PRIVATE_KEY: &str = include_str!("../../../tests/fixtures/certificates/rsa.key.pem");
const OTHER_PRIVATE_KEY: &str = include_str!("../../../tests/fixtures/certificates/other.key.pem");
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What the VM's environment holds.
fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some(SECRET.to_owned()),
        "SHORT" => Some("c2hvcnQ=".to_owned()),
        "PRIVATE_KEY" => Some(PRIVATE_KEY.to_owned()),
        "OTHER" => Some(OTHER_PRIVATE_KEY.to_owned()),
        "CERTIFICATE" => Some(CERTIFICATE.to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn read(document: &Value) -> Result<std::rc::Rc<Policy>, String> {
    Configuration::parse(document.to_string().as_bytes(), &environment)
        .map(|configuration| configuration.rulebook.only())
        .map_err(|error| error.to_string())
}

/// A policy with `member` of these keys, and these certificates beside it.
fn with_keys(member: &str, keys: &Value, certificates: &Value) -> Value {
    let mut document = json!({ "validate-jwt": { "header-name": "x", "require-signed-tokens": false } });
    document["validate-jwt"][member] = keys.clone();
    if !certificates.is_null() {
        document["certificates"] = certificates.clone();
    }
    document
}

fn signing_keys(keys: &Value, certificates: &Value) -> Result<Vec<Jwk>, String> {
    read(&with_keys("issuer-signing-keys", keys, certificates)).map(|policy| policy.inline_keys.clone())
}

fn decryption_keys(keys: &Value, certificates: &Value) -> Result<Vec<String>, String> {
    read(&with_keys("decryption-keys", keys, certificates))
        .map(|policy| policy.decryption_keys.iter().map(|key| format!("{key:?}")).collect())
}

#[test]
fn a_secret_and_its_twin_in_the_environment_are_the_same() {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
    mac.update(b"input");
    let tag = mac.finalize().into_bytes();
    for key in [json!({ "id": "a", "value": SECRET }), json!({ "id": "a", "value-from-env": "SECRET" })] {
        let keys = signing_keys(&json!([key]), &Value::Null).unwrap();
        assert_eq!(keys[0].key_id.as_deref(), Some("a"));
        assert!(Verifier::rust_only().verify(Algorithm::Hs256, &keys[0].key, b"input", &tag), "{key}");
    }
    let symmetric = ["DecryptionKey(symmetric)"];
    for key in [json!({ "value": SECRET }), json!({ "id": "a", "value-from-env": "SECRET" })] {
        assert_eq!(decryption_keys(&json!([key]), &Value::Null).unwrap(), symmetric, "{key}");
    }
    for certificate in [
        json!({ "certificate": CERTIFICATE, "private-key": PRIVATE_KEY }),
        json!({ "certificate": CERTIFICATE, "private-key-from-env": "PRIVATE_KEY" }),
        json!({ "private-key-from-env": "PRIVATE_KEY" }),
    ] {
        let keys = decryption_keys(&json!([{ "certificate-id": "c" }]), &json!({ "c": certificate }));
        assert_eq!(keys.unwrap(), ["DecryptionKey(RSA)"], "{certificate}");
    }
}

#[test]
fn what_the_environment_lacks_is_told_at_its_name() {
    let unset = "names an environment variable that is not set, or empty, in the filter's VM; pass it on by \
                 `vm_config.environment_variables` (Istio: `vmConfig.env`)";
    for variable in ["UNSET", "EMPTY", "secret"] {
        let key = json!([{ "value-from-env": variable }]);
        for (result, member) in [
            (signing_keys(&key, &Value::Null).map(|_| ()), "issuer-signing-keys"),
            (decryption_keys(&key, &Value::Null).map(|_| ()), "decryption-keys"),
        ] {
            let expected = format!("validate-jwt.{member}[0].value-from-env: {unset}");
            assert_eq!(result, Err(expected), "{variable}");
        }
        let certificates = json!({ "c": { "certificate": CERTIFICATE, "private-key-from-env": variable } });
        assert_eq!(
            decryption_keys(&json!([{ "certificate-id": "c" }]), &certificates),
            Err(format!("certificates.c.private-key-from-env: {unset}")),
            "{variable}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_secret_from_the_environment_is_told_without_the_secret() {
    for (key, expected) in [
        (json!({ "value-from-env": "SHORT" }), "value-from-env: HMAC key of 5 bytes, at least 32 are needed"),
        (
            json!({ "value-from-env": "CERTIFICATE" }),
            "value-from-env: is a certificate or a public key, not a secret; use `certificate-id`, `n` with `e`, or `jwk`",
        ),
        (
            json!({ "value": SECRET, "value-from-env": "SECRET" }),
            "value-from-env: stands beside `value`; give the secret once",
        ),
        (
            json!({ "value-from-env": "" }),
            "value-from-env: is an empty string; give a value or leave the member out",
        ),
        (json!({ "value-from-env": ["SECRET"] }), "value-from-env: is an array; expected a string"),
    ] {
        let error = signing_keys(&json!([key]), &Value::Null).unwrap_err();
        assert_eq!(error, format!("validate-jwt.issuer-signing-keys[0].{expected}"), "{key}");
        assert!(!error.contains("c2hvcnQ"));
    }
}

#[test]
fn a_certificate_verifies_with_its_public_key_and_decrypts_with_its_private_one() {
    let certificates = json!({
        "both": { "certificate": CERTIFICATE, "private-key": PRIVATE_KEY },
        "public": { "certificate": CERTIFICATE },
        "private": { "private-key": PRIVATE_KEY },
    });
    for name in ["both", "public"] {
        let keys = signing_keys(&json!([{ "id": "a", "certificate-id": name }]), &certificates).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].key_id.as_deref(), Some("a"));
        assert!(keys[0].thumbprint.is_some(), "tokens that name it by `x5t` find it");
        assert!(keys[0].serves(Algorithm::Rs256) && !keys[0].serves(Algorithm::Hs256));
    }
    for name in ["both", "private"] {
        let keys = decryption_keys(&json!([{ "certificate-id": name }]), &certificates);
        assert_eq!(keys.unwrap(), ["DecryptionKey(RSA)"], "{name}");
    }
    assert_eq!(
        signing_keys(&json!([{ "certificate-id": "private" }]), &certificates).unwrap_err(),
        "validate-jwt.issuer-signing-keys[0].certificate-id: has no `certificate`, whose public key is needed here"
    );
    assert_eq!(
        decryption_keys(&json!([{ "certificate-id": "public" }]), &certificates).unwrap_err(),
        "validate-jwt.decryption-keys[0].certificate-id: has no private key, which decrypts; add `private-key` or \
         `private-key-from-env` to the certificate"
    );
    for member in ["issuer-signing-keys", "decryption-keys"] {
        let document = with_keys(member, &json!([{ "certificate-id": "none" }]), &certificates);
        assert_eq!(
            read(&document).unwrap_err(),
            format!(
                "validate-jwt.{member}[0].certificate-id: is not a member of `certificates`; add it there, at the top \
                 level, as `{{ \"certificate\": \"-----BEGIN CERTIFICATE-----…\" }}`"
            )
        );
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    for (certificate, expected) in [
        (json!({}), "certificates.c: is empty; expected `certificate` (PEM), `private-key` (PEM) or both"),
        (
            json!({ "certificate": "x" }),
            "certificates.c.certificate: not PEM: it has no line `-----BEGIN …-----`; write the text of the file, not its name",
        ),
        (
            json!({ "certificate": format!("{CERTIFICATE}{PRIVATE_KEY}") }),
            "certificates.c.certificate: holds a private key: that belongs in `private-key` or `private-key-from-env`",
        ),
        (
            json!({ "private-key": PRIVATE_KEY, "private-key-from-env": "PRIVATE_KEY" }),
            "certificates.c.private-key-from-env: stands beside `private-key`; give the secret once",
        ),
        (
            json!({ "key": "x" }),
            "certificates.c.key: unknown member; expected one of `certificate`, `private-key`, `private-key-from-env`",
        ),
        (
            json!(CERTIFICATE),
            "certificates.c: is a string; expected an object with `certificate`, `private-key`, \
                              `private-key-from-env`",
        ),
    ] {
        let document =
            with_keys("decryption-keys", &json!([{ "value": SECRET }]), &json!({ "c": certificate }));
        assert_eq!(
            read(&document).unwrap_err(),
            expected,
            "a certificate is read whether or not a key names it"
        );
    }
    for key in [json!({ "private-key": OTHER_PRIVATE_KEY }), json!({ "private-key-from-env": "OTHER" })] {
        let mut certificate = key.clone();
        certificate["certificate"] = json!(CERTIFICATE);
        let document =
            with_keys("decryption-keys", &json!([{ "value": SECRET }]), &json!({ "c": certificate }));
        let (name, _) = key.as_object().unwrap().iter().next().unwrap();
        let error = read(&document).unwrap_err();
        assert!(error.starts_with(&format!("certificates.c.{name}: ")), "{error}");
        assert!(!error.contains("BEGIN"), "{error}");
    }
}

#[test]
fn decryption_keys_are_secrets_or_certificates() {
    let one_of = "expected one of `value` or `value-from-env` (Base64 secret) and `certificate-id`";
    let both = json!({ "c": { "private-key": PRIVATE_KEY } });
    for (key, expected) in [
        (json!({}), format!(": {one_of}")),
        (json!({ "id": "a" }), format!(": {one_of}")),
        (json!({ "value": SECRET, "certificate-id": "c" }), format!(": {one_of}")),
        (
            json!({ "value": "AAAA" }),
            ".value: decryption key of 3 bytes; keys have 16, 24, 32, 48 or 64".to_owned(),
        ),
        (
            json!({ "value-from-env": "SHORT" }),
            ".value-from-env: decryption key of 5 bytes; keys have 16, 24, 32, 48 or 64".to_owned(),
        ),
        (
            json!({ "value": "no base64!" }),
            ".value: is not Base64 (white space and line breaks are not part of it)".to_owned(),
        ),
        (
            json!({ "n": "AAAA", "e": "AQAB" }),
            ".e: unknown member; expected one of `id`, `value`, `value-from-env`, `certificate-id`"
                .to_owned(),
        ),
    ] {
        let expected = format!("validate-jwt.decryption-keys[0]{expected}");
        assert_eq!(decryption_keys(&json!([key]), &both), Err(expected), "{key}");
    }
    for bytes in [16, 24, 32, 48, 64] {
        let value = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vec![7; bytes]);
        assert!(decryption_keys(&json!([{ "value": value }]), &Value::Null).is_ok(), "{bytes}");
    }
    let many = |count: usize| json!(vec![json!({ "value": SECRET }); count]);
    assert_eq!(decryption_keys(&many(16), &Value::Null).unwrap().len(), 16);
    assert_eq!(
        decryption_keys(&many(17), &Value::Null).unwrap_err(),
        "validate-jwt.decryption-keys: has more than 16 keys"
    );
    assert_eq!(
        decryption_keys(&json!([]), &Value::Null).unwrap_err(),
        "validate-jwt.decryption-keys: is an empty list; name at least one, or leave the member out"
    );
}

#[test]
fn a_secret_serves_the_algorithms_that_it_is_long_enough_for() {
    for (bytes, serves) in [
        (32, [true, false, false]),
        (47, [true, false, false]),
        (48, [true, true, false]),
        (63, [true, true, false]),
        (64, [true, true, true]),
    ] {
        let value = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vec![7; bytes]);
        let keys = signing_keys(&json!([{ "value": value }]), &Value::Null).unwrap();
        let algorithms = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
        assert_eq!(algorithms.map(|algorithm| keys[0].serves(algorithm)), serves, "{bytes}");
    }
}
