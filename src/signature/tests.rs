use std::{cell::Cell, rc::Rc};

use super::{
    known_answers::{self, KNOWN_ANSWERS},
    *,
};

/// What a host does that implements the function as Envoy does: it verifies what the arguments say.
fn honest(arguments: &[u8]) -> Vec<u8> {
    use rsa::pkcs8::DecodePublicKey;
    let (hash, spki, signature, text) = read_arguments(arguments);
    let verified = if let Ok(key) = rsa::RsaPublicKey::from_public_key_der(&spki) {
        verify_rsa(&key, &hash, &signature, &text)
    } else {
        verify_ecdsa(&spki, &hash, &signature, &text)
    };
    if verified { vec![8, 1] } else { b"\x12\x18Failed to verify digest.".to_vec() }
}

fn verify_rsa(key: &rsa::RsaPublicKey, hash: &str, signature: &[u8], text: &[u8]) -> bool {
    use sha2::Digest;
    let (scheme, digest) = match hash {
        "sha256" => (rsa::Pkcs1v15Sign::new::<sha2::Sha256>(), sha2::Sha256::digest(text).to_vec()),
        "sha384" => (rsa::Pkcs1v15Sign::new::<sha2::Sha384>(), sha2::Sha384::digest(text).to_vec()),
        _ => (rsa::Pkcs1v15Sign::new::<sha2::Sha512>(), sha2::Sha512::digest(text).to_vec()),
    };
    key.verify(scheme, &digest, signature).is_ok()
}

fn verify_ecdsa(spki: &[u8], hash: &str, signature: &[u8], text: &[u8]) -> bool {
    use p256::{ecdsa::signature::Verifier, pkcs8::DecodePublicKey};
    match hash {
        "sha256" => p256::ecdsa::VerifyingKey::from_public_key_der(spki).is_ok_and(|key| {
            p256::ecdsa::DerSignature::from_bytes(signature).is_ok_and(|s| key.verify(text, &s).is_ok())
        }),
        "sha384" => p384::ecdsa::VerifyingKey::from_public_key_der(spki).is_ok_and(|key| {
            p384::ecdsa::DerSignature::from_bytes(signature).is_ok_and(|s| key.verify(text, &s).is_ok())
        }),
        _ => p521::PublicKey::from_public_key_der(spki).is_ok_and(|key| {
            let key = p521::ecdsa::VerifyingKey::from_affine(*key.as_affine()).unwrap();
            p521::ecdsa::Signature::from_der(signature).is_ok_and(|s| key.verify(text, &s).is_ok())
        }),
    }
}

/// Reads the four fields of `VerifySignatureArguments`.
fn read_arguments(mut bytes: &[u8]) -> (String, Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut fields = vec![Vec::new(); 5];
    while let [tag, rest @ ..] = bytes {
        assert_eq!(tag & 7, 2, "length-delimited");
        let (mut length, mut shift, mut rest) = (0, 0, rest);
        loop {
            let byte = rest[0];
            rest = &rest[1..];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        fields[usize::from(tag >> 3)] = rest[..length].to_vec();
        bytes = &rest[length..];
    }
    let hash = String::from_utf8(fields[1].clone()).unwrap();
    (hash, fields[2].clone(), fields[3].clone(), fields[4].clone())
}

/// The form that `rsa` gives the key, byte for byte.
#[test]
fn an_rsa_key_is_written_for_the_host_as_others_write_it() {
    use rsa::{BigUint, pkcs8::EncodePublicKey};
    for (n, e) in
        [(vec![0xff; 256], vec![1, 0, 1]), (vec![0x7f; 257], vec![3]), (vec![0x01; 512], vec![0xff; 4])]
    {
        let key = rsa::RsaPublicKey::new(BigUint::from_bytes_be(&n), BigUint::from_bytes_be(&e)).unwrap();
        let with_zeros = PublicKey::rsa(&[&[0; 3], &n[..]].concat(), &[&[0; 2], &e[..]].concat()).unwrap();
        assert_eq!(with_zeros.host_field, host::key_field(key.to_public_key_der().unwrap().as_bytes()));
    }
}

#[test]
fn known_answers_hold_in_rust() {
    let verifier = Verifier::rust_only();
    for answer in &KNOWN_ANSWERS {
        let (algorithm, (key, good)) = (answer.algorithm, answer.decode().unwrap());
        let key = VerifyingKey::Public(key);
        assert!(verifier.verify(algorithm, &key, known_answers::MESSAGE, &good), "{algorithm}");
        assert!(
            !verifier.verify(algorithm, &key, known_answers::MESSAGE, &known_answers::flipped(&good)),
            "{algorithm}"
        );
        assert!(!verifier.verify(algorithm, &key, b"another message", &good), "{algorithm}");
    }
}

#[test]
fn a_host_that_works_is_used_and_agrees_with_rust() {
    let calls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&calls);
    let verifier = Verifier::with_host(Box::new(move |arguments| {
        counter.set(counter.get() + 1);
        Some(honest(arguments))
    }));
    assert_eq!(verifier.host_algorithms(), KNOWN_ANSWERS.iter().map(|answer| answer.algorithm).collect());
    for answer in &KNOWN_ANSWERS {
        let (algorithm, (key, good)) = (answer.algorithm, answer.decode().unwrap());
        let key = VerifyingKey::Public(key);
        let before = calls.get();
        assert!(verifier.verify(algorithm, &key, known_answers::MESSAGE, &good));
        assert!(!verifier.verify(algorithm, &key, b"another message", &good));
        assert_eq!(calls.get(), before + 2, "{algorithm} is asked of the host");
        for wrong in [&good[..good.len() - 1], &[], &vec![0; good.len()], &[good.as_slice(), &[0]].concat()] {
            assert!(!verifier.verify(algorithm, &key, known_answers::MESSAGE, wrong), "{algorithm}");
        }
    }
}

