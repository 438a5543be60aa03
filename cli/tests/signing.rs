//! Tokens of every algorithm, checked by an implementation that shares no code with the signer.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use validate_jwt_cli::signing::{Algorithm, SigningError, SigningKey};

#[test]
fn every_algorithm_verifies_with_its_jwk_and_fails_when_altered() {
    // One RSA key for six algorithms: making them is what takes time here.
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    for algorithm in Algorithm::ALL {
        let key = rsa
            .clone()
            .with_algorithm(algorithm)
            .or_else(|_not_rsa| SigningKey::generate(algorithm))
            .unwrap();
        let token = key.sign(&json!({ "typ": "JWT" }), &json!({ "sub": "alice" })).unwrap();

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = decode(signature);
        assert!(verifies(&key, signed.as_bytes(), &signature), "{algorithm}: good token");

        let mut other = signature.clone();
        other[10] ^= 1;
        assert!(!verifies(&key, signed.as_bytes(), &other), "{algorithm}: altered signature");
        let altered = format!("{signed}A");
        assert!(!verifies(&key, altered.as_bytes(), &signature), "{algorithm}: altered text");

        let (header, claims) = signed.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!(header, json!({ "typ": "JWT", "alg": algorithm.name(), "kid": key.kid().unwrap() }));
        assert_eq!(decode(claims), br#"{"sub":"alice"}"#);
    }
}

#[test]
fn a_caller_can_lie_in_the_header() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let header = json!({ "alg": "none", "kid": null });
    let token = key.sign(&header, &json!({})).unwrap();
    assert_eq!(header_of(&token), header);

    let token = key.without_kid().sign(&json!({}), &json!({})).unwrap();
    assert_eq!(header_of(&token), json!({ "alg": "EdDSA" }));
}

#[test]
fn an_rsa_key_can_come_from_a_file() {
    let pem = include_str!("../../tests/fixtures/certificates/rsa.key.pem");
    let key = SigningKey::from_rsa_pem(pem).unwrap();
    let signature = key.signature(b"text").unwrap();
    assert!(verifies(&key, b"text", &signature));
    assert!(matches!(SigningKey::from_rsa_pem("no PEM"), Err(SigningError::Rsa(_))));
}

#[test]
fn raw_bytes_are_signed_as_they_are() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let token = key.sign_raw(b"\xff{", b"").unwrap();
    let parts: Vec<Vec<u8>> = token.split('.').map(decode).collect();
    assert_eq!(parts[..2], [b"\xff{".to_vec(), Vec::new()]);
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert!(verifies(&key, signed.as_bytes(), &parts[2]));
}

#[test]
fn jwks_hold_public_members_only() {
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::EdDsa,
        Algorithm::Hs256,
    ] {
        let jwk = SigningKey::generate_with_rsa_bits(algorithm, 1024).unwrap().jwk();
        let names: BTreeSet<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        let public = BTreeSet::from(["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"]);
        assert!(names.is_subset(&public), "{algorithm}: {names:?}");
    }
}

#[test]
fn keys_refuse_what_they_cannot_sign() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let refused = key.clone().with_algorithm(Algorithm::Es384);
    assert!(matches!(refused, Err(SigningError::WrongKey { algorithm: Algorithm::Es384 })));
    assert!(matches!(
        SigningKey::from_secret(Algorithm::Rs256, b"secret"),
        Err(SigningError::WrongKey { algorithm: Algorithm::Rs256 })
    ));
    assert!(matches!(key.sign(&json!([]), &json!({})), Err(SigningError::NotAnObject { part: "header" })));
    assert!(matches!(key.sign(&json!({}), &json!("x")), Err(SigningError::NotAnObject { part: "claims" })));
    // RSA-1024 has no room for the salt and the digest of PS512.
    let small = SigningKey::generate_with_rsa_bits(Algorithm::Ps512, 1024).unwrap();
    assert!(small.sign(&json!({}), &json!({})).is_err());
}

/// Looks at nothing of the key but its JWK and, for HMAC, its bytes.
fn verifies(key: &SigningKey, message: &[u8], signature: &[u8]) -> bool {
    let jwk = key.jwk();
    match key.algorithm() {
        Algorithm::Rs256 => rsa(&jwk, &signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
        Algorithm::Rs384 => rsa(&jwk, &signature::RSA_PKCS1_2048_8192_SHA384, message, signature),
        Algorithm::Rs512 => rsa(&jwk, &signature::RSA_PKCS1_2048_8192_SHA512, message, signature),
        Algorithm::Ps256 => rsa(&jwk, &signature::RSA_PSS_2048_8192_SHA256, message, signature),
        Algorithm::Ps384 => rsa(&jwk, &signature::RSA_PSS_2048_8192_SHA384, message, signature),
        Algorithm::Ps512 => rsa(&jwk, &signature::RSA_PSS_2048_8192_SHA512, message, signature),
        Algorithm::Es256 => {
            assert_eq!(jwk["crv"], "P-256");
            unparsed(&signature::ECDSA_P256_SHA256_FIXED, &point(&jwk), message, signature)
        }
        Algorithm::Es384 => {
            assert_eq!(jwk["crv"], "P-384");
            unparsed(&signature::ECDSA_P384_SHA384_FIXED, &point(&jwk), message, signature)
        }
        Algorithm::Es512 => {
            // The other implementation has no P-521; at least the key comes from the JWK.
            use p521::ecdsa::signature::Verifier as _;
            assert_eq!(jwk["crv"], "P-521");
            let public = p521::ecdsa::VerifyingKey::from_sec1_bytes(&point(&jwk)).unwrap();
            p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| public.verify(message, &signature).is_ok())
        }
        Algorithm::EdDsa => {
            assert_eq!((&jwk["kty"], &jwk["crv"]), (&json!("OKP"), &json!("Ed25519")));
            unparsed(&signature::ED25519, &member(&jwk, "x"), message, signature)
        }
        Algorithm::Hs256 => hmac(key, ring::hmac::HMAC_SHA256, message, signature),
        Algorithm::Hs384 => hmac(key, ring::hmac::HMAC_SHA384, message, signature),
        Algorithm::Hs512 => hmac(key, ring::hmac::HMAC_SHA512, message, signature),
    }
}

fn rsa(jwk: &Value, parameters: &'static signature::RsaParameters, message: &[u8], signature: &[u8]) -> bool {
    assert_eq!(jwk["kty"], "RSA");
    RsaPublicKeyComponents { n: member(jwk, "n"), e: member(jwk, "e") }
        .verify(parameters, message, signature)
        .is_ok()
}

fn unparsed(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

fn hmac(key: &SigningKey, algorithm: ring::hmac::Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let key = ring::hmac::Key::new(algorithm, key.secret().unwrap());
    ring::hmac::verify(&key, message, signature).is_ok()
}

fn point(jwk: &Value) -> Vec<u8> {
    [vec![4], member(jwk, "x"), member(jwk, "y")].concat()
}

fn member(jwk: &Value, name: &str) -> Vec<u8> {
    decode(jwk[name].as_str().unwrap())
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
