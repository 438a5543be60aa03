//! What a public key looks like, in every form that goes about.

use super::published;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::{BigUint, RsaPublicKey};
use serde_json::json;
use validate_jwt_cli::signing::SigningKey;

/// Every text and every bytes that a library might take for the secret when it is given this public key.
pub(super) fn readings(key: &SigningKey) -> Vec<(&'static str, Vec<u8>)> {
    let jwk = published(key);
    let text = |name: &str| jwk[name].as_str().unwrap().as_bytes().to_vec();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let mut readings = vec![
        ("the JWK", jwk.to_string().into_bytes()),
        ("the JWK as it is published", key.jwk().to_string().into_bytes()),
        ("the set", json!({ "keys": [jwk] }).to_string().into_bytes()),
    ];
    let spki = if jwk["kty"] == "RSA" {
        let [n, e] = ["n", "e"].map(|name| BigUint::from_bytes_be(&bytes(name)));
        let key = RsaPublicKey::new(n, e).unwrap();
        let pkcs1 = key.to_pkcs1_der().unwrap().into_vec();
        readings.extend([
            ("the modulus", bytes("n")),
            ("the modulus as a signed number", [&[0], bytes("n").as_slice()].concat()),
            ("the modulus in base64url", text("n")),
            ("the modulus in Base64", STANDARD.encode(bytes("n")).into_bytes()),
            ("the exponent", bytes("e")),
            ("PKCS #1 in DER", pkcs1.clone()),
            ("PKCS #1 in PEM", pem("RSA PUBLIC KEY", &pkcs1, "\n").into_bytes()),
        ]);
        key.to_public_key_der().unwrap().into_vec()
    } else {
        let point = [&[4], bytes("x").as_slice(), &bytes("y")].concat();
        readings.extend([
            ("the point", point.clone()),
            ("the first coordinate", bytes("x")),
            ("the first coordinate in base64url", text("x")),
        ]);
        p256::PublicKey::from_sec1_bytes(&point).unwrap().to_public_key_der().unwrap().into_vec()
    };
    let in_pem = pem("PUBLIC KEY", &spki, "\n");
    readings.extend([
        ("DER", spki.clone()),
        ("DER in Base64", STANDARD.encode(&spki).into_bytes()),
        ("PEM without its last line feed", in_pem.trim_end().as_bytes().to_vec()),
        ("PEM with carriage returns", pem("PUBLIC KEY", &spki, "\r\n").into_bytes()),
        ("PEM in one line", in_pem.replace('\n', "").into_bytes()),
        ("PEM", in_pem.into_bytes()),
    ]);
    readings
}

fn pem(label: &str, der: &[u8], line_end: &str) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN {label}-----{line_end}{}{line_end}-----END {label}-----{line_end}",
        lines.join(line_end)
    )
}
