//! Tokens in an envelope that only the recipient can open (RFC 7516).

use super::authorities::World;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInPlace as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::{OsRng, RngCore as _};
use rsa::{BigUint, Oaep, RsaPublicKey};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use validate_jwt_cli::signing::{SigningKey, base64url};

/// Of the content encryption key.
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// How a token is encrypted, always with A256GCM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Encryption {
    /// The recipient's key: a secret (its first half) for `dir`, else an RSA key.
    to: String,
    /// `alg`: `dir`, `RSA-OAEP-256`, or one that is not to be understood.
    alg: String,
    /// Whether one bit is turned on the way.
    #[serde(default)]
    damaged: bool,
}

impl Encryption {
    /// The token in its envelope.
    pub(crate) fn encrypt(&self, world: &World, token: &str) -> String {
        let recipient = world.key(&self.to);
        let (content_key, encrypted_key) = if let Some(secret) = recipient.secret() {
            (secret[..KEY_BYTES].to_vec(), Vec::new())
        } else {
            let content_key = random::<KEY_BYTES>().to_vec();
            let encrypted = public_key(recipient).encrypt(&mut OsRng, Oaep::new::<Sha256>(), &content_key);
            (content_key, encrypted.unwrap())
        };
        let header = json!({ "alg": self.alg, "enc": "A256GCM", "cty": "JWT" }).to_string();
        let header = base64url(header.as_bytes());
        let nonce = random::<NONCE_BYTES>();
        let cipher = Aes256Gcm::new_from_slice(&content_key).unwrap();
        let mut ciphertext = token.as_bytes().to_vec();
        let sealed = cipher.encrypt_in_place_detached((&nonce).into(), header.as_bytes(), &mut ciphertext);
        let tag = sealed.unwrap();
        if self.damaged {
            ciphertext[0] ^= 1;
        }
        let parts = [encrypted_key.as_slice(), &nonce, &ciphertext, &tag].map(base64url);
        format!("{header}.{}", parts.join("."))
    }
}

fn public_key(key: &SigningKey) -> RsaPublicKey {
    let (modulus, exponent) = key.rsa_n_e().unwrap();
    let number = |text: &str| BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(text).unwrap());
    RsaPublicKey::new(number(&modulus), number(&exponent)).unwrap()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
