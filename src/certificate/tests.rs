use base64::engine::general_purpose::STANDARD;
use rsa::{
    BigUint, Pkcs1v15Sign, RsaPrivateKey,
    pkcs1::{self, EncodeRsaPrivateKey, UintRef, der::Encode},
    traits::{PrivateKeyParts, PublicKeyParts},
};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    algorithm::Algorithm,
    signature::{Verifier, VerifyingKey},
};

/// A file of `tests/fixtures/certificates`; `make.sh` beside it made them all.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../tests/fixtures/certificates/", $name))
    };
}

const RSA: &str = fixture!("rsa.pem");
const RSA_KEY: &str = fixture!("rsa.key.pem");

fn fault(pem: &str) -> CertificateError {
    Certificate::parse(pem).unwrap_err()
}

fn key_fault(pem: &str) -> CertificateError {
    PrivateKey::parse(pem, None).unwrap_err()
}

fn label(expected: &'static str, found: &str) -> CertificateError {
    CertificateError::Label { expected, found: found.into() }
}

#[test]
fn a_certificate_gives_its_key_its_names_and_its_end() {
    // Names and dates as `openssl x509 -fingerprint -enddate` shows them.
    let certificate = Certificate::parse(RSA).unwrap();
    assert_eq!(format!("{:?}", certificate.public_key()), "PublicKey(RSA)");
    let names = certificate.thumbprints();
    assert_eq!(names.x5t(), "EGVJAWjJE0tbH3-0kLLGSyvJhW4");
    assert_eq!(names.x5t_s256(), "i4qBqVkz4bQX8tdK8elay8zQlwv49Nu6VSiHUAhjc4w");
    for (key_id, matches) in [
        ("EGVJAWjJE0tbH3-0kLLGSyvJhW4", true),
        ("egvjawjje0tbh3-0kllgsyvjhw4", false),
        ("1065490168C9134B5B1F7FB490B2C64B2BC9856E", true),
        ("1065490168c9134b5b1f7fb490b2c64b2bc9856e", true),
        ("10:65:49:01:68:C9:13:4B:5B:1F:7F:B4:90:B2:C6:4B:2B:C9:85:6E", false),
        ("", false),
    ] {
        assert_eq!(names.match_key_id(key_id), matches, "{key_id}");
    }
    // A UTCTime, and beyond 2049 a GeneralizedTime: 2046-11-17T05:33:04Z and 2126-10-29T05:33:07Z.
    assert_eq!(certificate.not_after(), Timestamp::from_secs(2_426_045_584));
    let certificate = Certificate::parse(fixture!("p256.pem")).unwrap();
    assert_eq!(certificate.not_after(), Timestamp::from_secs(4_948_925_587));
    assert_eq!(certificate.thumbprints().x5t(), "GcLahIMqm0T6bC4GwIhi_Ez3TbA");
}

#[test]
fn keys_of_every_kind_that_verifies_are_read() {
    for (pem, kind) in [
        (RSA, "PublicKey(RSA)"),
        (fixture!("p256.pem"), "PublicKey(P-256)"),
        (fixture!("p384.pem"), "PublicKey(P-384)"),
        (fixture!("p521.pem"), "PublicKey(P-521)"),
        (fixture!("ed25519.pem"), "PublicKey(Ed25519)"),
    ] {
        assert_eq!(format!("{:?}", Certificate::parse(pem).unwrap().public_key()), kind);
    }
    assert_eq!(fault(fixture!("ed448.pem")), CertificateError::KeyKind);
    assert_eq!(fault(fixture!("small.pem")), CertificateError::Key(KeyFault::RsaTooSmall { bits: 1024 }));
}

#[test]
fn the_key_of_the_certificate_verifies_what_its_private_key_signs() {
    let certificate = Certificate::parse(RSA).unwrap();
    let private = PrivateKey::parse(RSA_KEY, Some(&certificate)).unwrap();
    let scheme = Pkcs1v15Sign::new::<Sha256>();
    let signature = private.as_rsa().sign(scheme, &Sha256::digest(b"message")).unwrap();
    let key = VerifyingKey::Public(certificate.public_key().clone());
    assert!(Verifier::rust_only().verify(Algorithm::Rs256, &key, b"message", &signature));
    assert!(!Verifier::rust_only().verify(Algorithm::Rs256, &key, b"other", &signature));
}

