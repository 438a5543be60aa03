//! Signatures by whom they must not be, and keys that must not verify any: what a forger makes of the keys that everybody
//! can see.

mod readings;

use crate::support::authority::Authority;
use crate::support::bootstrap::Setup;
use crate::support::claims::{in_force, replace_part};
use crate::support::envoy::Envoy;
use crate::support::http_client::Request;
use crate::support::identity_provider::{Answer, IdentityProvider};
use crate::support::jwe::seal;
use crate::support::verdict::{Case, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use readings::readings;
use rsa::BigUint;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use validate_jwt_cli::signing::{Algorithm, SigningKey, base64url};

const DECRYPTION_KEY: [u8; 32] = [5; 32];

/// One policy that takes both: keys that a provider publishes, and a shared secret.
struct Target {
    envoy: Envoy,
    authority: Authority,
    claims: Value,
    ecdsa: [SigningKey; 3],
    rsa: SigningKey,
    secret: SigningKey,
    _provider: IdentityProvider,
}

impl Target {
    /// `more` are published beside the good keys.
    fn start(more: &[Value]) -> Self {
        let (provider, authority) = (IdentityProvider::start(), Authority::plain("target.example"));
        let ecdsa = [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512]
            .map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
        let secret = SigningKey::generate(Algorithm::Hs512).unwrap();
        authority.publish(&provider);
        let good = ecdsa.iter().chain([&rsa]).map(published);
        let keys: Vec<Value> = good.chain(more.iter().cloned()).collect();
        provider.set(&authority.keys_host, &authority.keys_path, Answer::json(&json!({ "keys": keys })));
        let policy = json!({
            "validate-jwt": {
                "header-name": "Authorization",
                "openid-config": [{ "url": authority.configuration_url() }],
                "issuer-signing-keys": [
                    { "id": secret.kid(), "value": STANDARD.encode(secret.secret().unwrap()) },
                ],
                "decryption-keys": [{ "value": STANDARD.encode(DECRYPTION_KEY) }],
                "audiences": ["api"],
            },
            "default-cluster": "provider",
        });
        let setup = Setup::new().cluster("provider", provider.address()).listener("api", policy);
        let claims = in_force(&json!({ "iss": authority.issuer, "aud": "api" }));
        Self { envoy: Envoy::start(&setup), authority, claims, ecdsa, rsa, secret, _provider: provider }
    }

    fn good(&self, key: &SigningKey) -> String {
        key.sign(&json!({}), &self.claims).unwrap()
    }

    fn judge(&self, cases: Vec<Case<'_>>) {
        let good = self.ecdsa.iter().chain([&self.rsa, &self.secret]);
        let good = good.map(|key| Case::passes(format!("good {}", key.algorithm()), bearer(&self.good(key))));
        let wrong = self.envoy.try_all("api", cases.into_iter().chain(good).collect());
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), self.envoy.log_tail());
    }
}

