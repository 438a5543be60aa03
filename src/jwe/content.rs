//! Content encryption (RFC 7518 §5): authenticated, and checked before anything is decrypted.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{
        BlockCipher, BlockDecryptMut, BlockEncrypt, BlockSizeUser, KeyInit, KeyIvInit,
        block_padding::Pkcs7,
        consts::{U12, U16},
    },
};
use aes_gcm::{AeadInPlace, AesGcm};
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// The block of AES in bytes.
const BLOCK_BYTES: usize = 16;

/// `enc`
#[derive(Clone, Copy)]
pub(super) enum ContentEncryption {
    A128CbcHs256,
    A192CbcHs384,
    A256CbcHs512,
    A128Gcm,
    A192Gcm,
    A256Gcm,
}

impl ContentEncryption {
    /// The content encryption of this name (RFC 7518 §5.1).
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "A128CBC-HS256" => Some(Self::A128CbcHs256),
            "A192CBC-HS384" => Some(Self::A192CbcHs384),
            "A256CBC-HS512" => Some(Self::A256CbcHs512),
            "A128GCM" => Some(Self::A128Gcm),
            "A192GCM" => Some(Self::A192Gcm),
            "A256GCM" => Some(Self::A256Gcm),
            _ => None,
        }
    }

    /// The length of the key. For CBC it is two keys of one length: for HMAC, then for AES.
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }

    /// Whether the parts of a token have lengths that this content encryption makes.
    pub(super) fn accepts(self, initialization_vector: &[u8], ciphertext: &[u8], tag: &[u8]) -> bool {
        let (vector_bytes, tag_bytes) = match self {
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm => (12, 16),
            Self::A128CbcHs256 => (BLOCK_BYTES, 16),
            Self::A192CbcHs384 => (BLOCK_BYTES, 24),
            Self::A256CbcHs512 => (BLOCK_BYTES, 32),
        };
        let is_padded = match self {
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm => true,
            Self::A128CbcHs256 | Self::A192CbcHs384 | Self::A256CbcHs512 => {
                !ciphertext.is_empty() && ciphertext.len().is_multiple_of(BLOCK_BYTES)
            }
        };
        initialization_vector.len() == vector_bytes && tag.len() == tag_bytes && is_padded
    }

    /// Checks `tag`, then decrypts; `None` when the key has another length, or the tag is another one.
    pub(super) fn open(
        self,
        key: &[u8],
        initialization_vector: &[u8],
        authenticated: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        if key.len() != self.key_bytes() || !self.accepts(initialization_vector, ciphertext, tag) {
            return None;
        }
        let sealed = Sealed { key, initialization_vector, authenticated, ciphertext, tag };
        match self {
            Self::A128CbcHs256 => sealed.open_cbc_hmac::<Aes128, Hmac<Sha256>>(),
            Self::A192CbcHs384 => sealed.open_cbc_hmac::<Aes192, Hmac<Sha384>>(),
            Self::A256CbcHs512 => sealed.open_cbc_hmac::<Aes256, Hmac<Sha512>>(),
            Self::A128Gcm => sealed.open_gcm::<Aes128>(),
            Self::A192Gcm => sealed.open_gcm::<Aes192>(),
            Self::A256Gcm => sealed.open_gcm::<Aes256>(),
        }
    }
}

struct Sealed<'t> {
    key: &'t [u8],
    initialization_vector: &'t [u8],
    authenticated: &'t [u8],
    ciphertext: &'t [u8],
    tag: &'t [u8],
}

impl Sealed<'_> {
    /// RFC 7518 §5.2.2.2.
    fn open_cbc_hmac<A, M>(&self) -> Option<Zeroizing<Vec<u8>>>
    where
        A: BlockCipher + BlockDecryptMut + KeyInit,
        M: Mac + KeyInit,
    {
        let (mac_key, encryption_key) = self.key.split_at_checked(self.key.len() / 2)?;
        let authenticated_bits = u64::try_from(self.authenticated.len()).ok()?.checked_mul(8)?;
        let mut mac = <M as Mac>::new_from_slice(mac_key).ok()?;
        mac.update(self.authenticated);
        mac.update(self.initialization_vector);
        mac.update(self.ciphertext);
        mac.update(&authenticated_bits.to_be_bytes());
        // In constant time; the tag is the first half of the hash, and its length was checked.
        mac.verify_truncated_left(self.tag).ok()?;
        let mut plaintext = Zeroizing::new(self.ciphertext.to_vec());
        let cipher = cbc::Decryptor::<A>::new_from_slices(encryption_key, self.initialization_vector).ok()?;
        let length = cipher.decrypt_padded_mut::<Pkcs7>(&mut plaintext).ok()?.len();
        plaintext.truncate(length);
        Some(plaintext)
    }

    /// RFC 7518 §5.3.
    fn open_gcm<A>(&self) -> Option<Zeroizing<Vec<u8>>>
    where
        A: BlockCipher + BlockEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit,
    {
        let cipher = AesGcm::<A, U12>::new_from_slice(self.key).ok()?;
        let nonce = <[u8; 12]>::try_from(self.initialization_vector).ok()?;
        let tag = <[u8; 16]>::try_from(self.tag).ok()?;
        let mut plaintext = Zeroizing::new(self.ciphertext.to_vec());
        // Compares the tag in constant time before it decrypts.
        cipher
            .decrypt_in_place_detached(&nonce.into(), self.authenticated, &mut plaintext, &tag.into())
            .ok()?;
        Some(plaintext)
    }
}
