//! Key management (RFC 7518 §4): how a token's content encryption key is got at.

use std::{cell::RefCell, fmt};

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{BlockCipher, BlockDecrypt, BlockEncrypt, BlockSizeUser, KeyInit, consts::U16},
};
use aes_kw::Kek;
use rsa::{Oaep, RsaPublicKey, rand_core::CryptoRngCore, traits::PublicKeyParts};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{DecryptionError, rsa_budget::RsaBudget};
use crate::{certificate::PrivateKey, time::Timestamp};

/// `alg`
#[derive(Clone, Copy)]
pub(super) enum KeyManagement {
    Direct,
    AesKeyWrap(AesSize),
    RsaOaep(OaepHash),
}

/// The size of an AES key.
#[derive(Clone, Copy)]
pub(super) enum AesSize {
    A128,
    A192,
    A256,
}

/// The hash of an OAEP padding, and of its mask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OaepHash {
    Sha1,
    Sha256,
}

impl KeyManagement {
    /// The key management of this name (RFC 7518 §4.1). `RSA1_5` is none of them: telling a good padding from a bad one by
    /// time is enough to decrypt anything (RFC 8725 §3.2).
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "dir" => Some(Self::Direct),
            "A128KW" => Some(Self::AesKeyWrap(AesSize::A128)),
            "A192KW" => Some(Self::AesKeyWrap(AesSize::A192)),
            "A256KW" => Some(Self::AesKeyWrap(AesSize::A256)),
            "RSA-OAEP" => Some(Self::RsaOaep(OaepHash::Sha1)),
            "RSA-OAEP-256" => Some(Self::RsaOaep(OaepHash::Sha256)),
            _ => None,
        }
    }

    /// Whether an encrypted key can hold one of `content_key_bytes` bytes, as far as anybody can see. Of key wrap the work
    /// grows with its length, for each secret that is tried, and a stranger may send one as long as a header can be.
    pub(super) fn accepts(self, encrypted_key: &[u8], content_key_bytes: usize) -> bool {
        match self {
            Self::Direct => encrypted_key.is_empty(),
            Self::AesKeyWrap(_) => encrypted_key.len().checked_sub(aes_kw::IV_LEN) == Some(content_key_bytes),
            // Its length is that of the private key, which is not chosen yet.
            Self::RsaOaep(_) => true,
        }
    }
}

/// Unwraps by AES key wrap (RFC 3394); `None` when `secret` has another size, or is another one.
pub(super) fn unwrap_aes(size: AesSize, secret: &[u8], encrypted_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match size {
        AesSize::A128 => unwrap::<Aes128>(secret, encrypted_key),
        AesSize::A192 => unwrap::<Aes192>(secret, encrypted_key),
        AesSize::A256 => unwrap::<Aes256>(secret, encrypted_key),
    }
}

fn unwrap<A>(secret: &[u8], encrypted_key: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    A: KeyInit + BlockCipher + BlockSizeUser<BlockSize = U16> + BlockEncrypt + BlockDecrypt,
{
    let size = encrypted_key.len().checked_sub(aes_kw::IV_LEN)?;
    let mut content_key = Zeroizing::new(vec![0; size]);
    Kek::<A>::try_from(secret).ok()?.unwrap(encrypted_key, &mut content_key).ok()?;
    Some(content_key)
}

/// What one request's RSA operation came to, so that the request may wait for keys and be decided again without a second one.
#[derive(Default)]
pub struct Unwrapped(RefCell<Option<Operation>>);

struct Operation {
    key: RsaPublicKey,
    hash: OaepHash,
    encrypted_key: Vec<u8>,
    /// `None` when it failed.
    content_key: Option<Zeroizing<Vec<u8>>>,
}

impl Unwrapped {
    /// Decrypts the content encryption key by RSA-OAEP, unless that was done before; `Ok(None)` when what comes out is no
    /// OAEP padding. A request that asks for another operation than its first fails.
    pub(super) fn unwrap_rsa(
        &self,
        (key, hash, encrypted_key): (&PrivateKey, OaepHash, &[u8]),
        budget: &mut RsaBudget,
        mut random: &mut dyn CryptoRngCore,
        now: Timestamp,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, DecryptionError> {
        let key = key.as_rsa();
        // No ciphertext of this key (RFC 8017 §7.1.2 step 1): anybody can see that, and it need not cost anything.
        if encrypted_key.len() != key.size() {
            return Err(DecryptionError::Failed);
        }
        let mut operation = self.0.borrow_mut();
        if let Some(first) = &*operation {
            let is_same =
                first.key == *key.as_ref() && first.hash == hash && first.encrypted_key == encrypted_key;
            return if is_same { Ok(first.content_key.clone()) } else { Err(DecryptionError::Failed) };
        }
        if !budget.spend(key.size().saturating_mul(8), now) {
            return Err(DecryptionError::Busy);
        }
        let padding = match hash {
            OaepHash::Sha1 => Oaep::new::<Sha1>(),
            OaepHash::Sha256 => Oaep::new::<Sha256>(),
        };
        let content_key = key.decrypt_blinded(&mut random, padding, encrypted_key).ok().map(Zeroizing::new);
        *operation = Some(Operation {
            key: key.to_public_key(),
            hash,
            encrypted_key: encrypted_key.to_vec(),
            content_key: content_key.clone(),
        });
        Ok(content_key)
    }
}

impl fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unwrapped(…)")
    }
}