/// As it is published: without `alg`, which would rule out other algorithms at once.
fn published(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

fn bearer(token: &str) -> Request {
    Request::get("/").bearer(token)
}

fn refused(name: impl Into<String>, token: &str, reason: &'static str) -> Case<'static> {
    Case::refused(name, bearer(token), Refusal::of(reason))
}

#[test]
fn no_reading_of_a_public_key_is_a_secret() {
    let target = Target::start(&[]);
    let guesses = ["", "secret", "null", "undefined", target.secret.kid().unwrap(), &target.authority.issuer];
    let guesses = guesses.into_iter().map(|guess| ("a guess", guess.as_bytes().to_vec()));
    let zeros = [("zeros", vec![0; 32]), ("zeros", vec![0; 64])];
    let of_rsa = readings(&target.rsa).into_iter().map(|reading| (&target.rsa, reading));
    let of_ecdsa = readings(&target.ecdsa[0]).into_iter().map(|reading| (&target.ecdsa[0], reading));
    let others = guesses.chain(zeros).map(|reading| (&target.rsa, reading));
    let mut cases = Vec::new();
    for (key, (name, secret)) in of_rsa.chain(of_ecdsa).chain(others) {
        let forged = |algorithm, kid: Option<&str>| {
            let forger = SigningKey::from_secret(algorithm, &secret).unwrap();
            target.good(&kid.map_or_else(|| forger.clone().without_kid(), |kid| forger.clone().with_kid(kid)))
        };
        let about = format!("{name} of {}", key.algorithm());
        let (of_key, of_secret) = (key.kid(), target.secret.kid());
        for (how, token, reason) in [
            ("kid of the key", forged(Algorithm::Hs256, of_key), "TokenSignatureKeyNotFound"),
            ("kid of the secret", forged(Algorithm::Hs256, of_secret), "TokenSignatureInvalid"),
            ("no kid", forged(Algorithm::Hs256, None), "TokenSignatureInvalid"),
            ("HS384", forged(Algorithm::Hs384, None), "TokenSignatureInvalid"),
            ("HS512", forged(Algorithm::Hs512, None), "TokenSignatureInvalid"),
        ] {
            cases.push(refused(format!("{about}, {how}"), &token, reason));
        }
    }
    assert!(cases.len() > 170, "{} cases", cases.len());
    target.judge(cases);
}

#[test]
fn a_signature_has_one_form() {
    let target = Target::start(&[]);
    let mut cases = Vec::new();
    let with = |token: &str, signature: &[u8]| replace_part(token, 2, &base64url(signature));
    for key in &target.ecdsa {
        let token = target.good(key);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let (in_der, with_other_s) = other_forms(&signature);
        let (zeros, ones) = (vec![0; r.len()], vec![0xff; r.len()]);
        let mut one = zeros.clone();
        *one.last_mut().unwrap() = 1;
        for (name, bytes) in [
            ("in DER", in_der),
            ("s before r", [s, r].concat()),
            ("r alone", r.to_vec()),
            ("nothing but zeros", [zeros.clone(), zeros.clone()].concat()),
            ("r is 0", [&zeros, s].concat()),
            ("s is 0", [r, &zeros].concat()),
            ("r and s are 1", [one.clone(), one].concat()),
            ("r is beyond the order", [&ones, s].concat()),
            ("s is beyond the order", [r, &ones].concat()),
            ("a zero before", [&[0], signature.as_slice()].concat()),
            ("a zero behind", [signature.as_slice(), &[0]].concat()),
            ("a zero before each", [&[0], r, &[0], s].concat()),
            ("a byte less", signature[..signature.len() - 1].to_vec()),
            ("twice", [signature.as_slice(), &signature].concat()),
        ] {
            let name = format!("{}, {name}", key.algorithm());
            cases.push(refused(name, &with(&token, &bytes), "TokenSignatureInvalid"));
        }
        // JOSE has no rule for which of the two it is.
        let name = format!("{}, the other s", key.algorithm());
        cases.push(Case::passes(name, bearer(&with(&token, &with_other_s))));
    }
    let token = target.good(&target.rsa);
    let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap();
    for (name, bytes) in [
        ("zeros", vec![0; signature.len()]),
        ("ones", vec![0xff; signature.len()]),
        ("a zero before", [&[0], signature.as_slice()].concat()),
        ("a zero behind", [signature.as_slice(), &[0]].concat()),
        ("a byte less", signature[1..].to_vec()),
        ("one byte", vec![1]),
    ] {
        cases.push(refused(format!("RS256, {name}"), &with(&token, &bytes), "TokenSignatureInvalid"));
    }
    for key in [&target.ecdsa[0], &target.rsa] {
        let name = format!("{}, another spelling of the same", key.algorithm());
        cases.push(refused(name, &respelled(&target.good(key)), "JwtInvalid"));
    }
    target.judge(cases);
}

/// The last character of a signature that is not of a multiple of three bytes has bits that nobody needs.
fn respelled(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut token = token.to_owned();
    let at = ALPHABET.find(token.pop().unwrap()).unwrap();
    token.push(ALPHABET.chars().nth(at ^ 1).unwrap());
    token
}

/// The signature in DER, and with `n - s` in the place of `s`, which verifies just as well.
fn other_forms(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    macro_rules! forms {
        ($curve:ident) => {{
            let signature = $curve::ecdsa::Signature::from_slice(signature).unwrap();
            let (r, s) = (signature.r(), -*signature.s());
            let negated = $curve::ecdsa::Signature::from_scalars(r.to_bytes(), s.to_bytes()).unwrap();
            (signature.to_der().as_bytes().to_vec(), negated.to_bytes().to_vec())
        }};
    }
    match signature.len() {
        64 => forms!(p256),
        96 => forms!(p384),
        _ => forms!(p521),
    }
}

#[test]
fn a_key_verifies_no_algorithm_but_its_own() {
    let target = Target::start(&[]);
    let keys = target.ecdsa.iter().chain([&target.rsa, &target.secret]);
    let names = ["ES256", "ES384", "ES512", "EdDSA", "RS256", "RS512", "PS256", "HS256", "HS384"];
    let (missing, invalid) = ("TokenSignatureKeyNotFound", "TokenSignatureInvalid");
    let mut cases = Vec::new();
    for key in keys {
        let own = key.algorithm();
        for name in names.into_iter().filter(|name| *name != own.name()) {
            let about = format!("{name} by a key for {own}");
            let header = json!({ "alg": name });
            let with_kid = key.sign(&header, &target.claims).unwrap();
            let without = key.clone().without_kid().sign(&header, &target.claims).unwrap();
            // An RSA key is one for RS and PS, a secret one for every HS.
            let is_of_kind = (own == Algorithm::Rs256 && name.starts_with(['R', 'P']))
                || (own == Algorithm::Hs512 && name.starts_with('H'));
            cases.push(refused(about.clone(), &with_kid, if is_of_kind { invalid } else { missing }));
            // Nobody has a key for EdDSA here.
            let reason = if name == "EdDSA" { missing } else { invalid };
            cases.push(refused(format!("{about}, no kid"), &without, reason));
        }
    }
    target.judge(cases);
}

#[test]
fn published_keys_that_are_no_keys_for_signatures_verify_none() {
    let exponent_one = SigningKey::generate(Algorithm::Rs256).unwrap().with_kid("exponent-one");
    let mut one = published(&exponent_one);
    one["e"] = json!("AQ");
    let small = SigningKey::generate_with_rsa_bits(Algorithm::Rs256, 1024).unwrap().with_kid("small");
    let elliptic = |kid: &str| SigningKey::generate(Algorithm::Es256).unwrap().with_kid(kid);
    let other_uses = [
        (elliptic("use-enc"), json!({ "use": "enc" })),
        (elliptic("use-of-nothing"), json!({ "use": "" })),
        (elliptic("key-ops-sign"), json!({ "key_ops": ["sign"] })),
        (elliptic("key-ops-encrypt"), json!({ "key_ops": ["encrypt", "wrapKey"] })),
        (elliptic("key-ops-none"), json!({ "key_ops": [] })),
        (elliptic("alg-of-encryption"), json!({ "alg": "ECDH-ES" })),
        (elliptic("alg-of-another-curve"), json!({ "alg": "ES384" })),
        (elliptic("another-curve"), json!({ "crv": "P-384" })),
        (elliptic("another-kind"), json!({ "kty": "OKP" })),
    ];
    let secret = SigningKey::generate(Algorithm::Hs256).unwrap().with_kid("published-secret");
    let mut published_secret = secret.jwk();
    published_secret["k"] = json!(base64url(secret.secret().unwrap()));
    let mut keys = vec![one, published(&small), published_secret];
    keys.extend(other_uses.iter().map(|(key, members)| {
        let mut jwk = published(key);
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    }));
    let target = Target::start(&keys);

    // With an exponent of 1, the padded hash is its own signature, and nobody needs a private key to write that down.
    let unsigned = target.good(&exponent_one);
    let (input, _) = unsigned.rsplit_once('.').unwrap();
    let padded = padded_hash(input.as_bytes(), 256);
    let (n, _) = exponent_one.rsa_n_e().unwrap();
    let modulus = BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(n).unwrap());
    assert!(BigUint::from_bytes_be(&padded) < modulus, "its first power is itself");
    let missing = "TokenSignatureKeyNotFound";
    let mut cases = vec![
        refused("an exponent of 1", &replace_part(&unsigned, 2, &base64url(&padded)), missing),
        refused("1024 bits", &target.good(&small), missing),
        refused("a secret that is published", &target.good(&secret), missing),
    ];
    cases.extend(
        other_uses.iter().map(|(key, members)| refused(members.to_string(), &target.good(key), missing)),
    );
    target.judge(cases);
}

/// EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2).
fn padded_hash(message: &[u8], size: usize) -> Vec<u8> {
    let algorithm = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
    let end = [&[0], algorithm.as_slice(), &Sha256::digest(message)].concat();
    [vec![0, 1], vec![0xff; size - end.len() - 2], end].concat()
}

/// Whoever inflates it finds a good token, or gigabytes.
#[test]
fn what_is_compressed_is_not_inflated() {
    let target = Target::start(&[]);
    let signed = target.good(&target.secret);
    // RFC 1951 §3.2.4: one last block, stored as it is.
    let length = u16::try_from(signed.len()).unwrap().to_le_bytes();
    let stored = [&[1], length.as_slice(), &length.map(|byte| !byte), signed.as_bytes()].concat();
    let envelope = |header: &str, content: &[u8]| seal(header, &[], &DECRYPTION_KEY, content);
    let failed = "TokenDecryptionFailed";
    let plain = envelope(r#"{"alg":"dir","enc":"A256GCM"}"#, signed.as_bytes());
    let cases = vec![
        Case::passes("not compressed", bearer(&plain)),
        refused("a token", &envelope(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, &stored), failed),
        refused("a bomb", &envelope(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, &bomb()), failed),
        refused(
            "not compressed at all",
            &envelope(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, signed.as_bytes()),
            failed,
        ),
        refused(
            "by nothing",
            &envelope(r#"{"alg":"dir","enc":"A256GCM","zip":null}"#, signed.as_bytes()),
            failed,
        ),
        refused(
            "by something else",
            &envelope(r#"{"alg":"dir","enc":"A256GCM","zip":"GZIP"}"#, signed.as_bytes()),
            failed,
        ),
        // Without the member, it is bytes and no token.
        refused("in silence", &envelope(r#"{"alg":"dir","enc":"A256GCM"}"#, &stored), "JwtInvalid"),
    ];
    target.judge(cases);
}

/// RFC 1951 §3.2.6: a zero, then as often as 20 KB have room for it, "258 bytes as the last one": some three megabytes.
fn bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let mut push = |code: u32, length: u32| bits.extend((0..length).rev().map(|at| code >> at & 1 == 1));
    push(0b0011_0000, 8);
    for _ in 0..12_000 {
        push(0b1100_0101, 8);
        push(0, 5);
    }
    push(0, 7);
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}
