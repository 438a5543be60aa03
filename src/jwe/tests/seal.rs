//! Makes tokens: good ones, and ones that are wrong in one way alone.

use aes::{
    Aes128, Aes256,
    cipher::{
        BlockEncryptMut, KeyInit, KeyIvInit,
        block_padding::{NoPadding, Pkcs7},
        consts::U12,
    },
};
use aes_gcm::{AeadInPlace, AesGcm};
use aes_kw::Kek;
use hmac::{Hmac, Mac};

use super::*;

pub(super) fn join(header: &str, parts: [&[u8]; 4]) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(header);
    for part in parts {
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(part));
    }
    token
}

/// A token of A128GCM, good but for what `header` says.
pub(super) fn seal(header: &str, encrypted_key: &[u8], content_key: &[u8; 16]) -> String {
    seal_text(header, encrypted_key, content_key, PLAINTEXT)
}

/// The same, with `text` in it.
pub(crate) fn seal_text(header: &str, encrypted_key: &[u8], content_key: &[u8; 16], text: &[u8]) -> String {
    let (vector, mut text) = ([3; 12], text.to_vec());
    let authenticated = URL_SAFE_NO_PAD.encode(header);
    let tag = AesGcm::<Aes128, U12>::new(content_key.into())
        .encrypt_in_place_detached(&vector.into(), authenticated.as_bytes(), &mut text)
        .unwrap();
    join(header, [encrypted_key, &vector, &text, &tag])
}

pub(super) fn wrap(content_key: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![0; content_key.len() + 8];
    Kek::<Aes256>::new(&KEK.into()).wrap(content_key, &mut wrapped).unwrap();
    wrapped
}

pub(crate) fn encrypt_rsa(pem: &str, padding: Oaep, content_key: &[u8]) -> Vec<u8> {
    private_key(pem).as_rsa().to_public_key().encrypt(&mut OsRng, padding, content_key).unwrap()
}

/// A good token for [`CERTIFICATE`].
pub(super) fn seal_rsa(members: &str) -> String {
    let encrypted_key = encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha1>(), &CONTENT_KEY);
    seal(&format!(r#"{{"alg":"RSA-OAEP","enc":"A128GCM"{members}}}"#), &encrypted_key, &CONTENT_KEY)
}

pub(super) const CBC_KEY: [u8; 32] = [5; 32];

/// A token of A128CBC-HS256 whose tag is that of its parts, whatever they are.
pub(super) fn seal_cbc(key: &[u8; 32], vector_length: usize, tag_length: usize, is_padded: bool) -> String {
    let header = r#"{"alg":"dir","enc":"A128CBC-HS256"}"#;
    let authenticated = URL_SAFE_NO_PAD.encode(header);
    let (mac_key, encryption_key) = key.split_at(16);
    let cipher = cbc::Encryptor::<Aes128>::new_from_slices(encryption_key, &[3; 16]).unwrap();
    let mut text = [0x55; 32];
    let text = if is_padded {
        cipher.encrypt_padded_mut::<Pkcs7>(&mut text, 20).unwrap()
    } else {
        cipher.encrypt_padded_mut::<NoPadding>(&mut text, 32).unwrap()
    };
    let vector = vec![3; vector_length];
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(mac_key).unwrap();
    for part in [authenticated.as_bytes(), &vector, text] {
        mac.update(part);
    }
    mac.update(&u64::try_from(authenticated.len() * 8).unwrap().to_be_bytes());
    let tag = mac.finalize().into_bytes();
    join(header, [&[], &vector, text, &tag[..tag_length]])
}
