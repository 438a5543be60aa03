use std::{cell::Cell, rc::Rc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    known_answers::{self, KNOWN_ANSWERS},
    *,
};

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.replace(['\n', ' '], "")).unwrap()
}

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

/// RFC 7515 Appendix A: the examples' signing input and signatures.
#[test]
fn examples_of_rfc_7515() {
    let verifier = Verifier::rust_only();
    // A.1, HS256
    let secret =
        decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let key = VerifyingKey::Symmetric(SymmetricKey::new(secret).unwrap());
    let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let input = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}");
    let signature = decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert!(verifier.verify(Algorithm::Hs256, &key, input.as_bytes(), &signature));
    assert!(!verifier.verify(Algorithm::Hs256, &key, input.as_bytes(), &known_answers::flipped(&signature)));
    assert!(!verifier.verify(Algorithm::Hs512, &key, input.as_bytes(), &signature));
    // A.3, ES256
    let key = PublicKey::ec(
        Curve::P256,
        &decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        &decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    );
    let key = VerifyingKey::Public(key.unwrap());
    let input = format!("eyJhbGciOiJFUzI1NiJ9.{payload}");
    let signature =
        decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    assert!(verifier.verify(Algorithm::Es256, &key, input.as_bytes(), &signature));
    assert!(!verifier.verify(Algorithm::Es256, &key, input.as_bytes(), &known_answers::flipped(&signature)));
    // A.4, ES512
    let key = PublicKey::ec(
        Curve::P521,
        &decode("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"),
        &decode("ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"),
    );
    let key = VerifyingKey::Public(key.unwrap());
    let signature = decode(
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt\
         AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    );
    assert!(verifier.verify(Algorithm::Es512, &key, b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", &signature));
    assert!(!verifier.verify(Algorithm::Es512, &key, b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZQ", &signature));
}

/// RFC 8037 Appendix A.4 and A.5.
#[test]
fn example_of_rfc_8037() {
    let key = PublicKey::ed25519(&decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
    let key = VerifyingKey::Public(key);
    let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    let verifier = Verifier::rust_only();
    assert!(verifier.verify(Algorithm::Ed25519, &key, input, &signature));
    assert!(!verifier.verify(Algorithm::Ed25519, &key, input, &known_answers::flipped(&signature)));
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
    let spki = key.spki.clone();
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