#[test]
fn nothing_of_one_question_to_the_host_is_left_in_the_next() {
    let asked = Rc::new(Cell::new(Vec::new()));
    let last = Rc::clone(&asked);
    let host = Host::new(Box::new(move |arguments| {
        last.set(arguments.to_vec());
        Some(honest(arguments))
    }));
    for answer in &KNOWN_ANSWERS {
        let (key, good) = answer.decode().unwrap();
        let questions = [[0; 1000].as_slice(), known_answers::MESSAGE].map(|message| {
            assert_eq!(host.verify(answer.algorithm, &key, message, &good), Some(message.len() < 1000));
            asked.take()
        });
        let (_, _, signature, text) = read_arguments(&questions[1]);
        assert_eq!(text, known_answers::MESSAGE);
        // Each of the three fields besides the key has a byte for its tag, and these lengths take one or two.
        let fields = 8 + key.host_field.len() + signature.len() + text.len();
        assert!((fields + 4..=fields + 5).contains(&questions[1].len()), "{}", answer.algorithm);
    }
}

#[test]
fn a_host_that_cannot_be_trusted_is_not_asked() {
    let hosts = [
        ("missing", None),
        ("says yes", Some(vec![8, 1])),
        ("says no", Some(Vec::new())),
        ("says nonsense", Some(vec![8, 2])),
        ("another message", Some(vec![8, 1, 0x12, 0])),
    ];
    for (name, answer) in hosts {
        let verifier = Verifier::with_host(Box::new(move |_| answer.clone()));
        assert_eq!(verifier.host_algorithms(), AlgorithmSet::default(), "{name}");
        let (key, good) = KNOWN_ANSWERS[0].decode().unwrap();
        let key = VerifyingKey::Public(key);
        assert!(verifier.verify(Algorithm::Rs256, &key, known_answers::MESSAGE, &good), "{name}");
        assert!(!verifier.verify(Algorithm::Rs256, &key, b"x", &good), "{name}");
    }
}

#[test]
fn a_host_is_asked_only_for_what_it_knows() {
    use rsa::pkcs8::DecodePublicKey;
    let asked = Rc::new(Cell::new(0));
    let counter = Rc::clone(&asked);
    let verifier = Verifier::with_host(Box::new(move |arguments| {
        counter.set(counter.get() + 1);
        let (_, spki, ..) = read_arguments(arguments);
        rsa::RsaPublicKey::from_public_key_der(&spki).is_ok().then(|| honest(arguments))
    }));
    let known = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];
    assert_eq!(verifier.host_algorithms(), known.into_iter().collect());
    let before = asked.get();
    for answer in KNOWN_ANSWERS.iter().filter(|answer| !known.contains(&answer.algorithm)) {
        let (key, good) = answer.decode().unwrap();
        assert!(verifier.verify(answer.algorithm, &VerifyingKey::Public(key), known_answers::MESSAGE, &good));
    }
    assert_eq!(asked.get(), before);
}

#[test]
fn a_host_that_fails_later_is_replaced_by_rust() {
    let calls = Cell::new(0);
    let verifier = Verifier::with_host(Box::new(move |arguments| {
        calls.set(calls.get() + 1);
        (calls.get() <= 12).then(|| honest(arguments))
    }));
    assert_eq!(verifier.host_algorithms().iter().count(), 6);
    let (key, good) = KNOWN_ANSWERS[3].decode().unwrap();
    let key = VerifyingKey::Public(key);
    assert!(verifier.verify(Algorithm::Es256, &key, known_answers::MESSAGE, &good));
    assert!(!verifier.verify(Algorithm::Es256, &key, b"x", &good));
}

#[test]
fn a_signature_of_zeros_verifies_nothing() {
    let verifier = Verifier::rust_only();
    for answer in &KNOWN_ANSWERS {
        let (algorithm, (key, good)) = (answer.algorithm, answer.decode().unwrap());
        let key = VerifyingKey::Public(key);
        assert!(
            !verifier.verify(algorithm, &key, known_answers::MESSAGE, &vec![0; good.len()]),
            "{algorithm}"
        );
    }
}

#[test]
fn keys_serve_only_their_algorithms_whatever_the_token_says() {
    let verifier = Verifier::rust_only();
    let (key, good) = KNOWN_ANSWERS[0].decode().unwrap();
    let (_, spki, ..) = read_arguments(&key.host_field);
    let key = VerifyingKey::Public(key);
    let all: AlgorithmSet = AlgorithmSet::asymmetric();
    for other in all.iter().filter(|algorithm| *algorithm != Algorithm::Rs256) {
        assert!(!verifier.verify(other, &key, known_answers::MESSAGE, &good), "{other}");
    }
    // Algorithm confusion: the public key's bytes as an HMAC secret.
    let secret = VerifyingKey::Symmetric(SymmetricKey::new(spki).unwrap());
    assert!(!secret.serves(Algorithm::Rs256) && !key.serves(Algorithm::Hs256));
}

#[test]
fn secrets_serve_the_hashes_that_they_are_as_long_as() {
    for (length, serves) in [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3), (1000, 3)] {
        let key = SymmetricKey::new(vec![1; length]).unwrap();
        let all = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
        assert_eq!(all.into_iter().filter(|algorithm| key.serves(*algorithm)).count(), serves, "{length}");
        assert_eq!(format!("{key:?}"), "SymmetricKey(…)");
    }
    assert_eq!(SymmetricKey::new(vec![1; 31]).unwrap_err(), KeyFault::HmacTooShort { bytes: 31 });
}