#[test]
fn pem_is_read_as_tools_write_it() {
    let unix = Certificate::parse(RSA).unwrap();
    let in_one_line = RSA.replace('\n', " ");
    for (pem, further) in [
        (RSA.replace('\n', "\r\n"), 0),
        (in_one_line, 0),
        (format!("\n  {RSA}\n\n"), 0),
        (format!("subject=CN = rsa\n{RSA}"), 0),
        (fixture!("rsa.attributes.pem").into(), 0),
        (format!("{RSA}{}", fixture!("p256.pem")), 1),
        (format!("{RSA}\nissuer\n{}{}", fixture!("p256.pem"), fixture!("p384.pem")), 2),
    ] {
        let certificate = Certificate::parse(&pem).unwrap();
        assert_eq!(
            (certificate.thumbprints(), certificate.further()),
            (unix.thumbprints(), further),
            "{pem}"
        );
    }
}

#[test]
fn what_is_no_certificate_is_told_apart() {
    let body = RSA.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let begin = "-----BEGIN CERTIFICATE-----";
    let end = "-----END CERTIFICATE-----";
    let cut = body.get(..body.len() - 8).unwrap();
    for (pem, expected) in [
        (String::new(), CertificateError::NotPem),
        ("certificate".into(), CertificateError::NotPem),
        (body.clone(), CertificateError::Binary),
        (fixture!("rsa.der.base64").into(), CertificateError::Binary),
        (fixture!("rsa.pfx.base64").into(), CertificateError::Binary),
        (RSA.replace('\n', "\\n"), CertificateError::EscapedLineBreaks),
        (format!("{begin}{body}{end}\\n"), CertificateError::EscapedLineBreaks),
        (RSA.replace(end, ""), CertificateError::Truncated),
        ("-----BEGIN CERTIFICATE".into(), CertificateError::Truncated),
        (format!("{begin}\n{body}\n-----END PRIVATE KEY-----\n"), CertificateError::Truncated),
        (format!("{RSA}trailing"), CertificateError::TrailingText),
        (format!("{RSA}{end}"), CertificateError::TrailingText),
        (format!("{RSA}{begin}"), CertificateError::Truncated),
        (format!("{begin}{body}={end}"), CertificateError::Base64),
        (format!("{begin}{}{end}", body.replace('A', "_")), CertificateError::Base64),
        (format!("{begin}{begin}{body}{end}"), CertificateError::Base64),
        (format!("{begin}{end}"), CertificateError::NotX509),
        (format!("{begin}{cut}{end}"), CertificateError::NotX509),
        (format!("{begin}MAA={end}"), CertificateError::NotX509),
        (format!("{begin}AAAA{end}"), CertificateError::NotX509),
        (RSA_KEY.into(), CertificateError::PrivateKeyInCertificate),
        (fixture!("rsa.both.pem").into(), CertificateError::PrivateKeyInCertificate),
        (fixture!("rsa.key.encrypted.pem").into(), CertificateError::PrivateKeyInCertificate),
        (RSA.replace("CERTIFICATE", "PUBLIC KEY"), label("CERTIFICATE", "PUBLIC KEY")),
        (RSA.replace("CERTIFICATE", "a\u{202e}"), label("CERTIFICATE", "a\\u{202e}")),
    ] {
        assert_eq!(fault(&pem), expected, "{pem}");
    }
}

#[test]
fn no_damage_to_a_certificate_panics() {
    let der = pem::blocks(RSA).unwrap().remove(0).content;
    for index in 0..der.len() {
        for bit in [1, 0x80] {
            let mut damaged = der.to_vec();
            damaged[index] ^= bit;
            let _either = x509::read(&damaged);
        }
        assert!(x509::read(&der[..index]).is_err());
    }
    assert!(x509::read(&[&der[..], &[0]].concat()).is_err(), "something follows the certificate");
}

