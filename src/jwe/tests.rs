use aes::{
    Aes128,
    cipher::{KeyInit, consts::U16},
};
use aes_gcm::{AeadInPlace, AesGcm};
use rand_core::OsRng;
use rsa::Oaep;
use sha1::Sha1;
use sha2::Sha256;

use super::*;
use crate::{
    certificate::{Certificate, PrivateKey},
    json::MAX_DEPTH,
};

mod examples;
mod rsa_rations;
pub(crate) mod seal;
mod vectors;

use seal::{CBC_KEY, encrypt_rsa, join, seal, seal_cbc, seal_rsa, wrap};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const CONTENT_KEY: [u8; 16] = [7; 16];
const KEK: [u8; 32] = [9; 32];
const PLAINTEXT: &[u8] = b"a nested token";
pub(crate) const CERTIFICATE: &str = include_str!("../../tests/fixtures/certificates/rsa.pem");
pub(crate) const PRIVATE_KEY: &str = include_str!("../../tests/fixtures/certificates/rsa.key.pem");
const OTHER_PRIVATE_KEY: &str = include_str!("../../tests/fixtures/certificates/other.key.pem");

/// What a request of its own comes to.
fn decrypt(text: &str, keys: &[DecryptionKey]) -> Result<Vec<u8>, DecryptionError> {
    Decryptor::new(Box::new(OsRng))
        .decrypt(text.as_bytes(), keys, &[], &Unwrapped::default(), NOW)
        .map(|decrypted| decrypted.plaintext().to_vec())
}

fn symmetric(key_id: &str, secret: &[u8]) -> DecryptionKey {
    let key_id = Some(key_id.to_owned()).filter(|key_id| !key_id.is_empty());
    DecryptionKey::symmetric(key_id, secret.to_vec()).unwrap()
}

fn private_key(pem: &str) -> PrivateKey {
    PrivateKey::parse(pem, None).unwrap()
}

/// The key of [`CERTIFICATE`].
fn certified() -> DecryptionKey {
    let certificate = Certificate::parse(CERTIFICATE).unwrap();
    DecryptionKey::rsa(Some("rsa".into()), Some(certificate.thumbprints().clone()), private_key(PRIVATE_KEY))
}

#[test]
fn what_was_encrypted_is_decrypted() {
    let header = r#"{"alg":"dir","enc":"A128GCM","typ":"at+jwt","cty":"JWT"}"#;
    let token = seal(header, &[], &CONTENT_KEY);
    let decrypted = Decryptor::new(Box::new(OsRng))
        .decrypt(token.as_bytes(), &[symmetric("", &CONTENT_KEY)], &[], &Unwrapped::default(), NOW)
        .unwrap();
    assert_eq!(decrypted.plaintext(), PLAINTEXT);
    assert_eq!((decrypted.typ(), decrypted.cty()), (Some("at+jwt"), Some("JWT")));
}

