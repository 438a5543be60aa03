//! The examples of RFC 7515, 7517, 7520 §4, 7797 and 8037: what must verify does, and the rest is refused. Those of encryption
//! are in `src/jwe/tests/examples.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail; clippy does not see that the helpers here are a test's"
)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use validate_jwt::{
    algorithm::{Algorithm, AlgorithmSet},
    json::Json,
    jwk::{Jwk, JwkError, KeySet},
    rejection::{Malformed, Part},
    signature::{SymmetricKey, Verifier, VerifyingKey},
    token::{TokenParts, UntrustedToken},
};

/// The claims of RFC 7515 §A.1 to §A.3: of `joe`, who is root.
const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// RFC 7515 §A.4: `Payload`.
const PAYLOAD: &str = "UGF5bG9hZA";

/// RFC 7520 §4: what Bilbo used to say.
const BILBO: &str = "\
    SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUg\
    cm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0\
    IGJlIHN3ZXB0IG9mZiB0by4";

/// RFC 7515 §A.1.1 and RFC 7797 §4.
const A1_SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

/// RFC 7515 §A.2.1.
const A2_KEY: &str = r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;

/// RFC 7515 §A.2.1.
const A2_SIGNATURE: &str = "\
    cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9\
    uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB\
    _eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq\
    Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// RFC 7515 §A.3.1.
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 7515 §A.4.1.
const A4_KEY: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;
const A4_SIGNATURE: &str = "\
    AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCA\
    PZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

/// RFC 7520 §3.3.
const BILBO_RSA: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"}"#;

/// RFC 7520 §3.1.
const BILBO_EC: &str = r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#;

/// RFC 7520 §3.5.
const BILBO_SECRET: &str = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";

/// RFC 7520 §4.1.
const C1_SIGNATURE: &str = "\
    MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi8\
    4wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocS\
    adnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu\
    shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";

/// RFC 7520 §4.2.
const C2_SIGNATURE: &str = "\
    cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItl\
    lVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0\
    TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0\
    uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";

/// RFC 7520 §4.3.
const C3_SIGNATURE: &str = "\
    AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_\
    sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";

/// RFC 7520 §4.4 and §4.5.
const C4_HEADER: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9";
const C4_SIGNATURE: &str = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";

/// An example in compact serialization: parts of a token, and the key.
struct Example {
    name: &'static str,
    algorithm: Algorithm,
    /// A JWK, or a secret.
    key: &'static str,
    header: &'static str,
    payload: &'static str,
    signature: &'static str,
}

const EXAMPLES: [Example; 10] = [
    Example {
        name: "RFC 7515 §A.1",
        algorithm: Algorithm::Hs256,
        key: A1_SECRET,
        header: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        payload: JOE,
        signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    },
    Example {
        name: "RFC 7515 §A.2",
        algorithm: Algorithm::Rs256,
        key: A2_KEY,
        header: "eyJhbGciOiJSUzI1NiJ9",
        payload: JOE,
        signature: A2_SIGNATURE,
    },
    Example {
        name: "RFC 7515 §A.3",
        algorithm: Algorithm::Es256,
        key: A3_KEY,
        header: "eyJhbGciOiJFUzI1NiJ9",
        payload: JOE,
        signature: A3_SIGNATURE,
    },
    Example {
        name: "RFC 7515 §A.4",
        algorithm: Algorithm::Es512,
        key: A4_KEY,
        header: "eyJhbGciOiJFUzUxMiJ9",
        payload: PAYLOAD,
        signature: A4_SIGNATURE,
    },
    Example {
        name: "RFC 7520 §4.1",
        algorithm: Algorithm::Rs256,
        key: BILBO_RSA,
        header: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: BILBO,
        signature: C1_SIGNATURE,
    },
    Example {
        name: "RFC 7520 §4.2",
        algorithm: Algorithm::Ps384,
        key: BILBO_RSA,
        header: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: BILBO,
        signature: C2_SIGNATURE,
    },
    Example {
        name: "RFC 7520 §4.3",
        algorithm: Algorithm::Es512,
        key: BILBO_EC,
        header: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: BILBO,
        signature: C3_SIGNATURE,
    },
    Example {
        name: "RFC 7520 §4.4",
        algorithm: Algorithm::Hs256,
        key: BILBO_SECRET,
        header: C4_HEADER,
        payload: BILBO,
        signature: C4_SIGNATURE,
    },
    Example {
        name: "RFC 7797 §4.1",
        algorithm: Algorithm::Hs256,
        key: A1_SECRET,
        header: "eyJhbGciOiJIUzI1NiJ9",
        payload: "JC4wMg",
        signature: "5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ",
    },
    Example {
        name: "RFC 8037 §A.4",
        algorithm: Algorithm::Ed25519,
        key: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        header: "eyJhbGciOiJFZERTQSJ9",
        payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    },
];

