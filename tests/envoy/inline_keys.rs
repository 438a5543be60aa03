//! Policies whose keys stand in the configuration: shared secrets and RSA keys, and no identity provider at all.

use crate::support::authority::now;
use crate::support::bootstrap::Setup;
use crate::support::claims::with_wrong_signature;
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use validate_jwt_cli::signing::{Algorithm, SigningKey};

#[test]
fn shared_secrets_and_rsa_keys_verify_without_any_provider() {
    let secret = SigningKey::generate(Algorithm::Hs512).unwrap();
    let encoded = STANDARD.encode(secret.secret().unwrap());
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    let (modulus, exponent) = rsa.rsa_n_e().unwrap();
    let policy = json!({
        "validate-jwt": {
            "header-name": "Authorization",
            "issuer-signing-keys": [
                { "id": secret.kid(), "value": encoded },
                { "id": rsa.kid(), "n": modulus, "e": exponent },
            ],
            "issuers": ["https://issuer.example"],
            "audiences": ["api"],
        },
    });
    let envoy = Envoy::start(&Setup::new().listener("api", policy));
    envoy.keep_secret(&encoded);
    envoy.keep_secret(&modulus);

    let claims = json!({ "iss": "https://issuer.example", "aud": "api", "exp": now() + 600 });
    let token = |key: &SigningKey| key.sign(&json!({}), &claims).unwrap();
    let of = |key: &SigningKey, algorithm| key.clone().with_algorithm(algorithm).unwrap();
    let passes = |name: &str, key: &SigningKey| Case::passes(name, Request::get("/").bearer(&token(key)));
    let refused = |name: &str, token: &str, reason| {
        Case::refused(name, Request::get("/").bearer(token), Refusal::of(reason))
    };
    // The RSA key is public: whoever knows it must not sign with it.
    let confused = SigningKey::from_secret(Algorithm::Hs256, modulus.as_bytes()).unwrap();
    let other_secret = SigningKey::generate(Algorithm::Hs256).unwrap();
    let cases = vec![
        passes("HS256", &of(&secret, Algorithm::Hs256)),
        passes("HS384", &of(&secret, Algorithm::Hs384)),
        passes("HS512", &secret),
        passes("HS256 without key id", &of(&secret, Algorithm::Hs256).without_kid()),
        passes("HS256 with an unknown key id", &of(&secret, Algorithm::Hs256).with_kid("unknown")),
        passes("RS256", &rsa),
        passes("PS384", &of(&rsa, Algorithm::Ps384)),
        refused(
            "HS256, changed",
            &with_wrong_signature(&token(&of(&secret, Algorithm::Hs256))),
            "TokenSignatureInvalid",
        ),
        refused("RS256, changed", &with_wrong_signature(&token(&rsa)), "TokenSignatureInvalid"),
        refused(
            "another secret",
            &token(&other_secret.with_kid(secret.kid().unwrap())),
            "TokenSignatureInvalid",
        ),
        refused(
            "a public key as secret",
            &token(&confused.with_kid(rsa.kid().unwrap())),
            "TokenSignatureKeyNotFound",
        ),
    ];
    let wrong = envoy.try_all("api", cases);
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), envoy.log_tail());
}