#[test]
fn private_keys_are_read_in_both_forms_and_beside_certificates() {
    let certificate = Certificate::parse(RSA).unwrap();
    for pem in [RSA_KEY, fixture!("rsa.key.pkcs1.pem"), fixture!("rsa.both.pem")] {
        let key = PrivateKey::parse(pem, Some(&certificate)).unwrap();
        assert_eq!(key.as_rsa().n().bits(), 2048);
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
        assert!(PrivateKey::parse(pem, None).is_ok());
    }
}

#[test]
fn a_private_key_belongs_to_its_certificate() {
    let other = fixture!("other.key.pem");
    for certificate in [RSA, fixture!("p256.pem")] {
        let certificate = Certificate::parse(certificate).unwrap();
        assert_eq!(PrivateKey::parse(other, Some(&certificate)).unwrap_err(), CertificateError::Mismatch);
    }
}

#[test]
fn what_is_no_private_key_is_told_apart() {
    let pkcs1 = fixture!("rsa.key.pkcs1.pem");
    for (pem, expected) in [
        ("key".into(), CertificateError::NotPem),
        (fixture!("rsa.key.encrypted.pem").into(), CertificateError::EncryptedPrivateKey),
        (fixture!("rsa.key.pkcs1.encrypted.pem").into(), CertificateError::EncryptedPrivateKey),
        (fixture!("rsa.pfx.base64").into(), CertificateError::Binary),
        (RSA_KEY.replace('\n', "\\n"), CertificateError::EscapedLineBreaks),
        (format!("{RSA_KEY}{pkcs1}"), CertificateError::SeveralPrivateKeys),
        (fixture!("small.key.pem").into(), CertificateError::PrivateKeySize { bits: 1024 }),
        (fixture!("large.key.pem").into(), CertificateError::PrivateKeySize { bits: 5120 }),
        (fixture!("p256.key.pem").into(), CertificateError::NotRsa),
        (fixture!("p256.key.pem").replace("PRIVATE", "EC PRIVATE"), CertificateError::NotRsa),
        (RSA.into(), label("PRIVATE KEY", "CERTIFICATE")),
        (RSA_KEY.replace("PRIVATE", "PUBLIC"), label("PRIVATE KEY", "PUBLIC KEY")),
        (pkcs1.replace("RSA PRIVATE", "PRIVATE"), CertificateError::InvalidPrivateKey),
        (RSA_KEY.replace("PRIVATE", "RSA PRIVATE"), CertificateError::InvalidPrivateKey),
        (RSA_KEY.replace("MII", "MIJ"), CertificateError::InvalidPrivateKey),
        ("-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----".into(), CertificateError::InvalidPrivateKey),
    ] {
        assert_eq!(key_fault(&pem), expected, "{pem}");
    }
}

fn read_pkcs1(der: &[u8]) -> Result<PrivateKey, CertificateError> {
    let base64 = STANDARD.encode(der);
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{base64}\n-----END RSA PRIVATE KEY-----");
    PrivateKey::parse(&pem, None)
}

#[test]
fn a_private_key_has_2048_to_4096_bits() {
    // One that is no key, but for its size. A real one of 4096 bits is in RFC 7520, for `src/jwe/tests/examples.rs`.
    let of_bits = |bits: usize| {
        let modulus = (BigUint::from(1_u8) << (bits - 1)).to_bytes_be();
        let [number, modulus] = [&[1], modulus.as_slice()].map(|bytes| UintRef::new(bytes).unwrap());
        let key = pkcs1::RsaPrivateKey {
            modulus,
            public_exponent: number,
            private_exponent: number,
            prime1: number,
            prime2: number,
            exponent1: number,
            exponent2: number,
            coefficient: number,
            other_prime_infos: None,
        };
        read_pkcs1(&key.to_der().unwrap()).unwrap_err()
    };
    for (bits, is_accepted) in [(2047, false), (2048, true), (4096, true), (4097, false)] {
        let expected = if is_accepted {
            CertificateError::InvalidPrivateKey
        } else {
            CertificateError::PrivateKeySize { bits }
        };
        assert_eq!(of_bits(bits), expected, "{bits}");
    }
}