impl Example {
    fn key(&self) -> VerifyingKey {
        if self.key.starts_with('{') {
            return jwk(self.key).unwrap().key;
        }
        VerifyingKey::Symmetric(SymmetricKey::new(decode(self.key)).unwrap())
    }

    fn signing_input(&self) -> String {
        format!("{}.{}", self.header, self.payload)
    }

    fn token(&self) -> String {
        format!("{}.{}", self.signing_input(), self.signature)
    }
}

fn jwk(text: &str) -> Result<Jwk, JwkError> {
    Jwk::parse(&Json::parse(text.as_bytes()).unwrap().into_object().unwrap())
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn refusal(token: &str) -> Malformed {
    TokenParts::decode(token.as_bytes())
        .and_then(|parts| UntrustedToken::parse(&parts).map(drop))
        .unwrap_err()
}

fn verifies(algorithm: Algorithm, key: &VerifyingKey, input: &str, signature: &[u8]) -> bool {
    Verifier::rust_only().verify(algorithm, key, input.as_bytes(), signature)
}

#[test]
fn signatures_verify_under_their_algorithm_and_no_other() {
    let asymmetric = AlgorithmSet::asymmetric();
    let hmac = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
    for example in &EXAMPLES {
        let Example { name, algorithm: own, .. } = example;
        let (key, input, signature) = (example.key(), example.signing_input(), decode(example.signature));
        for algorithm in asymmetric.iter().chain(hmac) {
            let is_good = verifies(algorithm, &key, &input, &signature);
            assert_eq!(is_good, algorithm == *own, "{name} {algorithm}");
        }
        for index in 0..signature.len() {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert!(!verifies(*own, &key, &input, &changed), "{name}: byte {index} of the signature");
        }
        for other in EXAMPLES.iter().filter(|other| other.key != example.key) {
            assert!(!verifies(*own, &other.key(), &input, &signature), "{name} by the key of {}", other.name);
        }
        assert!(!verifies(*own, &key, &format!("{input}A"), &signature), "{name}: another payload");
    }
}

#[test]
fn those_that_are_jwts_are_tokens_and_the_others_are_not() {
    for example in &EXAMPLES {
        let text = example.token();
        let parts = TokenParts::decode(text.as_bytes()).unwrap();
        let token = UntrustedToken::parse(&parts);
        if example.payload == JOE {
            let token = token.unwrap();
            assert_eq!(Algorithm::from_name(&token.header().algorithm_name), Some(example.algorithm));
            let verified = token.verify(&Verifier::rust_only(), example.algorithm, &example.key());
            assert_eq!(verified.unwrap().claims().issuer(), Some("joe"), "{}", example.name);
        } else {
            // They sign a text that is no claims.
            assert!(matches!(token.unwrap_err(), Malformed::Json(Part::Payload, _)), "{}", example.name);
        }
    }
}

#[test]
fn the_unsigned_one_is_verified_by_no_key() {
    let text = format!("eyJhbGciOiJub25lIn0.{JOE}.");
    let parts = TokenParts::decode(text.as_bytes()).unwrap();
    let token = UntrustedToken::parse(&parts).unwrap();
    assert!(token.is_unsigned());
    assert_eq!(Algorithm::from_name(&token.header().algorithm_name), None);
    for example in &EXAMPLES {
        let verified = token.verify(&Verifier::rust_only(), example.algorithm, &example.key());
        assert!(verified.is_none(), "{}", example.name);
    }
}

/// RFC 7515 §A.6 and §A.7, RFC 7520 §4.6 to §4.8, RFC 7797 §4.2: good signatures in a form that is no JWT (RFC 7519 §3).
#[test]
fn json_serializations_are_refused() {
    let rs256 = format!(
        r#"{{"protected":"eyJhbGciOiJSUzI1NiJ9","header":{{"kid":"2010-12-29"}},"signature":"{A2_SIGNATURE}"}}"#
    );
    let es256 = format!(
        r#"{{"protected":"eyJhbGciOiJFUzI1NiJ9","header":{{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}},"signature":"{A3_SIGNATURE}"}}"#
    );
    let hs256 = format!(r#"{{"protected":"{C4_HEADER}","signature":"{C4_SIGNATURE}"}}"#);
    let forms = [
        format!(r#"{{"payload":"{JOE}","signatures":[{rs256},{es256}]}}"#),
        format!(r#"{{"payload":"{JOE}","signatures":[{rs256}]}}"#),
        format!(r#"{{"payload":"{JOE}",{}"#, es256.strip_prefix('{').unwrap()),
        format!(r#"{{"payload":"{BILBO}","protected":"eyJhbGciOiJIUzI1NiJ9","header":{{"kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"}},"signature":"bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"}}"#),
        format!(r#"{{"payload":"{BILBO}","header":{{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"}},"signature":"xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk"}}"#),
        format!(r#"{{"payload":"{BILBO}","signatures":[{hs256}]}}"#),
        format!(r#"{{"payload":"{BILBO}",{}"#, hs256.strip_prefix('{').unwrap()),
        r#"{"protected":"eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19","payload":"$.02","signature":"A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"}"#.to_owned(),
    ];
    for form in forms {
        assert_eq!(refusal(&form), Malformed::PartCount, "{form}");
        assert!(TokenParts::decode(format!("{form}..").as_bytes()).is_err(), "{form}");
    }
}

/// RFC 7520 §4.5 and RFC 7797 §4.2: the payload is elsewhere, or is not encoded.
#[test]
fn detached_and_unencoded_payloads_are_refused() {
    let detached = format!("{C4_HEADER}..{C4_SIGNATURE}");
    assert!(matches!(refusal(&detached), Malformed::Json(Part::Payload, _)));
    let header = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19";
    let signature = "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY";
    let key = VerifyingKey::Symmetric(SymmetricKey::new(decode(A1_SECRET)).unwrap());
    let input = format!("{header}.$.02");
    assert!(verifies(Algorithm::Hs256, &key, &input, &decode(signature)), "as the RFC has it");
    assert_eq!(refusal(&format!("{header}..{signature}")), Malformed::Critical);
    assert_eq!(refusal(&format!("{header}.JC4wMg.{signature}")), Malformed::Critical);
    assert_eq!(refusal(&format!("{header}.{JOE}.{signature}")), Malformed::Critical);
    assert_eq!(refusal(&format!("{header}.$.02.{signature}")), Malformed::PartCount);
}

/// RFC 7517 §A.1: one key is for encryption, the other is good. RFC 7517 §A.3 and RFC 7520 §3.5: a secret is never published.
#[test]
fn keys_for_something_else_are_left_out_of_a_set() {
    let document = r#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
        {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}
    ]}"#;
    let set = KeySet::parse(document.as_bytes()).unwrap();
    assert_eq!(set.skipped(), [(0, JwkError::NotForSignatures)]);
    let names: Vec<_> = set.keys().iter().map(|key| (key.key_id.as_deref(), key.algorithm)).collect();
    assert_eq!(names, [(Some("2011-04-29"), Some(Algorithm::Rs256))]);
    let without_use = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
    assert!(jwk(without_use).unwrap().serves(Algorithm::Es256));
    for secret in [
        r#"{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}"#.to_owned(),
        format!(
            r#"{{"kty":"oct","kid":"HMAC key used in JWS spec Appendix A.1 example","k":"{A1_SECRET}"}}"#
        ),
        format!(
            r#"{{"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256","k":"{BILBO_SECRET}"}}"#
        ),
    ] {
        assert_eq!(jwk(&secret).unwrap_err(), JwkError::Kind, "{secret}");
    }
}
