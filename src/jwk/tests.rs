use super::*;

/// An RSA modulus of `bits` bits, odd, its highest bit set; no key that anybody signs with.
fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    let excess = bytes.len() * 8 - bits;
    bytes[0] >>= excess;
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa(bits: usize, members: &str) -> String {
    format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"{members}}}"#, modulus(bits))
}

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn parse(text: &str) -> Result<Jwk, JwkError> {
    Jwk::parse(&Json::parse(text.as_bytes()).unwrap().into_object().unwrap())
}

fn with(key: &str, members: &str) -> String {
    key.replace("{\"kty\"", &format!("{{{members},\"kty\""))
}

#[test]
fn a_key_without_alg_serves_every_algorithm_of_its_kind() {
    let serves = |text: &str| {
        let key = parse(text).unwrap();
        crate::algorithm::AlgorithmSet::asymmetric()
            .iter()
            .filter(|alg| key.serves(*alg))
            .map(Algorithm::name)
            .collect::<Vec<_>>()
    };
    assert_eq!(serves(&rsa(2048, "")), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
    assert_eq!(serves(&rsa(2048, r#","alg":"PS256""#)), ["PS256"]);
    assert_eq!(serves(P256), ["ES256"]);
    assert_eq!(serves(ED25519), ["EdDSA"]);
    assert_eq!(serves(&with(ED25519, r#""alg":"Ed25519""#)), ["EdDSA"]);
    assert_eq!(serves(&with(ED25519, r#""alg":"EdDSA""#)), ["EdDSA"]);
}

#[test]
fn members_of_a_key() {
    let key = parse(&rsa(
        2048,
        r#","kid":"k","x5t":"t","issuer":"https://a/{tenantid}","use":"sig","x5c":["ignored"]"#,
    ))
    .unwrap();
    assert_eq!(key.key_id.as_deref(), Some("k"));
    assert_eq!(key.thumbprint.as_deref(), Some("t"));
    assert!(key.issuer.unwrap().is_template());
    let key = parse(&rsa(2048, r#","kid":"","x5t":"""#)).unwrap();
    assert_eq!((key.key_id, key.thumbprint), (None, None));
}

#[test]
fn unusable_keys_and_why() {
    for (text, expected) in [
        (rsa(2047, ""), JwkError::Key(KeyFault::RsaTooSmall { bits: 2047 })),
        (rsa(1024, ""), JwkError::Key(KeyFault::RsaTooSmall { bits: 1024 })),
        (rsa(8193, ""), JwkError::Key(KeyFault::RsaTooLarge { bits: 8193 })),
        (r#"{"kty":"RSA","n":"","e":"AQAB"}"#.into(), JwkError::Key(KeyFault::RsaTooSmall { bits: 0 })),
        (rsa(2048, "").replace("AQAB", "AQ"), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", "Ag"), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", "AA"), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", ""), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", &"_".repeat(200)), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", "AQAA"), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", "AgAAAAE"), JwkError::Key(KeyFault::RsaNotAKey)),
        (rsa(2048, "").replace("AQAB", "A=="), JwkError::MemberType("e")),
        (r#"{"kty":"RSA","e":"AQAB"}"#.into(), JwkError::MemberType("n")),
        (r#"{"kty":"RSA","n":7,"e":"AQAB"}"#.into(), JwkError::MemberType("n")),
        (rsa(2048, r#","use":"enc""#), JwkError::NotForSignatures),
        (rsa(2048, r#","use":7"#), JwkError::MemberType("use")),
        (rsa(2048, r#","key_ops":["encrypt"]"#), JwkError::NotForSignatures),
        (rsa(2048, r#","key_ops":[]"#), JwkError::NotForSignatures),
        (rsa(2048, r#","key_ops":"verify""#), JwkError::MemberType("key_ops")),
        (rsa(2048, r#","alg":"RSA-OAEP""#), JwkError::Algorithm),
        (rsa(2048, r#","alg":"ES256""#), JwkError::Algorithm),
        (rsa(2048, r#","kid":7"#), JwkError::MemberType("kid")),
        (P256.replace("P-256", "P-384"), JwkError::Key(KeyFault::NotOnCurve)),
        (P256.replace("x_FE", "x_FF"), JwkError::Key(KeyFault::NotOnCurve)),
        (P256.replace("P-256", "secp256k1"), JwkError::Kind),
        (P256.replace(r#""y""#, r#""z""#), JwkError::MemberType("y")),
        (ED25519.replace("11qY", "11qYAAAA"), JwkError::Key(KeyFault::NotOnCurve)),
        (ED25519.replace("Ed25519", "Ed448"), JwkError::Kind),
        (r#"{"kty":"oct","k":"AAAA"}"#.into(), JwkError::Kind),
        ("{}".into(), JwkError::Kind),
    ] {
        assert_eq!(parse(&text).unwrap_err(), expected, "{text}");
    }
    assert!(parse(&rsa(2048, r#","key_ops":["sign","verify"]"#)).is_ok());
    assert!(parse(&rsa(2048, "")).is_ok() && parse(&rsa(8192, "")).is_ok());
    // 3, and 33 bits that are all set.
    assert!(["Aw", "Af____8"].iter().all(|e| parse(&rsa(2048, "").replace("AQAB", e)).is_ok()));
}

#[test]
fn one_unusable_key_never_spoils_its_set() {
    let document = format!(
        r#"{{"keys":[1,{},{{"kty":"oct","k":"AAAA"}},{}]}}"#,
        rsa(1024, ""),
        with(ED25519, r#""kid":"good""#)
    );
    let set = KeySet::parse(document.as_bytes()).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert_eq!(set.keys()[0].key_id.as_deref(), Some("good"));
    assert_eq!(
        set.skipped(),
        [
            (0, JwkError::NotAnObject),
            (1, JwkError::Key(KeyFault::RsaTooSmall { bits: 1024 })),
            (2, JwkError::Kind),
        ]
    );
}

#[test]
fn a_set_without_usable_keys_is_none() {
    let nothing = |skipped| KeySetError::NoUsableKey { skipped };
    for (text, expected) in [
        (r#"{"keys":[]}"#.to_owned(), nothing(vec![])),
        (r#"{"keys":[{}]}"#.to_owned(), nothing(vec![(0, JwkError::Kind)])),
        (r#"{"keys":{}}"#.to_owned(), KeySetError::NoKeysMember),
        ("{}".to_owned(), KeySetError::NoKeysMember),
        ("[]".to_owned(), KeySetError::NoKeysMember),
        ("<html>".to_owned(), KeySetError::Json(JsonError::Syntax { line: 1, column: 1 })),
        (format!(r#"{{"keys":[{}]}}"#, vec![ED25519; MAX_KEYS + 1].join(",")), KeySetError::TooManyKeys),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), expected, "{text:.60}");
    }
    let full = format!(r#"{{"keys":[{}]}}"#, vec![ED25519; MAX_KEYS].join(","));
    assert_eq!(KeySet::parse(full.as_bytes()).unwrap().keys().len(), MAX_KEYS);
}

#[test]
fn keys_are_found_by_their_name_in_the_order_of_the_document() {
    let key = |y: &str, members: &str| {
        format!(
            r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","x5t":"{y}"{members}}}"#,
            URL_SAFE_NO_PAD.encode([9; 32])
        )
    };
    let keys = [
        key("1", r#","kid":"b""#),
        key("2", r#","kid":"a""#),
        key("3", ""),
        key("4", r#","kid":"b""#),
        key("5", r#","kid":"""#),
        key("6", r#","kid":"ab""#),
        key("7", r#","kid":"b","use":"enc""#),
    ];
    let set = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap();
    for (name, expected) in
        [("a", &["2"][..]), ("b", &["1", "4"]), ("ab", &["6"]), ("", &[]), ("aa", &[]), ("c", &[])]
    {
        let found: Vec<_> = set.named(name).map(|key| key.thumbprint.clone().unwrap()).collect();
        assert_eq!(found, expected, "{name:?}");
    }
}
