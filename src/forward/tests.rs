use super::*;
use crate::{
    algorithm::Algorithm,
    signature::{PublicKey, Verifier, VerifyingKey},
    token::{TokenParts, UntrustedToken},
};

/// What `forward` makes of a token with this payload.
fn headers(forward: &Forward, payload: &str) -> Vec<(String, String)> {
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([1; 32]));
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sk.sign(&input, None);
    let text = format!("{input}.{}", URL_SAFE_NO_PAD.encode(*signature));
    let parts = TokenParts::decode(text.as_bytes()).unwrap();
    let token = UntrustedToken::parse(&parts).unwrap();
    let key = VerifyingKey::Public(PublicKey::ed25519(&*pair.pk).unwrap());
    let verified = token.verify(&Verifier::rust_only(), Algorithm::Ed25519, &key).unwrap();
    let headers = forward.headers(verified).into_iter();
    headers.map(|(name, value)| (name.to_owned(), String::from_utf8(value).unwrap())).collect()
}

/// The value of the header of a claim `c` that is this JSON.
fn value(format: ClaimFormat, claim: &str) -> Option<String> {
    let forward = Forward {
        claims: vec![ClaimHeader { claim: "c".into(), header: "x-c".into(), format }],
        ..Forward::default()
    };
    let headers = headers(&forward, &format!(r#"{{"c":{claim},"d":1}}"#));
    headers.into_iter().map(|(name, value)| (name == "x-c").then_some(value).unwrap()).next()
}

#[test]
fn text_is_the_value_itself_or_nothing() {
    for (claim, expected) in [
        (r#""a b""#, Some("a b")),
        (r#""ünï,;\"\\""#, Some("ünï,;\"\\")),
        (r#""""#, Some("")),
        ("9007199254740993", Some("9007199254740993")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("-9223372036854775808", Some("-9223372036854775808")),
        ("1.50", Some("1.50")),
        ("1E5", Some("1E5")),
        ("true", Some("true")),
        ("false", Some("false")),
        (r#"["a","b c"]"#, Some("a,b c")),
        (r#"["a",1,true,false,9007199254740993]"#, Some("a,1,true,false,9007199254740993")),
        (r#"["a"]"#, Some("a")),
        ("null", None),
        ("[]", None),
        ("{}", None),
        (r#"{"a":"b"}"#, None),
        (r#"["a",["b"]]"#, None),
        (r#"["a",{"b":1}]"#, None),
        (r#"["a",null]"#, None),
        (r#"["a","b,c"]"#, None),
        (r#"["a","b\nc"]"#, None),
        (r#""a\r\nx-admin: 1""#, None),
        (r#""a\u0000""#, None),
        (r#""a\tb""#, None),
        (r#""a\u001f""#, None),
        (r#""a\u007f""#, None),
        (r#"" a""#, None),
        (r#""a ""#, None),
        (r#"["a"," b"]"#, None),
    ] {
        assert_eq!(value(ClaimFormat::Text, claim).as_deref(), expected, "{claim}");
    }
}

#[test]
fn json_is_printable_ascii_with_the_digits_as_they_were() {
    for (claim, expected) in [
        (r#""a\r\nb""#, Some(r#""a\u000d\u000ab""#)),
        (r#"" é ""#, Some(r#"" \u00e9 ""#)),
        ("9007199254740993", Some("9007199254740993")),
        ("true", Some("true")),
        ("[]", Some("[]")),
        (r#"["a,b",[1, 2],null]"#, Some(r#"["a,b",[1,2],null]"#)),
        (r#"{"b": {"é": 1.0}, "a": "\u007f"}"#, Some(r#"{"a":"\u007f","b":{"\u00e9":1.0}}"#)),
        ("null", None),
    ] {
        assert_eq!(value(ClaimFormat::Json, claim).as_deref(), expected, "{claim}");
    }
}

#[test]
fn base64url_is_of_the_text_or_of_the_json() {
    for (claim, decoded) in [
        (r#"" a\r\né??>""#, Some(" a\r\né??>")),
        (r#""""#, Some("")),
        ("9007199254740993", Some("9007199254740993")),
        ("false", Some("false")),
        (r#"["é", 1]"#, Some(r#"["\u00e9",1]"#)),
        (r#"{"a": {}}"#, Some(r#"{"a":{}}"#)),
        ("null", None),
    ] {
        let expected = decoded.map(|text| URL_SAFE_NO_PAD.encode(text));
        assert_eq!(value(ClaimFormat::Base64Url, claim), expected, "{claim}");
    }
    assert_eq!(value(ClaimFormat::Base64Url, r#""??>>""#).as_deref(), Some("Pz8-Pg"));
}

#[test]
fn claims_and_payload_go_to_their_headers() {
    let claim = |claim: &str, header: &str, format| ClaimHeader {
        claim: claim.into(),
        header: header.into(),
        format,
    };
    let forward = Forward {
        claims: vec![
            claim("oid", "x-oid", ClaimFormat::Text),
            claim("roles", "x-roles", ClaimFormat::Text),
            claim("absent", "x-absent", ClaimFormat::Json),
            claim("address.street", "x-street", ClaimFormat::Text),
            claim("oid", "x-oid-json", ClaimFormat::Json),
        ],
        payload_header: Some("x-payload".into()),
        remove_token: false,
    };
    let payload = "{ \"oid\":\"1\",\"roles\":[\"a\",\"b\"], \"address\":{\"street\":\"s\"} }";
    let expected = [("x-oid", "1"), ("x-roles", "a,b"), ("x-oid-json", "\"1\"")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (payload_header, claims) = {
        let mut headers = headers(&forward, payload);
        (headers.pop().unwrap(), headers)
    };
    assert_eq!(claims, expected);
    assert_eq!(payload_header, ("x-payload".to_owned(), URL_SAFE_NO_PAD.encode(payload)));
    assert_eq!(
        forward.header_names().collect::<Vec<_>>(),
        ["x-oid", "x-roles", "x-absent", "x-street", "x-oid-json", "x-payload"]
    );
    assert_eq!(headers(&Forward::default(), payload), []);
}

#[test]
fn a_value_has_a_size() {
    let longest = "a".repeat(MAX_FORWARDED_BYTES);
    assert_eq!(value(ClaimFormat::Text, &format!("\"{longest}\"")), Some(longest.clone()));
    assert_eq!(value(ClaimFormat::Text, &format!("\"{longest}a\"")), None);
    assert_eq!(value(ClaimFormat::Json, &format!("\"{longest}\"")), None, "with its quotes");
    assert_eq!(value(ClaimFormat::Base64Url, &format!("\"{longest}\"")), None, "a third longer");
    let forward = Forward { payload_header: Some("x".into()), ..Forward::default() };
    let payload = |length: usize| format!(r#"{{"a":"{}"}}"#, "a".repeat(length - r#"{"a":""}"#.len()));
    let longest = MAX_FORWARDED_BYTES / 4 * 3;
    assert_eq!(headers(&forward, &payload(longest)).len(), 1);
    assert_eq!(headers(&forward, &payload(longest + 1)).len(), 0);
}

#[test]
fn no_spelling_of_a_written_header_is_let_in() {
    let strip = Strip::new(["x-user-oid", "x_roles", "x-b", "x-user-oid", "X-Upper"]);
    for (name, expected) in [
        ("x-user-oid", true),
        ("X-User-OID", true),
        ("x_user_oid", true),
        ("x-user_oid", true),
        ("X_USER-OID", true),
        ("x.user.oid", true),
        ("x-roles", true),
        ("x_roles", true),
        ("x-upper", true),
        ("x-b", true),
        ("x-user-oi", false),
        ("x-user-oid-", false),
        ("x-user-oids", false),
        ("xuseroid", false),
        ("x-a", false),
        ("", false),
        (":path", false),
    ] {
        assert_eq!(strip.is_stripped(name.as_bytes()), expected, "{name}");
        assert_eq!(is_same_header("x-user-oid", name), expected && name.len() == 10, "{name}");
    }
    assert!(!strip.is_stripped(b"x-user-oid\xff"));
    assert!(!Strip::default().is_stripped(b"x"));
    let strip = Strip::new(["-path", "_method"]);
    assert!(strip.is_stripped(b"_path") && strip.is_stripped(b"-method"));
    assert!(!strip.is_stripped(b":path") && !strip.is_stripped(b":method"), "they make the request");
}
