//! Tokens that npm `jose` encrypts: another party's reading of RFC 7516 and RFC 7518.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed test panics; clippy does not see that the helpers here are a test's"
)]

use std::{path::Path, process::Command};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_core::OsRng;
use serde_json::Value;
use validate_jwt::{
    algorithm::Algorithm,
    certificate::PrivateKey,
    jwe::{Decrypted, DecryptionError, DecryptionKey, Decryptor, Unwrapped},
    signature::{SymmetricKey, Verifier, VerifyingKey},
    time::Timestamp,
    token::{TokenParts, UntrustedToken},
};

/// What `encrypt.mjs` prints.
struct Tokens(Value);

impl Tokens {
    fn make() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openid-provider/encrypt.mjs");
        let output = Command::new("node")
            .arg(&script)
            .output()
            .unwrap_or_else(|error| panic!("node: {error}: Node.js 20 or newer is needed"));
        assert!(
            output.status.success(),
            "{}: is jose installed? Run `make test`, or `npm ci` in tests/openid-provider\n{}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}"))
    }

    fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).unwrap()
    }

    /// Every key that encrypted; the private one in the form `pem`.
    fn keys(&self, pem: &str) -> Vec<DecryptionKey> {
        let private_key = PrivateKey::parse(self.text(&format!("/rsa/{pem}")), None).unwrap();
        let secrets = self.list("secrets").iter().map(|secret| {
            DecryptionKey::symmetric(None, URL_SAFE_NO_PAD.decode(secret.as_str().unwrap()).unwrap()).unwrap()
        });
        secrets.chain([DecryptionKey::rsa(None, None, private_key)]).collect()
    }
}

/// Decrypts as a worker that had nothing else to do.
fn decrypt(token: &Value, keys: &[DecryptionKey]) -> Result<Decrypted, DecryptionError> {
    let now = Timestamp::from_secs(1_700_000_000);
    let token = token.as_str().unwrap().as_bytes();
    Decryptor::new(Box::new(OsRng)).decrypt(token, keys, &[], &Unwrapped::default(), now)
}

#[test]
fn tokens_of_jose_are_decrypted_by_every_algorithm() {
    let tokens = Tokens::make();
    let signing_key = URL_SAFE_NO_PAD.decode(tokens.text("/signingSecret")).unwrap();
    let signing_key = VerifyingKey::Symmetric(SymmetricKey::new(signing_key).unwrap());
    let known = tokens.list("known");
    assert_eq!(known.len(), 6 * 6);
    for (pem, token) in
        ["pkcs8", "pkcs1"].into_iter().flat_map(|pem| known.iter().map(move |token| (pem, token)))
    {
        let keys = tokens.keys(pem);
        let name = format!("{} {}", token["alg"], token["enc"]);

        let nested = decrypt(&token["nested"], &keys).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((nested.typ(), nested.cty()), (Some("JWT"), Some("JWT")), "{name}");
        assert_eq!(nested.plaintext(), tokens.text("/signed").as_bytes(), "{name}");
        let parts = TokenParts::decode(nested.plaintext()).unwrap();
        let signed = UntrustedToken::parse(&parts).unwrap();
        let verified = signed.verify(&Verifier::rust_only(), Algorithm::Hs256, &signing_key);
        assert_eq!(verified.unwrap().claims().issuer(), Some("https://issuer.example"), "{name}");

        let unsigned = decrypt(&token["unsigned"], &keys).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!((unsigned.typ(), unsigned.cty()), (None, None), "{name}");
        let claims: Value = serde_json::from_slice(unsigned.plaintext()).unwrap();
        assert_eq!(claims, tokens.0["claims"], "{name}");
    }
}

#[test]
fn tokens_of_jose_are_refused_without_the_key_and_by_other_algorithms() {
    let tokens = Tokens::make();
    let (keys, others) = (tokens.keys("pkcs8"), Tokens::make().keys("pkcs8"));
    let is_refused = |token: &Value, keys: &[DecryptionKey]| {
        [&token["nested"], &token["unsigned"]]
            .into_iter()
            .all(|token| decrypt(token, keys).is_err_and(|error| error == DecryptionError::Failed))
    };
    for token in tokens.list("known") {
        assert!(is_refused(token, &others), "{} {} with other keys", token["alg"], token["enc"]);
    }
    let refused = tokens.list("refused");
    assert_eq!(refused.len(), 8 * 6);
    for token in refused {
        assert!(is_refused(token, &keys), "{} {}", token["alg"], token["enc"]);
    }
}