#[test]
fn a_private_key_that_would_take_long_is_refused() {
    // Primes of 1000 and of 1100 bits, made by `openssl prime -generate -hex -bits …`.
    const SHORT: &str = "\
        F5C0F12B3B5AA2B61D134035EEF6156D5ED51F3EE6FA83641A687831D18599FDEE940D2E87D066DE04B7A8A653C3CD01\
        C388401E3D946DF7321DE4508D4414BEB03C11A4180EECD451350F37F4CB7D4545CB6336765F48DD2F987EC2BD8CE76B\
        C58DA039EF687354E1D910D234AD567FE5AF27F6D36B8726052832DCD7\
    ";
    const LONG: &str = "\
        0F2B9B5D7D7DEBF3B3FEC59199D74B0FC01FB1A02B4E5224358C7C3D3E557FD676F2BBF6E143494034340A3CBFBE9957\
        878A037C6B3D8C5D15446A126685036D36BDF791844C46C05356CF28450A5A58F37E71AA60B0FF0604A0A75EFD6C54D3\
        68C0718DF111BAD19772DB8C5945CB6C76043D7592278EA1BFFE6FF7C6277F4EB90D89280CE0ECB1CF4D\
    ";
    let prime = |text: &str| BigUint::parse_bytes(text.as_bytes(), 16).unwrap();
    let uneven = RsaPrivateKey::from_p_q(prime(SHORT), prime(LONG), BigUint::from(65537_u32)).unwrap();
    let good = PrivateKey::parse(RSA_KEY, None).unwrap();
    let one = BigUint::from(1_u8);
    let totient = good.as_rsa().primes().iter().fold(one.clone(), |totient, prime| totient * (prime - &one));
    let large_exponent = RsaPrivateKey::from_components(
        good.as_rsa().n().clone(),
        good.as_rsa().e().clone(),
        good.as_rsa().d() + (totient << 4096),
        good.as_rsa().primes().to_vec(),
    )
    .unwrap();
    for (key, is_good) in [(good.as_rsa(), true), (&uneven, false), (&large_exponent, false)] {
        let der = key.to_pkcs1_der().unwrap();
        assert_eq!(read_pkcs1(der.as_bytes()).is_ok(), is_good);
    }
}

#[test]
fn a_damaged_private_key_is_refused() {
    let der = pem::blocks(fixture!("rsa.key.pkcs1.pem")).unwrap().remove(0).content;
    assert!(read_pkcs1(&der).is_ok());
    // What follows the second prime, `d mod (p-1)` and so on, is computed anew and not read.
    let end_of_primes = der.len() - 3 * 132;
    for index in (0..end_of_primes).step_by(7) {
        let mut damaged = der.to_vec();
        damaged[index] ^= 1;
        assert!(read_pkcs1(&damaged).is_err(), "byte {index}");
    }
}

#[test]
fn every_error_says_what_would_be_right() {
    for (error, remedy) in [
        (CertificateError::NotPem, "-----BEGIN"),
        (CertificateError::Binary, "openssl pkcs12"),
        (CertificateError::EscapedLineBreaks, "have to be line breaks"),
        (CertificateError::PrivateKeyInCertificate, "private-key-from-env"),
        (CertificateError::EncryptedPrivateKey, "openssl pkey"),
        (CertificateError::Mismatch, "has to come first"),
        (CertificateError::PrivateKeySize { bits: 1024 }, "1024 bits; 2048 to 4096 are accepted"),
        (label("CERTIFICATE", "PUBLIC KEY"), "PEM of `PUBLIC KEY`, `CERTIFICATE` is expected"),
    ] {
        assert!(error.to_string().contains(remedy), "{error}");
    }
}
