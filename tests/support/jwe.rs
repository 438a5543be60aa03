//! Encrypted tokens (RFC 7516) as a client makes them, for a recipient whose private key is a fixture.

use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand_core::{OsRng, RngCore as _};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

/// Bytes of the content encryption key of `A256GCM`.
const CONTENT_KEY: usize = 32;

/// Who can decrypt.
#[derive(Clone, Debug)]
pub(crate) struct Recipient(RsaPublicKey);

impl Recipient {
    /// The owner of an unencrypted private key (PKCS #8, PEM).
    pub(crate) fn of(pem: &str) -> Self {
        let encoded: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = RsaPrivateKey::from_pkcs8_der(&STANDARD.decode(encoded).unwrap()).unwrap();
        Self(key.to_public_key())
    }

    /// A compact JWE with `A256GCM` and this `alg`; `header` may say more, or say it otherwise.
    pub(crate) fn seal(&self, alg: &str, header: &Value, plaintext: &[u8]) -> String {
        let content_key = random(CONTENT_KEY);
        let encrypted_key = match alg {
            "RSA-OAEP" => self.0.encrypt(&mut OsRng, Oaep::new::<Sha1>(), &content_key),
            "RSA-OAEP-256" => self.0.encrypt(&mut OsRng, Oaep::new::<Sha256>(), &content_key),
            "RSA1_5" => self.0.encrypt(&mut OsRng, rsa::Pkcs1v15Encrypt, &content_key),
            _ => panic!("no way to make {alg}"),
        };
        let mut members = json!({ "alg": alg, "enc": "A256GCM", "cty": "JWT" });
        members.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        seal(&members.to_string(), &encrypted_key.unwrap(), &content_key, plaintext)
    }

    /// A token that looks like one for this recipient, and whose key is noise: to find that out costs an RSA operation.
    pub(crate) fn noise(&self) -> String {
        let mut encrypted_key = random(self.0.size());
        // Below any modulus of that size.
        encrypted_key[0] = 0;
        seal(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#, &encrypted_key, &random(CONTENT_KEY), b"noise")
    }
}

/// A compact JWE of its parts; `header` says whatever it says, the content is encrypted by `A256GCM`.
pub(crate) fn seal(header: &str, encrypted_key: &[u8], content_key: &[u8], plaintext: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    let (mut nonce, mut content) = ([0; 12], plaintext.to_vec());
    OsRng.fill_bytes(&mut nonce);
    let cipher = Aes256Gcm::new_from_slice(content_key).unwrap();
    let tag = cipher.encrypt_in_place_detached(&nonce.into(), header.as_bytes(), &mut content);
    let parts = [encrypted_key, &nonce, &content, &tag.unwrap()].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{}", parts.join("."))
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    OsRng.fill_bytes(&mut random);
    random
}