#[test]
fn headers_are_read_strictly() {
    let keys = [symmetric("", &CONTENT_KEY)];
    let nested = |depth: usize| {
        format!(r#"{{"alg":"dir","enc":"A128GCM","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    let good = [
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        "{ \"enc\" : \"A128GCM\",\r\n \"alg\":\"dir\" }",
        r#"{"alg":"dir","enc":"A128GCM","kid":"","x5t":"","x5t#S256":"","b":[1,{"c":null}]}"#,
        r#"{"alg":"dir","enc":"A128GCM","kid":"nobody","x5t":"nobody","x5t#S256":"nobody"}"#,
        r#"{"alg":"dir","enc":"A128GCM","jku":"https://evil.example","jwk":{"kty":"oct","k":"AAAA"},"x5c":[]}"#,
        &nested(MAX_DEPTH - 1),
    ];
    for header in good {
        assert_eq!(decrypt(&seal(header, &[], &CONTENT_KEY), &keys), Ok(PLAINTEXT.to_vec()), "{header}");
    }
    let bad = [
        "",
        "{}",
        "[]",
        "null",
        "\"dir\"",
        r#"["dir","A128GCM"]"#,
        r#"{"alg":"dir"}"#,
        r#"{"enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A128GCM","zip":null}"#,
        r#"{"alg":"dir","enc":"A128GCM","crit":["exp"],"exp":1}"#,
        r#"{"alg":"dir","enc":"A128GCM","crit":[]}"#,
        r#"{"alg":"dir","enc":"A128GCM","crit":null}"#,
        r#"{"alg":"dir","enc":"A128GCM","alg":"dir"}"#,
        r#"{"alg":"RSA1_5","enc":"A128GCM","alg":"dir"}"#,
        r#"{"alg":"dir","enc":"A128GCM","\u0065nc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"A128GCM","a":{"b":1,"b":1}}"#,
        r#"{"alg":"dir","enc":"A128GCM","kid":1}"#,
        r#"{"alg":"dir","enc":"A128GCM","kid":null}"#,
        r#"{"alg":"dir","enc":"A128GCM","x5t":[]}"#,
        r#"{"alg":"dir","enc":"A128GCM","x5t#S256":{}}"#,
        r#"{"alg":"dir","enc":"A128GCM","typ":1}"#,
        r#"{"alg":"dir","enc":"A128GCM","cty":true}"#,
        r#"{"alg":["dir"],"enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":null}"#,
        r#"{"alg":"Dir","enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"a128gcm"}"#,
        r#"{"alg":"dir","enc":"A128GCM "}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"dir","enc":"none"}"#,
        r#"{"alg":"dir","enc":"A128GCM"} "x""#,
        "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}\0",
        "\u{feff}{\"alg\":\"dir\",\"enc\":\"A128GCM\"}",
        &nested(MAX_DEPTH),
        &nested(20_000),
    ];
    for header in bad {
        let token = seal(header, &[], &CONTENT_KEY);
        assert_eq!(decrypt(&token, &keys), Err(DecryptionError::Failed), "{header:.80}");
    }
}

#[test]
fn other_algorithms_are_refused_whatever_stands_in_the_encrypted_key() {
    let names = [
        "RSA1_5",
        "RSA-OAEP-384",
        "RSA-OAEP-512",
        "ECDH-ES",
        "ECDH-ES+A128KW",
        "ECDH-ES+A256KW",
        "A128GCMKW",
        "A192GCMKW",
        "A256GCMKW",
        "PBES2-HS256+A128KW",
        "PBES2-HS512+A256KW",
        "A128GCM",
        "none",
        "HS256",
        "RS256",
        "A128kw",
        "RSA_OAEP",
        "",
    ];
    let keys = [certified(), symmetric("", &CONTENT_KEY), symmetric("", &KEK)];
    let (rsa, aes) = (encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha1>(), &CONTENT_KEY), wrap(&CONTENT_KEY));
    for name in names {
        for encrypted_key in [&[][..], &aes, &rsa] {
            let header = format!(r#"{{"alg":"{name}","enc":"A128GCM"}}"#);
            let token = seal(&header, encrypted_key, &CONTENT_KEY);
            assert_eq!(decrypt(&token, &keys), Err(DecryptionError::Failed), "{name}");
        }
    }
}

#[test]
fn keys_serve_the_algorithms_of_their_kind_and_length() {
    let aes = |name: &str| {
        seal(&format!(r#"{{"alg":"{name}","enc":"A128GCM"}}"#), &wrap(&CONTENT_KEY), &CONTENT_KEY)
    };
    let direct = seal(r#"{"alg":"dir","enc":"A128GCM"}"#, &[], &CONTENT_KEY);
    let oaep = |name: &str| {
        let encrypted_key = encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha256>(), &CONTENT_KEY);
        seal(&format!(r#"{{"alg":"{name}","enc":"A128GCM"}}"#), &encrypted_key, &CONTENT_KEY)
    };
    let longer = [CONTENT_KEY; 2].concat();
    let cases = [
        (aes("A256KW"), symmetric("", &KEK), true),
        (aes("A192KW"), symmetric("", &KEK), false),
        (aes("A128KW"), symmetric("", &KEK), false),
        (aes("A192KW"), symmetric("", &KEK[..24]), false),
        (aes("A128KW"), symmetric("", &KEK[..16]), false),
        (aes("A256KW"), symmetric("", &[KEK; 2].concat()), false),
        (direct.clone(), symmetric("", &CONTENT_KEY), true),
        (direct.clone(), symmetric("", &longer), false),
        (direct, certified(), false),
        (oaep("RSA-OAEP-256"), certified(), true),
        (oaep("RSA-OAEP"), certified(), false),
        (seal_rsa(""), certified(), true),
        (aes("RSA-OAEP"), certified(), false),
        (oaep("A256KW"), symmetric("", &KEK), false),
        (oaep("dir"), symmetric("", &CONTENT_KEY), false),
        (aes("dir"), symmetric("", &CONTENT_KEY), false),
    ];
    for (index, (token, key, is_good)) in cases.into_iter().enumerate() {
        let expected = if is_good { Ok(PLAINTEXT.to_vec()) } else { Err(DecryptionError::Failed) };
        assert_eq!(decrypt(&token, &[key]), expected, "case {index}: {token:.60}");
        assert_eq!(decrypt(&token, &[]), Err(DecryptionError::Failed), "case {index} without keys");
    }
}

#[test]
fn a_content_key_has_the_length_of_its_encryption() {
    for length in [8, 24, 32, 48, 64] {
        let content_key = vec![7; length];
        let tokens = [
            seal(r#"{"alg":"A256KW","enc":"A128GCM"}"#, &wrap(&content_key), &CONTENT_KEY),
            seal(
                r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
                &encrypt_rsa(PRIVATE_KEY, Oaep::new::<Sha1>(), &content_key),
                &CONTENT_KEY,
            ),
        ];
        for token in tokens {
            let keys = [symmetric("", &KEK), certified()];
            assert_eq!(decrypt(&token, &keys), Err(DecryptionError::Failed), "{length}");
        }
    }
}

/// Unwrapping takes six AES operations for eight bytes, with each of sixteen secrets: some 40 KB would take a proxy a second.
#[test]
fn a_wrapped_key_of_another_length_is_refused_before_it_is_unwrapped() {
    for (enc, content_key_bytes) in [("A128GCM", 16), ("A192GCM", 24), ("A256GCM", 32)] {
        for length in [0, 7, 8, 24, 32, 40, 48, 56, 72, 43_000] {
            let header = format!(r#"{{"alg":"A256KW","enc":"{enc}"}}"#);
            let token = join(&header, [&vec![1; length], &[3; 12], PLAINTEXT, &[0; 16]]);
            let is_right = length == content_key_bytes + 8;
            assert_eq!(Jwe::parse(token.as_bytes()).is_some(), is_right, "{enc} {length}");
        }
    }
}

/// What stands in for a content key that could not be unwrapped must not be one that a stranger knows.
#[test]
fn a_key_that_fails_is_replaced_by_one_that_nobody_knows() {
    let keys = [symmetric("", &KEK), certified()];
    for known in [[0; 16], [0xff; 16]] {
        for encrypted_key in [vec![0; 24], vec![0xff; 24], Vec::new(), vec![1; 7], vec![1; 8], vec![1; 1000]]
        {
            let token = seal(r#"{"alg":"A256KW","enc":"A128GCM"}"#, &encrypted_key, &known);
            assert_eq!(decrypt(&token, &keys), Err(DecryptionError::Failed));
        }
        for encrypted_key in [vec![0; 256], vec![1; 256], vec![0xff; 256]] {
            let token = seal(r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, &encrypted_key, &known);
            assert_eq!(decrypt(&token, &keys), Err(DecryptionError::Failed));
        }
    }
}

#[test]
fn vectors_and_tags_have_one_length() {
    let header = r#"{"alg":"dir","enc":"A128GCM"}"#;
    let authenticated = URL_SAFE_NO_PAD.encode(header);
    let keys = [symmetric("", &CONTENT_KEY)];
    let mut text = PLAINTEXT.to_vec();
    let tag = AesGcm::<Aes128, U16>::new(&CONTENT_KEY.into())
        .encrypt_in_place_detached(&[3; 16].into(), authenticated.as_bytes(), &mut text)
        .unwrap();
    let long_vector = join(header, [&[], &[3; 16], &text, &tag]);
    assert_eq!(decrypt(&long_vector, &keys), Err(DecryptionError::Failed));
    let good = seal(header, &[], &CONTENT_KEY);
    assert!(decrypt(&good, &keys).is_ok());
    let (front, tag) = good.rsplit_once('.').unwrap();
    let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
    for length in 0..tag.len() {
        let short_tag = format!("{front}.{}", URL_SAFE_NO_PAD.encode(&tag[..length]));
        assert_eq!(decrypt(&short_tag, &keys), Err(DecryptionError::Failed), "{length}");
    }
    for (vector, tag_length, is_good) in
        [(16, 16, true), (16, 32, false), (16, 15, false), (16, 1, false), (16, 0, false), (12, 16, false)]
    {
        let token = seal_cbc(&CBC_KEY, vector, tag_length, true);
        assert_eq!(decrypt(&token, &[symmetric("", &CBC_KEY)]).is_ok(), is_good, "{vector} {tag_length}");
    }
}

#[test]
fn a_padding_that_is_none_fails_like_a_tag() {
    let keys = [symmetric("", &CBC_KEY)];
    assert_eq!(decrypt(&seal_cbc(&CBC_KEY, 16, 16, true), &keys), Ok(vec![0x55; 20]));
    assert_eq!(decrypt(&seal_cbc(&CBC_KEY, 16, 16, false), &keys), Err(DecryptionError::Failed));
}

#[test]
fn names_choose_the_key() {
    let x5t = "EGVJAWjJE0tbH3-0kLLGSyvJhW4";
    let s256 = "i4qBqVkz4bQX8tdK8elay8zQlwv49Nu6VSiHUAhjc4w";
    let hexadecimal = "1065490168c9134b5b1f7fb490b2c64b2bc9856e";
    let other = || DecryptionKey::rsa(Some("other".into()), None, private_key(OTHER_PRIVATE_KEY));
    // Two private keys; the good one is the second, so that it is found by its name alone.
    let cases = [
        (r#","kid":"rsa""#.to_owned(), true),
        (format!(r#","kid":"{x5t}""#), true),
        (format!(r#","kid":"{hexadecimal}""#), true),
        (format!(r#","x5t":"{x5t}""#), true),
        (format!(r#","x5t#S256":"{s256}""#), true),
        (format!(r#","kid":"nobody","x5t#S256":"nobody","x5t":"{x5t}""#), true),
        (format!(r#","kid":"other","x5t":"{x5t}""#), false),
        (format!(r#","x5t":"nobody","x5t#S256":"{x5t}""#), false),
        (format!(r#","x5t":"{s256}""#), false),
        (r#","kid":"RSA""#.to_owned(), false),
        (String::new(), false),
    ];
    for (members, is_good) in cases {
        let keys = [other(), certified()];
        assert_eq!(decrypt(&seal_rsa(&members), &keys).is_ok(), is_good, "{members}");
    }
    assert!(
        decrypt(&seal_rsa(""), &[symmetric("", &KEK), certified(), other()]).is_ok(),
        "the first RSA key"
    );
    assert!(decrypt(&seal_rsa(r#","kid":"s""#), &[symmetric("s", &KEK), certified()]).is_err());
}

#[test]
fn every_secret_is_tried_unless_one_is_named() {
    let direct =
        |members: &str| seal(&format!(r#"{{"alg":"dir","enc":"A128GCM"{members}}}"#), &[], &CONTENT_KEY);
    let wrapped = |members: &str| {
        seal(&format!(r#"{{"alg":"A256KW","enc":"A128GCM"{members}}}"#), &wrap(&CONTENT_KEY), &CONTENT_KEY)
    };
    let keys = || {
        let mut keys: Vec<_> = (0..14).map(|n| symmetric(&format!("{n}"), &[n; 16])).collect();
        keys.extend([[1; 32], KEK].map(|secret| symmetric("wrap", &secret)));
        keys[9] = symmetric("right", &CONTENT_KEY);
        keys
    };
    for (token, is_good) in [
        (direct(""), true),
        (direct(r#","kid":"right""#), true),
        (direct(r#","kid":"nobody""#), true),
        (direct(r#","kid":"1""#), false),
        (direct(r#","kid":"wrap""#), false),
        (wrapped(""), true),
        (wrapped(r#","kid":"wrap""#), true),
        (wrapped(r#","kid":"1""#), false),
    ] {
        assert_eq!(decrypt(&token, &keys()).is_ok(), is_good, "{token:.80}");
    }
}

#[test]
fn secrets_have_the_length_of_a_key() {
    for length in 0..=100 {
        let key = DecryptionKey::symmetric(None, vec![1; length]);
        match key {
            Ok(key) => assert!([16, 24, 32, 48, 64].contains(&length) && !key.is_rsa()),
            Err(fault) => {
                assert!(![16, 24, 32, 48, 64].contains(&length));
                assert_eq!(fault, DecryptionKeyFault { bytes: length });
                assert!(
                    fault.to_string().contains(&format!("of {length} bytes; keys have 16, 24, 32, 48 or 64"))
                );
            }
        }
    }
    assert!(certified().is_rsa());
}

#[test]
fn debug_shows_nothing_of_keys_and_tokens() {
    let unwrapped = Unwrapped::default();
    let decryptor = Decryptor::new(Box::new(OsRng));
    let decrypted = decryptor.decrypt(seal_rsa("").as_bytes(), &[certified()], &[], &unwrapped, NOW).unwrap();
    assert_eq!(
        format!("{:?} {:?} {decryptor:?} {unwrapped:?} {decrypted:?}", certified(), symmetric("k", &KEK)),
        "DecryptionKey(RSA) DecryptionKey(symmetric) Decryptor(…) Unwrapped(…) Decrypted(…)"
    );
}
