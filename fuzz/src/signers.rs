//! Keys, the same in every run: those that configurations and providers of the harness name, and a stranger's.
//!
//! They sign deterministically, whatever with: what counts is that another crate verifies (`verifier.rs`).

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_compact::{KeyPair, Seed};
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use p256::ecdsa::signature::Signer as _;
use rsa::{RsaPrivateKey, RsaPublicKey, pkcs8::DecodePrivateKey as _, traits::PublicKeyParts as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

macro_rules! mac {
    ($hash:ty, $secret:expr, $message:expr) => {
        Hmac::<$hash>::new_from_slice($secret)
            .unwrap()
            .chain_update($message)
            .finalize()
            .into_bytes()
            .to_vec()
    };
}

/// The certificate of [`RSA`].
pub const CERTIFICATE: &str = include_str!("../../tests/fixtures/certificates/rsa.pem");
/// The private key of [`RSA`].
pub const PRIVATE_KEY: &str = include_str!("../../tests/fixtures/certificates/rsa.key.pem");

/// The position of a secret of 64 bytes in [`SIGNERS`].
pub const SECRET: usize = 0;
/// … of a secret of 32 bytes.
pub const SHORT_SECRET: usize = 1;
/// … of an ES256 key.
pub const P256: usize = 2;
/// … of an Ed25519 key.
pub const ED25519: usize = 3;
/// … of an ES384 key.
pub const P384: usize = 4;
/// … of an RSA key, which has a certificate.
pub const RSA: usize = 5;
/// … of an Ed25519 key to which a provider rotates.
pub const NEXT: usize = 6;
/// … of an Ed25519 key that nobody trusts.
pub const STRANGER: usize = 7;
/// … of a secret that nobody trusts.
pub const STRANGERS_SECRET: usize = 8;

/// All keys.
pub static SIGNERS: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    let p256 = p256::ecdsa::SigningKey::from_slice(&[0x21; 32]).unwrap();
    let p384 = p384::ecdsa::SigningKey::from_slice(&[0x41; 48]).unwrap();
    let ed25519 = |number| Secret::Ed25519(KeyPair::from_seed(Seed::new([number; 32])));
    let secrets = [
        ("secret", Secret::Hmac(SECRET_BYTES.to_vec())),
        ("short", Secret::Hmac(vec![0x11; 32])),
        ("p256", Secret::P256(p256)),
        ("ed25519", ed25519(0x31)),
        ("p384", Secret::P384(p384)),
        ("rsa", Secret::Rsa(RsaKey::read())),
        ("next", ed25519(0x61)),
        ("stranger", ed25519(0x71)),
        ("strangers-secret", Secret::Hmac(vec![0x81; 64])),
    ];
    secrets.into_iter().map(|(key_id, secret)| Signer { key_id, secret }).collect()
});

/// All bytes differ, so that a part of it is no other part.
const SECRET_BYTES: [u8; 64] = {
    let mut bytes = [0; 64];
    let mut at = 0;
    while at < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "under 64")]
        let byte = at as u8;
        bytes[at] = byte + 1;
        at += 1;
    }
    bytes
};

/// A key that signs.
pub struct Signer {
    /// Its `kid`.
    pub key_id: &'static str,
    secret: Secret,
}

enum Secret {
    Hmac(Vec<u8>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(KeyPair),
    Rsa(RsaKey),
}

/// An RSA key that signs with native code: instrumented for coverage, Rust takes a hundred times as long.
struct RsaKey {
    signs: EncodingKey,
    public: RsaPublicKey,
}

impl RsaKey {
    fn read() -> Self {
        let pem = include_str!("../../tests/fixtures/certificates/rsa.key.pkcs1.pem");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let signs = EncodingKey::from_rsa_der(&STANDARD.decode(base64).expect("PEM"));
        let public = RsaPrivateKey::from_pkcs8_pem(PRIVATE_KEY).expect("the same key").to_public_key();
        Self { signs, public }
    }
}

impl Signer {
    /// The algorithms of the key; the first is the usual one.
    pub fn algorithms(&self) -> &'static [&'static str] {
        match self.secret {
            Secret::Hmac(_) => &["HS256", "HS384", "HS512"],
            Secret::P256(_) => &["ES256"],
            Secret::P384(_) => &["ES384"],
            Secret::Ed25519(_) => &["EdDSA"],
            Secret::Rsa(_) => &["RS256", "RS384", "RS512"],
        }
    }

    /// The signature of `message`.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Hmac(secret) => match algorithm {
                "HS384" => mac!(Sha384, secret, message),
                "HS512" => mac!(Sha512, secret, message),
                _ => mac!(Sha256, secret, message),
            },
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            Secret::Ed25519(pair) => pair.sk.sign(message, None).to_vec(),
            Secret::Rsa(key) => {
                let algorithm = match algorithm {
                    "RS384" => Algorithm::RS384,
                    "RS512" => Algorithm::RS512,
                    // A forger signs as well as the key can.
                    _ => Algorithm::RS256,
                };
                let signature = crypto::sign(message, &key.signs, algorithm).expect("an RSA signature");
                URL_SAFE_NO_PAD.decode(signature).expect("base64url")
            }
        }
    }

    /// The public key as a JWK; `None` of a secret.
    pub fn jwk(&self) -> Option<Value> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.secret {
            Secret::Hmac(_) => return None,
            Secret::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(point.x()?), "y": encode(point.y()?) })
            }
            Secret::P384(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                json!({ "kty": "EC", "crv": "P-384", "x": encode(point.x()?), "y": encode(point.y()?) })
            }
            Secret::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&*pair.pk) }),
            Secret::Rsa(key) => {
                json!({ "kty": "RSA", "n": encode(&key.public.n().to_bytes_be()), "e": encode(&key.public.e().to_bytes_be()) })
            }
        };
        jwk["kid"] = json!(self.key_id);
        Some(jwk)
    }

    /// The public half of an RSA key, for encrypting.
    pub fn rsa_public(&self) -> Option<&RsaPublicKey> {
        match &self.secret {
            Secret::Rsa(key) => Some(&key.public),
            Secret::Hmac(_) | Secret::P256(_) | Secret::P384(_) | Secret::Ed25519(_) => None,
        }
    }

    /// The secret as configurations write it; `None` of a key pair.
    pub fn secret(&self) -> Option<String> {
        self.secret_bytes().map(|secret| STANDARD.encode(secret))
    }

    /// The bytes of the secret; `None` of a key pair.
    pub fn secret_bytes(&self) -> Option<&[u8]> {
        match &self.secret {
            Secret::Hmac(secret) => Some(secret),
            Secret::P256(_) | Secret::P384(_) | Secret::Ed25519(_) | Secret::Rsa(_) => None,
        }
    }
}

/// A key set of the public keys at these positions.
pub fn key_set(signers: &[usize]) -> Value {
    json!({ "keys": signers.iter().filter_map(|signer| SIGNERS[*signer].jwk()).collect::<Vec<_>>() })
}
