//! Decrypting compact JWEs (RFC 7516) with `decryption-keys`.
//!
//! | `alg` | |
//! | --- | --- |
//! | `dir` | the secret is the content encryption key |
//! | `A128KW`, `A192KW`, `A256KW` | the secret unwraps it (RFC 3394) |
//! | `RSA-OAEP`, `RSA-OAEP-256` | the private key decrypts it (RFC 8017 §7.1) |
//!
//! with the six content encryptions of RFC 7518 §5. All else is refused, and every refusal is the same
//! [`DecryptionError::Failed`]: whoever sends tokens learns nothing from what failed, or how far it came (RFC 7516 §11.5).
//!
//! RSA takes 15 ms and more in a proxy, and needs no valid token, so it is rationed: one operation a request, which
//! [`Unwrapped`] remembers, and [`MAX_RSA_DECRYPTIONS_PER_SECOND`].

mod content;
mod header;
mod key;
mod key_management;
mod rsa_budget;

use std::{cell::RefCell, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::rand_core::CryptoRngCore;
use zeroize::Zeroizing;

pub use key::{DecryptionKey, DecryptionKeyFault};
pub use key_management::Unwrapped;
pub use rsa_budget::MAX_RSA_DECRYPTIONS_PER_SECOND;

use crate::time::Timestamp;
use header::Header;
use key_management::KeyManagement;
use rsa_budget::RsaBudget;

/// Decrypts tokens: holds the budget of RSA operations and the random numbers that blind them.
pub struct Decryptor {
    random: RefCell<Box<dyn CryptoRngCore>>,
    budget: RefCell<RsaBudget>,
}

impl Decryptor {
    /// A decryptor of which no budget is spent. `random` must not be predictable.
    pub fn new(random: Box<dyn CryptoRngCore>) -> Self {
        Self { random: RefCell::new(random), budget: RefCell::new(RsaBudget::new()) }
    }

    /// Decrypts `text` with the one of `keys` that its header names, or with those that fit when it names none of them, nor one
    /// of `beside`, the keys of the policies that are asked about the same request.
    ///
    /// `unwrapped` belongs to the request that brought `text`, and must be the same whenever that is decided again.
    pub fn decrypt(
        &self,
        text: &[u8],
        keys: &[DecryptionKey],
        beside: &[&DecryptionKey],
        unwrapped: &Unwrapped,
        now: Timestamp,
    ) -> Result<Decrypted, DecryptionError> {
        let token = Jwe::parse(text).ok_or(DecryptionError::Failed)?;
        let keys = key::choose(keys, beside, &token.header.key_names);
        let plaintext = match token.header.key_management {
            KeyManagement::Direct => {
                keys.iter().filter_map(|key| key.secret()).find_map(|secret| token.open(secret))
            }
            KeyManagement::AesKeyWrap(size) => {
                let mut secrets = keys.iter().filter_map(|key| key.secret());
                let content_key =
                    secrets.find_map(|secret| key_management::unwrap_aes(size, secret, &token.encrypted_key));
                self.open(&token, content_key)
            }
            KeyManagement::RsaOaep(hash) => {
                let key = keys.iter().find_map(|key| key.private_key()).ok_or(DecryptionError::Failed)?;
                let content_key = unwrapped.unwrap_rsa(
                    (key, hash, &token.encrypted_key),
                    &mut self.budget.borrow_mut(),
                    &mut **self.random.borrow_mut(),
                    now,
                )?;
                self.open(&token, content_key)
            }
        };
        plaintext
            .map(|plaintext| Decrypted { plaintext, typ: token.header.typ, cty: token.header.cty })
            .ok_or(DecryptionError::Failed)
    }

    /// Opens with `content_key`, or with one that opens nothing when there is none or its length is wrong, so that a failure
    /// to unwrap takes as long as a tag that does not fit (RFC 7516 §11.5).
    fn open(&self, token: &Jwe<'_>, content_key: Option<Zeroizing<Vec<u8>>>) -> Option<Zeroizing<Vec<u8>>> {
        let size = token.header.content_encryption.key_bytes();
        let mut substitute = Zeroizing::new(vec![0; size]);
        self.random.borrow_mut().try_fill_bytes(&mut substitute).ok()?;
        token.open(&content_key.filter(|key| key.len() == size).unwrap_or(substitute))
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryptor(…)")
    }
}

/// What a token held. It is no more to be believed than what an unencrypted token says: anyone may encrypt.
pub struct Decrypted {
    plaintext: Zeroizing<Vec<u8>>,
    typ: Option<String>,
    cty: Option<String>,
}

impl Decrypted {
    /// The plaintext: of a nested token (RFC 7519 §5.2), a compact JWS.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// `typ` of the JWE's header (RFC 7516 §4.1.11).
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `cty` of the JWE's header (RFC 7516 §4.1.12): `JWT` when a token is nested.
    pub fn cty(&self) -> Option<&str> {
        self.cty.as_deref()
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypted(…)")
    }
}

/// Why a token was not decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecryptionError {
    /// It cannot be, whatever the reason.
    Failed,
    /// The RSA operations of this second are spent: the request may come again.
    Busy,
}

/// A compact JWE (RFC 7516 §3.1), parsed strictly.
struct Jwe<'t> {
    header: Header,
    /// The header as it is encoded: the additional authenticated data (RFC 7516 §5.1 step 14).
    authenticated: &'t [u8],
    encrypted_key: Vec<u8>,
    initialization_vector: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl<'t> Jwe<'t> {
    fn parse(text: &'t [u8]) -> Option<Self> {
        let mut parts = text.split(|byte| *byte == b'.');
        let authenticated = parts.next()?;
        let [encrypted_key, initialization_vector, ciphertext, tag] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() {
            return None;
        }
        let header = Header::parse(&decode(authenticated)?)?;
        let token = Self {
            header,
            authenticated,
            encrypted_key: decode(encrypted_key)?,
            initialization_vector: decode(initialization_vector)?,
            ciphertext: decode(ciphertext)?,
            tag: decode(tag)?,
        };
        // Before any key is touched.
        let Header { key_management, content_encryption: content, .. } = &token.header;
        let is_sound = key_management.accepts(&token.encrypted_key, content.key_bytes())
            && content.accepts(&token.initialization_vector, &token.ciphertext, &token.tag);
        is_sound.then_some(token)
    }

    fn open(&self, content_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.header.content_encryption.open(
            content_key,
            &self.initialization_vector,
            self.authenticated,
            &self.ciphertext,
            &self.tag,
        )
    }
}

/// RFC 7515 §2, strictly: every part has one spelling only.
fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(encoded).ok()
}

#[cfg(test)]
pub(crate) mod tests;
