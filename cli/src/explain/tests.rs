use super::*;
use crate::explain::told::Verdict;
use crate::signing::{Algorithm, SigningKey};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const SECRET: &str = "QW5kIHRoaXMgaXMgbm9uZSwgZWl0aGVyOiBpdCBzdGFuZHMgaW4gYSB0ZXN0";

fn key() -> SigningKey {
    SigningKey::from_secret(Algorithm::Hs256, b"And this is none, either: it stands in a test").unwrap()
}

fn case(place: &Value, request: RequestText) -> Case {
    let mut policy = json!({ "issuer-signing-keys": [{ "value": SECRET }], "audiences": ["a"] });
    for (name, value) in place.as_object().unwrap() {
        policy[name] = value.clone();
    }
    let configuration = json!({ "validate-jwt": policy }).to_string();
    let configuration = Configuration::parse(configuration.as_bytes(), &|_| None).unwrap();
    Case::new(configuration, request, Publisher::Nobody, NOW).unwrap()
}

fn token() -> String {
    key().sign(&json!({ "alg": "HS256" }), &json!({ "aud": "a", "exp": 1_800_000_000 })).unwrap()
}

/// A request with the token that is to be placed.
fn with_token(target: &str) -> RequestText {
    let mut request = RequestText::default();
    target.clone_into(&mut request.target);
    request.token = Some(token());
    request
}

fn verdict(told: &told::Told<'_>) -> Verdict {
    told.verdict()
}

#[test]
fn the_token_is_put_where_the_policy_looks() {
    for place in [
        json!({ "header-name": "Authorization" }),
        json!({ "header-name": "Authorization", "require-scheme": "JWT" }),
        json!({ "header-name": "x-token" }),
        json!({ "query-parameter-name": "a&b" }),
        json!({ "token-value": { "cookie": "session" } }),
        json!({ "token-value": { "property": ["filter_state", "token"] } }),
    ] {
        for target in ["/", "/?a=b"] {
            let request = with_token(target);
            let held = case(&place, request);
            assert_eq!(held.tell(verdict), Verdict::Allow, "{place}");
            let missing = case(&place, RequestText::default());
            assert_eq!(
                missing.tell(|told| told.because().unwrap().reason().name()),
                "TokenNotPresent",
                "{place}"
            );
        }
    }
}

#[test]
fn colours_are_for_terminals() {
    let request = with_token("/");
    let case = case(&json!({ "header-name": "Authorization" }), request);
    let render = |is_coloured| case.tell(|told| text::render(told, text::Palette::new(is_coloured)));
    let (plain, coloured) = (render(false), render(true));
    assert!(plain.starts_with("allowed: the token is good\n"), "{plain}");
    assert!(!plain.contains('\u{1b}'));
    assert!(coloured.starts_with("\u{1b}[32mallowed\u{1b}[0m: the token is good\n"), "{coloured:?}");
    let codes = ["\u{1b}[32m", "\u{1b}[31;1m", "\u{1b}[33m", "\u{1b}[2m", "\u{1b}[0m"];
    assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
}

#[test]
fn requests_are_read_as_they_are_sent() {
    let request =
        RequestText::parse(b"\r\nPOST /a?b HTTP/1.1\r\nHost: h:1\r\nX-A: 1 \r\nx-a:2\r\n\r\nx-b: 3").unwrap();
    assert_eq!(
        (request.method.as_str(), request.target.as_str(), request.host.as_deref()),
        ("POST", "/a?b", Some("h:1"))
    );
    let headers = request.headers();
    let own: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with(b"x-")).collect();
    assert_eq!(own.len(), 2);
    assert_eq!((&*own[0].1, &*own[1].1), (&b"1"[..], &b"2"[..]));
    for wrong in ["", "\n\n", "GET", "GET / HTTP/1.1\nno header", "GET / HTTP/1.1\nwith blank : x"] {
        assert!(RequestText::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert!(RequestText::parse(b"GET /\xff HTTP/1.1").is_err());
}

#[test]
fn documents_are_a_map_or_a_key_set() {
    assert!(matches!(Documents::parse(br#"{ "keys": [] }"#), Ok(Documents::KeySet(_))));
    assert!(matches!(Documents::parse(br#"{ "https://a/": {} }"#), Ok(Documents::ByUrl(_))));
    for wrong in ["", "[]", r#"{ "a": {} }"#, "null"] {
        assert!(Documents::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
