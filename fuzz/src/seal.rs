//! Encrypted tokens (RFC 7516) for the keys of the harness, the same in every run.

use aes::{
    Aes128, Aes256,
    cipher::{BlockEncryptMut as _, KeyInit as _, KeyIvInit as _, block_padding::Pkcs7, consts::U12},
};
use aes_gcm::{AeadInPlace as _, AesGcm};
use aes_kw::Kek;
use hmac::Hmac;
use rand_core::{CryptoRng, RngCore};
use rsa::Oaep;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::{
    input::Choices,
    mint::{self, encode},
    signers::{RSA, SECRET, SIGNERS},
};

/// What the header may say of the key, and of the content.
const ALGORITHMS: [&str; 5] = ["dir", "A128KW", "A256KW", "RSA-OAEP", "RSA-OAEP-256"];
const ENCRYPTIONS: [&str; 4] = ["A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"];

/// The content key, where the secret is not that itself.
const CONTENT_KEY: [u8; 64] = [0x5a; 64];

/// Encrypts `plaintext` under `header`, in which `{alg}` and `{enc}` stand for what `choices` say; an empty one is the usual one.
pub fn token(header: &[u8], plaintext: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    // RSA takes a hundred times as long as all else together.
    let algorithm = match choices.byte() {
        number @ 250.. => ALGORITHMS[3 + usize::from(number & 1)],
        number => ALGORITHMS[usize::from(number) % 3],
    };
    let encryption = ENCRYPTIONS[choices.below(ENCRYPTIONS.len())];
    let header = match header {
        [] => br#"{"alg":"{alg}","enc":"{enc}","cty":"JWT"}"#.to_vec(),
        header => header.to_vec(),
    };
    let header = mint::replace(&mint::replace(&header, b"{alg}", algorithm), b"{enc}", encryption);
    let size = match encryption {
        "A128GCM" => 16,
        "A256CBC-HS512" => 64,
        _ => 32,
    };
    let secret = SIGNERS[SECRET].secret_bytes().expect("a secret");
    let (content_key, encrypted_key) = match algorithm {
        "dir" => (&secret[..size], Vec::new()),
        "A128KW" => (&CONTENT_KEY[..size], wrap::<Aes128>(&secret[..16], size)),
        "A256KW" => (&CONTENT_KEY[..size], wrap::<Aes256>(&secret[..32], size)),
        "RSA-OAEP" => (&CONTENT_KEY[..size], encrypt(Oaep::new::<Sha1>(), size)),
        _ => (&CONTENT_KEY[..size], encrypt(Oaep::new::<Sha256>(), size)),
    };
    let authenticated = encode(&header);
    let (vector, ciphertext, tag) = match encryption {
        "A128GCM" => seal_gcm::<Aes128>(content_key, &authenticated, plaintext),
        "A256GCM" => seal_gcm::<Aes256>(content_key, &authenticated, plaintext),
        "A128CBC-HS256" => seal_cbc::<Aes128, Hmac<Sha256>>(content_key, &authenticated, plaintext),
        _ => seal_cbc::<Aes256, Hmac<Sha512>>(content_key, &authenticated, plaintext),
    };
    let parts = [encrypted_key, vector, ciphertext, tag].map(|part| encode(&part));
    format!("{authenticated}.{}", parts.join(".")).into_bytes()
}

type Sealed = (Vec<u8>, Vec<u8>, Vec<u8>);

fn seal_gcm<A>(key: &[u8], authenticated: &str, plaintext: &[u8]) -> Sealed
where
    A: aes::cipher::BlockCipher
        + aes::cipher::BlockEncrypt
        + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>
        + aes::cipher::KeyInit,
{
    let (vector, mut text) = ([3; 12], plaintext.to_vec());
    let cipher = AesGcm::<A, U12>::new_from_slice(key).expect("a key of its length");
    let tag = cipher.encrypt_in_place_detached(&vector.into(), authenticated.as_bytes(), &mut text);
    (vector.to_vec(), text, tag.expect("a short text").to_vec())
}

fn seal_cbc<A, M>(key: &[u8], authenticated: &str, plaintext: &[u8]) -> Sealed
where
    A: aes::cipher::BlockCipher + aes::cipher::BlockEncryptMut + aes::cipher::KeyInit,
    M: hmac::Mac + aes::cipher::KeyInit,
{
    let (mac_key, encryption_key) = key.split_at(key.len() / 2);
    let vector = vec![3; 16];
    let cipher = cbc::Encryptor::<A>::new_from_slices(encryption_key, &vector).expect("a key of its length");
    let text = cipher.encrypt_padded_vec_mut::<Pkcs7>(plaintext);
    let mut mac = <M as hmac::Mac>::new_from_slice(mac_key).expect("any length");
    for part in [authenticated.as_bytes(), &vector, &text] {
        mac.update(part);
    }
    mac.update(&(authenticated.len() as u64 * 8).to_be_bytes());
    let tag = mac.finalize().into_bytes();
    (vector, text, tag[..tag.len() / 2].to_vec())
}

fn wrap<A>(secret: &[u8], size: usize) -> Vec<u8>
where
    A: aes::cipher::BlockCipher
        + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>
        + aes::cipher::BlockEncrypt
        + aes::cipher::BlockDecrypt
        + aes::cipher::KeyInit,
    Kek<A>: for<'k> TryFrom<&'k [u8]>,
{
    let Ok(kek) = Kek::<A>::try_from(secret) else { unreachable!("a secret of its length") };
    let mut wrapped = vec![0; size + 8];
    kek.wrap(&CONTENT_KEY[..size], &mut wrapped).expect("whole blocks");
    wrapped
}

fn encrypt(padding: Oaep, size: usize) -> Vec<u8> {
    let key = SIGNERS[RSA].rsa_public().expect("an RSA key");
    key.encrypt(&mut Constant, padding, &CONTENT_KEY[..size]).expect("a short key")
}

/// Random numbers that are the same in every run.
pub struct Constant;

impl RngCore for Constant {
    fn next_u32(&mut self) -> u32 {
        0x5b5b_5b5b
    }

    fn next_u64(&mut self) -> u64 {
        0x5b5b_5b5b_5b5b_5b5b
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5b);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Constant {}
